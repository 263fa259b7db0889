//! Which era a fresh process is of (2026-07-28, stdio, "Backward Compatibility").

use std::pin::pin;
use std::time::Duration;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Failure, Fragment, Id, Kind, Message, PROTOCOL_VERSION, code};

use super::process::Process;
use super::stream;
use crate::duplex::cancellation;

/// What a fresh process turned out to be.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It knows `server/discover`.
    Modern,
    /// It does not, or keeps silent.
    Legacy,
    /// It went away over the question, or before it.
    Gone(Failure),
}

const VERSIONS_WITH_SESSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Asks a process that was asked nothing before.
pub(super) async fn probe(process: &Process, patience: Duration) -> Verdict {
    let message = discover();
    let asked = async {
        let exchange = process.duplex().expect(&message).map_err(stream::into_failure)?;
        process.send(&message).await?;
        let mut exchange = pin!(exchange);
        loop {
            match stream::next(&mut exchange).await {
                Some(Ok(answer)) if answer.is_answer() => return Ok(judge(&answer)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(stream::into_failure(error)),
                None => return Ok(Verdict::Legacy),
            }
        }
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(failure)) => match process.broken() {
            Some(_) => Verdict::Gone(failure),
            None => Verdict::Legacy,
        },
        Err(_) => {
            process.cancel(cancellation(&id(), "no answer in time"));
            Verdict::Legacy
        }
    }
}

fn judge(answer: &Message) -> Verdict {
    let is_modern = match (answer.kind(), answer.error_code()) {
        (Kind::Result, _) => {
            versions(answer.result(), &["supportedVersions"]).is_some_and(|it| is_modern(&it))
        }
        (_, Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY)) => true,
        (_, Some(code::UNSUPPORTED_VERSION)) => {
            versions(answer.error(), &["data", "supported"]).is_none_or(|it| is_modern(&it))
        }
        _ => false,
    };
    if is_modern { Verdict::Modern } else { Verdict::Legacy }
}

/// A server that lists old versions alone is asked in one of them. One that lists newer ones than ours knows how to say
/// that in a modern way.
fn is_modern(versions: &[String]) -> bool {
    versions.iter().any(|version| version == PROTOCOL_VERSION)
        || !versions.iter().any(|version| VERSIONS_WITH_SESSIONS.contains(&&**version))
}

fn versions(object: Option<&[u8]>, path: &[&str]) -> Option<Vec<String>> {
    let object = object?;
    let range = json::find(object, path).ok()??;
    json::from_slice(object.get(range)?).ok()
}

/// A string, which no request of a session uses: a late answer must not be taken for that of another request.
fn id() -> Id {
    Id::from("portcullis-probe")
}

fn discover() -> Message {
    let params = format!(
        r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{PROTOCOL_VERSION}","io.modelcontextprotocol/clientInfo":{{"name":"portcullis","version":"{}"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#,
        env!("CARGO_PKG_VERSION")
    );
    let params = Fragment::parse(params).unwrap_or_else(|_| Fragment::empty());
    Message::from_request(&id(), "server/discover", &params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_the_eras_apart() {
        for (answer, modern) in [
            (r#""result":{"supportedVersions":["2026-07-28"]}"#, true),
            (r#""result":{"supportedVersions":["2025-11-25","2026-07-28"]}"#, true),
            (r#""result":{"supportedVersions":["2025-11-25"]}"#, false),
            (r#""result":{"supportedVersions":["2027-01-01"]}"#, true),
            (r#""result":{}"#, false),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2027-01-01"]}}"#, true),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2025-06-18"]}}"#, false),
            (r#""error":{"code":-32022,"message":""}"#, true),
            (r#""error":{"code":-32021,"message":""}"#, true),
            (r#""error":{"code":-32601,"message":"Method not found"}"#, false),
            (r#""error":{"code":-32602,"message":"Invalid request parameters"}"#, false),
            (r#""error":{"code":-32000,"message":"Server not initialized"}"#, false),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"portcullis-probe",{answer}}}"#);
            let verdict = judge(&Message::parse(text.into()).unwrap());
            assert_eq!(matches!(verdict, Verdict::Modern), modern, "{answer}");
        }
    }

    #[test]
    fn the_question_is_a_modern_one() {
        assert!(portcullis_mcp_jsonrpc::check_meta(&discover()).is_ok());
    }
}
