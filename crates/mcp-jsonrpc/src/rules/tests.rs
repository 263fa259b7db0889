use bytes::Bytes;
use http::header::AUTHORIZATION;
use portcullis_testkit::Ask;

use super::{Violation, check};
use crate::{Message, code, header};

fn verdict(ask: &Ask) -> Result<(), Violation> {
    let message = Message::parse(ask.text()).unwrap();
    check(&message, ask.http().headers())
}

/// One row per rule of the Streamable HTTP page, "Request Metadata", and of "Per-request protocol fields".
#[test]
fn each_rule() {
    let list = || Ask::new("tools/list");
    let tool = || Ask::tool("echo");
    let with_name = |value| tool().header(header::MCP_NAME, value);
    let version = header::MCP_PROTOCOL_VERSION;

    const PASS: Option<i64> = None;
    const MISMATCH: Option<i64> = Some(code::HEADER_MISMATCH);
    const PARAMS: Option<i64> = Some(code::INVALID_PARAMS);
    const UNSUPPORTED: Option<i64> = Some(code::UNSUPPORTED_VERSION);
    for (name, ask, code) in [
        ("a list", list(), PASS),
        ("a tool", tool(), PASS),
        ("a prompt", Ask::prompt("greet"), PASS),
        ("a resource", Ask::resource("file:///a%20b"), PASS),
        ("an unknown method", Ask::new("x-vendor/thing"), PASS),
        // `_meta`
        ("no _meta", tool().without_meta(), PARAMS),
        ("no version in _meta", tool().without_version(), PARAMS),
        ("a version that is no string", tool().meta("io.modelcontextprotocol/protocolVersion", "1"), PARAMS),
        ("no capabilities", tool().without_capabilities(), PARAMS),
        ("capabilities that are no object", tool().capabilities("[]"), PARAMS),
        ("no params", list().body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#), PARAMS),
        // MCP-Protocol-Version
        ("no version header", tool().without_header(&version), MISMATCH),
        ("another version in the header", tool().header(version.clone(), "2025-11-25"), MISMATCH),
        ("another version in _meta", tool().version("2025-11-25"), MISMATCH),
        ("v999 in both", tool().header(version.clone(), "v999").version("v999"), UNSUPPORTED),
        (
            "a legacy one in both",
            tool().header(version.clone(), "2025-11-25").version("2025-11-25"),
            UNSUPPORTED,
        ),
        ("an older client", list().header(version.clone(), "2025-06-18").without_meta(), UNSUPPORTED),
        ("the version header twice", tool().header_again(version.clone(), "2026-07-28"), MISMATCH),
        ("a version header that is no text", tool().header(version.clone(), "2026\u{e9}"), MISMATCH),
        ("an empty version in both", tool().header(version.clone(), "").version(""), UNSUPPORTED),
        // initialize
        (
            "initialize",
            Ask::new("initialize")
                .without_meta()
                .without_header(&version)
                .param("protocolVersion", "\"2025-11-25\""),
            UNSUPPORTED,
        ),
        ("initialize with a header", Ask::new("initialize").without_meta(), UNSUPPORTED),
        ("initialize, and modern", Ask::new("initialize"), PASS),
        // Mcp-Method
        ("no method header", list().without_header(&header::MCP_METHOD), MISMATCH),
        ("another method", list().header(header::MCP_METHOD, "tools/call"), MISMATCH),
        ("another case", list().header(header::MCP_METHOD, "Tools/List"), MISMATCH),
        ("the method header twice", list().header_again(header::MCP_METHOD, "tools/list"), MISMATCH),
        ("an encoded method", list().header(header::MCP_METHOD, "=?base64?dG9vbHMvbGlzdA==?="), MISMATCH),
        // Mcp-Name
        ("no name header", tool().without_header(&header::MCP_NAME), MISMATCH),
        ("another name", with_name("delete"), MISMATCH),
        ("another case", with_name("Echo"), MISMATCH),
        ("an empty name header", with_name(""), MISMATCH),
        ("the name header twice", tool().header_again(header::MCP_NAME, "echo"), MISMATCH),
        ("an encoded name", with_name("=?base64?ZWNobw==?="), PASS),
        ("another encoded name", with_name("=?base64?ZGVsZXRl?="), MISMATCH),
        ("encoded without padding", with_name("=?base64?ZWNobw?="), MISMATCH),
        ("encoded in no alphabet", with_name("=?base64?!!!!?="), MISMATCH),
        ("encoded, not UTF-8", with_name("=?base64?/w==?="), MISMATCH),
        ("a name that is no ASCII", Ask::tool("größe"), PASS),
        ("a raw name that is no ASCII", Ask::tool("größe").header(header::MCP_NAME, "größe"), MISMATCH),
        ("a name in spaces", Ask::tool(" echo "), PASS),
        ("a name in spaces, as it is", Ask::tool(" echo ").header(header::MCP_NAME, " echo "), MISMATCH),
        ("a header in spaces", with_name(" echo"), MISMATCH),
        ("a name that looks encoded", Ask::tool("=?base64?ZWNobw==?="), PASS),
        (
            "a name that looks encoded, as it is",
            Ask::tool("=?base64?ZWNobw==?=").header(header::MCP_NAME, "=?base64?ZWNobw==?="),
            MISMATCH,
        ),
        ("no name", tool().without_param("name"), PARAMS),
        ("a name that is no string", tool().param("name", "1"), PARAMS),
        ("a prompt without a name", Ask::prompt("x").without_param("name"), PARAMS),
        ("a resource without a URI", Ask::resource("x").without_param("uri"), PARAMS),
        (
            "a resource named by its name",
            Ask::resource("x").param("uri", "\"y\"").param("name", "\"x\""),
            MISMATCH,
        ),
        ("a name where none is needed", list().header(header::MCP_NAME, "x"), PASS),
        (
            "a wrong name where none is needed",
            list().header(header::MCP_NAME, "x").param("name", "\"y\""),
            MISMATCH,
        ),
        // Whatever else there may be.
        ("a session", tool().header(header::MCP_SESSION_ID, "s"), PASS),
        ("a parameter nobody knows", tool().header_again("mcp-param-x".parse().unwrap(), "y"), PASS),
        ("credentials", tool().header(AUTHORIZATION, "Bearer x"), PASS),
    ] {
        assert_eq!(verdict(&ask).err().map(|violation| violation.code), code, "{name}");
    }
}

/// Of several faults, the one is told that the client has to deal with first.
#[test]
fn the_order_of_conflicts() {
    let version = header::MCP_PROTOCOL_VERSION;
    let v999 = || Ask::tool("echo").header(version.clone(), "v999").version("v999");
    for (name, ask, code) in [
        ("the version before the capabilities", v999().without_capabilities(), code::UNSUPPORTED_VERSION),
        (
            "the version before the method",
            v999().header(header::MCP_METHOD, "tools/list"),
            code::UNSUPPORTED_VERSION,
        ),
        ("the version before the name", v999().without_header(&header::MCP_NAME), code::UNSUPPORTED_VERSION),
        (
            "an older client before its missing _meta",
            v999().without_meta().without_header(&header::MCP_METHOD),
            code::UNSUPPORTED_VERSION,
        ),
        (
            "initialize before everything",
            Ask::new("initialize")
                .without_meta()
                .without_header(&version)
                .without_header(&header::MCP_METHOD),
            code::UNSUPPORTED_VERSION,
        ),
        (
            "a missing header before a missing _meta",
            Ask::tool("echo").without_meta().without_header(&version),
            code::HEADER_MISMATCH,
        ),
        (
            "_meta before the method",
            Ask::tool("echo").without_capabilities().without_header(&header::MCP_METHOD),
            code::INVALID_PARAMS,
        ),
        (
            "the method before the name",
            Ask::tool("echo").without_param("name").header(header::MCP_METHOD, "x"),
            code::HEADER_MISMATCH,
        ),
        (
            "the name in the body before that in the header",
            Ask::tool("echo").without_param("name").without_header(&header::MCP_NAME),
            code::INVALID_PARAMS,
        ),
    ] {
        assert_eq!(verdict(&ask).unwrap_err().code, code, "{name}");
    }
}

#[test]
fn an_unsupported_version_is_told_what_is_supported() {
    let data = |ask: &Ask| verdict(ask).unwrap_err().data.unwrap();
    let version = header::MCP_PROTOCOL_VERSION;
    let v999 = Ask::tool("echo").header(version.clone(), "v999").version("v999");
    assert_eq!(data(&v999), r#"{"supported":["2026-07-28"],"requested":"v999"}"#);
    let initialize = Ask::new("initialize").without_meta().without_header(&version);
    let requests = |version: &str| data(&initialize.clone().param("protocolVersion", version));
    assert_eq!(requests("\"2025-11-25\""), r#"{"supported":["2026-07-28"],"requested":"2025-11-25"}"#);
    assert_eq!(data(&initialize), r#"{"supported":["2026-07-28"],"requested":""}"#);
    assert_eq!(requests("7"), r#"{"supported":["2026-07-28"],"requested":""}"#);
}

/// What a client sends is repeated up to a bound, wherever the bound falls in a character.
#[test]
fn what_is_repeated_of_a_request_is_bounded() {
    for (text, most) in [("x".repeat(100_000), 64), (format!("x{}", "ö".repeat(100_000)), 128)] {
        let ask = Ask::new("initialize").without_meta().param("protocolVersion", format!("{text:?}"));
        let data = verdict(&ask).unwrap_err().data.unwrap();
        let wrapping = r#"{"supported":["2026-07-28"],"requested":""}"#.len();
        assert!(data.len() <= wrapping + most, "{} bytes", data.len());
    }
}

#[test]
fn notifications_need_no_headers_but_must_not_lie() {
    let plain =
        Ask::notification("notifications/x").without_header(&header::MCP_PROTOCOL_VERSION).without_meta();
    assert_eq!(verdict(&plain), Ok(()));
    assert_eq!(verdict(&plain.clone().without_header(&header::MCP_METHOD)), Ok(()));
    let lie = verdict(&plain.header(header::MCP_METHOD, "notifications/y")).unwrap_err();
    assert_eq!(lie.code, code::HEADER_MISMATCH);
}

#[test]
fn clients_send_no_responses() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
    ] {
        let violation = verdict(&Ask::new("x").body(Bytes::from(body))).unwrap_err();
        assert_eq!(violation.code, code::INVALID_REQUEST);
    }
}

/// A violation is told to the client, so it repeats no header and no body.
#[test]
fn a_violation_repeats_nothing_but_the_version() {
    let ask = Ask::tool("s3cret").header(header::MCP_NAME, "t0ken");
    let text = verdict(&ask).unwrap_err().text;
    assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
}
