//! What a server of unknown era is asked, and what its answer says: `server/discover`, which every modern server knows and
//! no legacy one (2026-07-28, stdio and Streamable HTTP, "Backward Compatibility").

use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Fragment, Id, Kind, Message, PROTOCOL_VERSION, code};

/// What the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Modern,
    /// A session is worth a try.
    Legacy,
    /// Nothing.
    Undecided,
}

/// The revisions that know sessions.
const LEGACY_VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The id of the question: a string, which no request of a session uses, since a late answer must not be taken for that of
/// another request.
pub(crate) fn id() -> Id {
    Id::from("portcullis-probe")
}

/// The question.
pub(crate) fn discover() -> Message {
    let params = format!(
        r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{PROTOCOL_VERSION}","io.modelcontextprotocol/clientInfo":{{"name":"portcullis","version":"{}"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#,
        env!("CARGO_PKG_VERSION")
    );
    let params = Fragment::parse(params).unwrap_or_else(|_| Fragment::empty());
    Message::from_request(&id(), "server/discover", &params)
}

/// Judges an answer by its words alone, so never as undecided.
///
/// Of errors only those that no legacy server gives make a server modern. One that refuses our version and names no other
/// is of no use as a modern server, so a session is tried.
pub(crate) fn of_answer(answer: &Message) -> Verdict {
    match (answer.kind(), answer.error_code()) {
        (Kind::Result, _) => of_versions(versions(answer.result(), &["supportedVersions"]).as_deref()),
        (_, Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY)) => Verdict::Modern,
        (_, Some(code::UNSUPPORTED_VERSION)) => match supported(answer) {
            Some(versions) => of_versions(Some(&versions)),
            None => Verdict::Legacy,
        },
        _ => Verdict::Legacy,
    }
}

/// A server that speaks this version is asked in it. One that speaks other new ones only is asked in it too, and says no
/// in its own words.
pub(crate) fn of_versions(versions: Option<&[String]>) -> Verdict {
    let lists =
        |version: &str| versions.is_some_and(|versions| versions.iter().any(|listed| listed == version));
    if !lists(PROTOCOL_VERSION) && LEGACY_VERSIONS.iter().any(|version| lists(version)) {
        return Verdict::Legacy;
    }
    Verdict::Modern
}

/// The versions that an error of an unsupported version lists.
pub(crate) fn supported(error: &Message) -> Option<Vec<String>> {
    versions(error.error(), &["data", "supported"])
}

fn versions(object: Option<&[u8]>, path: &[&str]) -> Option<Vec<String>> {
    let object = object?;
    let range = json::find(object, path).ok()??;
    json::from_slice(object.get(range)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_a_modern_one() {
        assert!(portcullis_mcp_jsonrpc::check_meta(&discover()).is_ok());
    }

    #[test]
    fn words_tell_the_eras_apart() {
        use Verdict::{Legacy, Modern};
        for (answer, wanted) in [
            (r#""result":{"supportedVersions":["2026-07-28"]}"#, Modern),
            (r#""result":{"supportedVersions":["2025-11-25","2026-07-28"]}"#, Modern),
            (r#""result":{"supportedVersions":["2025-11-25"]}"#, Legacy),
            (r#""result":{"supportedVersions":["2027-01-01"]}"#, Modern),
            (r#""result":{"supportedVersions":"2025-11-25"}"#, Modern),
            (r#""result":{}"#, Modern),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2026-07-28"]}}"#, Modern),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2027-01-01"]}}"#, Modern),
            (r#""error":{"code":-32022,"message":"","data":{"supported":["2025-06-18"]}}"#, Legacy),
            (
                r#""error":{"code":-32022,"message":"","data":{"supported":["2027-01-01","2025-06-18"]}}"#,
                Legacy,
            ),
            (r#""error":{"code":-32022,"message":"","data":{"supported":[1]}}"#, Legacy),
            (r#""error":{"code":-32022,"message":""}"#, Legacy),
            (r#""error":{"code":-32021,"message":""}"#, Modern),
            (r#""error":{"code":-32020,"message":""}"#, Modern),
            (r#""error":{"code":-32601,"message":"Method not found"}"#, Legacy),
            (r#""error":{"code":-32602,"message":"Invalid request parameters"}"#, Legacy),
            (r#""error":{"code":-32000,"message":"Server not initialized"}"#, Legacy),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"portcullis-probe",{answer}}}"#);
            assert_eq!(of_answer(&Message::parse(text.into()).unwrap()), wanted, "{answer}");
        }
    }
}
