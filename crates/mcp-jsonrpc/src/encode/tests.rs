//! What cannot be seen from outside; the rest is in `tests/encode`.

use http::Uri;
use portcullis_testkit::Ask;

use super::request;
use crate::{Call, Message, header};

fn call(ask: &Ask) -> Call {
    Call::from_parts(Message::parse(ask.text()).unwrap(), ask.http_with(()).into_parts().0)
}

/// Header maps give the name of a header of several lines with its first line only.
#[test]
fn of_a_parameter_that_was_sent_twice_one_line_goes_on() {
    let region: http::HeaderName = "mcp-param-region".parse().unwrap();
    let ask = Ask::tool("echo").header(region.clone(), "eu").header_again(region.clone(), "us");
    let target = Uri::from_static("https://upstream.example/");
    let request = request::from_call(call(&ask), Some(&target)).unwrap();
    assert_eq!(request.headers().get_all(&region).iter().collect::<Vec<_>>(), ["eu"]);
}

#[test]
fn a_request_says_what_the_message_says_though_the_headers_lied() {
    let ask = Ask::tool("read")
        .header(header::MCP_NAME, "delete")
        .header(header::MCP_METHOD, "tools/list")
        .header(header::MCP_PROTOCOL_VERSION, "2025-11-25");
    let request = request::from_call(call(&ask), None).unwrap();
    assert_eq!(request.headers()[header::MCP_NAME], "read");
    assert_eq!(request.headers()[header::MCP_METHOD], "tools/call");
    assert_eq!(request.headers()[header::MCP_PROTOCOL_VERSION], "2026-07-28");
}
