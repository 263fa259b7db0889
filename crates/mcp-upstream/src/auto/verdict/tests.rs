#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

use portcullis_mcp_jsonrpc::FailureKind;

fn answer(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

fn error(code: i64, data: &str) -> Message {
    answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no"{data}}}}}"#))
}

fn discovered(versions: &str) -> Message {
    answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"capabilities":{{}}{versions}}}}}"#))
}

#[test]
fn an_answer_to_discover_tells_the_era() {
    use Verdict::{Legacy, Modern, Undecided};
    let supported = |versions: &str| format!(r#","data":{{"supported":{versions}}}"#);
    let table = [
        ("a result", 200, Some(discovered(r#","supportedVersions":["2026-07-28"]"#)), Modern),
        ("both eras", 200, Some(discovered(r#","supportedVersions":["2025-11-25","2026-07-28"]"#)), Modern),
        ("a result that lists nothing", 200, Some(discovered("")), Modern),
        ("only old versions", 200, Some(discovered(r#","supportedVersions":["2025-11-25"]"#)), Legacy),
        ("only versions to come", 200, Some(discovered(r#","supportedVersions":["2027-01-01"]"#)), Modern),
        ("-32022", 400, Some(error(-32022, &supported(r#"["2026-07-28"]"#))), Modern),
        ("-32022, other versions", 400, Some(error(-32022, &supported(r#"["2027-01-01"]"#))), Modern),
        (
            "-32022, old versions",
            400,
            Some(error(-32022, &supported(r#"["2027-01-01","2025-06-18"]"#))),
            Legacy,
        ),
        ("-32022 without a list", 400, Some(error(-32022, "")), Legacy),
        ("-32022, no list of texts", 400, Some(error(-32022, &supported("[1]"))), Legacy),
        ("-32020", 400, Some(error(-32020, "")), Modern),
        ("-32021", 400, Some(error(-32021, "")), Modern),
        ("server-everything", 400, Some(error(-32000, "")), Legacy),
        ("no such method", 404, Some(error(-32601, "")), Legacy),
        ("no such method, as a result", 200, Some(error(-32601, "")), Legacy),
        ("wrong params", 400, Some(error(-32602, "")), Legacy),
        ("a failure in words", 500, Some(error(-32603, "")), Undecided),
        ("a page", 404, None, Legacy),
        ("no POST", 405, None, Legacy),
        ("no such media type", 415, None, Legacy),
        ("credentials", 401, None, Undecided),
        ("credentials", 403, None, Undecided),
        ("load", 429, None, Undecided),
        ("patience", 408, None, Undecided),
        ("a failure", 502, None, Undecided),
        ("a redirect", 307, None, Undecided),
        ("garbage", 200, None, Undecided),
    ];
    for (name, status, message, wanted) in table {
        let status = StatusCode::from_u16(status).ok();
        assert_eq!(of_discover(status, message.as_ref()), wanted, "{name}");
    }
    assert_eq!(of_discover(None, None), Undecided, "no response");
}

#[test]
fn a_doubt_has_a_reason() {
    let old = r#","data":{"supported":["2025-11-25"]}"#;
    let table = [
        ("a result", 200, Some(discovered("")), false),
        ("a tool's error", 200, Some(error(-32603, "")), false),
        ("no such session", 404, Some(error(-32001, "")), true),
        ("not initialized", 400, Some(error(-32000, "")), true),
        ("no such method", 404, Some(error(-32601, "")), true),
        ("no such method", 200, Some(error(-32601, "")), true),
        ("no such tool", 400, Some(error(-32602, "")), false),
        ("no such tool", 200, Some(error(-32602, "")), false),
        ("the headers", 400, Some(error(-32020, "")), false),
        ("a version", 400, Some(error(-32022, "")), false),
        ("no new version any more", 400, Some(error(-32022, old)), true),
        ("a page", 404, None, true),
        ("no POST", 405, None, true),
        ("credentials", 401, None, false),
        ("a failure", 500, None, false),
        ("garbage", 200, None, false),
    ];
    for (name, status, message, wanted) in table {
        let outcome = message.map(Reply::message).ok_or_else(|| Failure::new(FailureKind::Garbage));
        assert_eq!(casts_doubt(StatusCode::from_u16(status).ok(), &outcome), wanted, "{name} {status}");
    }
    assert!(!casts_doubt(None, &Err(Failure::new(FailureKind::Unreachable))), "no response");
}
