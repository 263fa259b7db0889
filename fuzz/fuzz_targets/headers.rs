//! A header value has one reading, and a guard that allows nothing by name lets nothing but this machine pass.
#![no_main]

use http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};
use libfuzzer_sys::fuzz_target;
use portcullis_mcp_jsonrpc::guard::HostGuard;
use portcullis_mcp_jsonrpc::header::{
    HeaderParams, accepts, decode_value, encode_value, is_event_stream, is_json,
};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        text_survives(text);
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        value_has_one_reading(&value);
        media_types(&value);
    }
    let schema = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    mirrored(schema, data.get(schema.len() + 1..).unwrap_or(b"{}"));
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut line = || lines.next().and_then(|line| HeaderValue::from_bytes(line).ok());
    guard(line(), line(), line());
});

/// Whatever a name is, it arrives, in bytes that every HTTP library takes.
fn text_survives(text: &str) {
    let value = encode_value(text);
    assert!(value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')));
    assert!(!value.as_bytes().starts_with(b" ") && !value.as_bytes().ends_with(b" "));
    assert_eq!(decode_value(&value).as_deref(), Ok(text));
}

/// What a value decodes to encodes to a value that decodes to the same.
fn value_has_one_reading(value: &HeaderValue) {
    if let Ok(text) = decode_value(value) {
        assert_eq!(decode_value(&encode_value(&text)).as_deref(), Ok(&*text));
        let literal = !value.as_bytes().starts_with(b"=?base64?") || !value.as_bytes().ends_with(b"?=");
        assert_eq!(literal, text.as_bytes() == value.as_bytes(), "only the sentinel is decoded");
    }
}

fn media_types(value: &HeaderValue) {
    let says = |kind: &str| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains(kind));
    assert!(!is_json(value) || says("application/json"));
    assert!(!is_event_stream(value) || says("text/event-stream"));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, value.clone());
    headers.insert(ACCEPT, value.clone());
    let accept = accepts(&headers);
    assert!(!accept.json || says("application/json") || says("*"));
    assert!(!accept.event_stream || says("text/event-stream") || says("*"));
}

/// The headers that a client must send are the headers that a server takes, and no others.
fn mirrored(schema: &[u8], arguments: &[u8]) {
    let Ok(params) = HeaderParams::from_input_schema(schema) else { return };
    let Ok(sent) = params.headers_for(arguments) else { return };
    let mut headers: HeaderMap = sent.iter().cloned().collect();
    assert!(sent.len() <= params.names().len());
    params.check(arguments, &headers).expect("what was just written");
    for (name, value) in &sent {
        headers.append(name, value.clone());
        assert!(params.check(arguments, &headers).is_err(), "{name} is repeated");
        headers.remove(name);
        assert!(params.check(arguments, &headers).is_err(), "{name} is missing");
        headers.insert(name, HeaderValue::from_static("=?base64?/?="));
        assert!(params.check(arguments, &headers).is_err(), "{name} is not readable");
        headers.insert(name, value.clone());
    }
}

fn guard(host: Option<HeaderValue>, origin: Option<HeaderValue>, target: Option<HeaderValue>) {
    let uri = target.and_then(|target| Uri::try_from(target.as_bytes()).ok()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Some(host) = &host {
        headers.insert(HOST, host.clone());
    }
    if let Some(origin) = &origin {
        headers.insert(ORIGIN, origin.clone());
    }
    let strict = HostGuard::new();
    if strict.check(&uri, &headers).is_err() {
        return;
    }
    for value in host.iter().chain(&origin) {
        assert!(is_this_machine(value.as_bytes()), "passed: {value:?}");
    }
    if let Some(authority) = uri.authority() {
        assert!(is_this_machine(authority.as_str().as_bytes()), "passed: {authority}");
    }
    assert!(host.is_some() || uri.authority().is_some(), "passed without a host");

    headers.append(HOST, HeaderValue::from_static("localhost"));
    assert!(host.is_none() || strict.check(&uri, &headers).is_err(), "two hosts have no one reading");
}

/// A reading of its own, as simple as can be: no scheme, no port, one of three names.
fn is_this_machine(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let text = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(&text);
    let host = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse() == Ok(std::net::Ipv6Addr::LOCALHOST),
        None => matches!(host.strip_suffix('.').unwrap_or(host), "localhost" | "127.0.0.1"),
    }
}
