//! Bad input from either side gets an error with the caller's id, or a status of 400 and more, and the next call is served.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;
use std::time::Duration;

use e2e::{DISCOVERED, PATIENCE, RawClient, ask_message, serve_messages, serve_portal, until};
use http::{HeaderName, StatusCode};
use portcullis_mcp_jsonrpc::code;
use portcullis_mcp_upstream::{Era, HttpUpstream};
use portcullis_portal::Server;
use portcullis_testkit::{Act, Ask, Scripted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

async fn echo_portal() -> SocketAddr {
    let server = serve_messages(Scripted::always(Act::result(r#"{"content":[]}"#))).await;
    serve_portal([e2e::upstream("up", server)]).await
}

async fn assert_serves(portal: SocketAddr, after: &str) {
    let (status, answer) = ask_message(portal, Ask::tool("up_echo").id(7).http()).await;
    assert_eq!((status, answer.error_code()), (StatusCode::OK, None), "after {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_client() {
    let portal = echo_portal().await;
    let call =
        |inside: &str| format!(r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{{inside}}}}}"#);
    let named = |arguments: &str| call(&format!(r#""name":"up_echo","arguments":{arguments},{META}"#));
    let bodies = [
        ("half a document", r#"{"jsonrpc":"2.0","id":5,"met"#.to_owned(), code::PARSE_ERROR),
        ("no document", String::new(), code::PARSE_ERROR),
        ("two documents", format!("{0} {0}", named("{}")), code::PARSE_ERROR),
        ("a batch", format!("[{}]", named("{}")), code::INVALID_REQUEST),
        ("a string", r#""tools/call""#.to_owned(), code::INVALID_REQUEST),
        ("a response", r#"{"jsonrpc":"2.0","id":5,"result":{}}"#.to_owned(), code::INVALID_REQUEST),
        ("an id of null", named("{}").replace(r#""id":5"#, r#""id":null"#), code::INVALID_REQUEST),
        ("an id of a fraction", named("{}").replace(r#""id":5"#, r#""id":5.5"#), code::INVALID_REQUEST),
        ("a name that is no string", call(&format!(r#""name":["up_echo"],{META}"#)), code::INVALID_PARAMS),
        ("params that are a list", named("{}").replace(r#""params":{"#, r#""params":[{"#), code::PARSE_ERROR),
        ("two names", call(&format!(r#""name":"up_echo","name":"up_delete",{META}"#)), code::PARSE_ERROR),
        (
            "two names, one spelled with an escape",
            call(&format!(r#""name":"up_echo","n\u0061me":"up_delete",{META}"#)),
            code::PARSE_ERROR,
        ),
        (
            "two arguments of a name, deep inside",
            named(r#"{"a":[{"b":{"c":1,"\u0063":2}}]}"#),
            code::PARSE_ERROR,
        ),
        (
            "deep nesting",
            named(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
            code::PARSE_ERROR,
        ),
        ("half a surrogate pair", named(r#"{"a":"\ud83d"}"#), code::PARSE_ERROR),
        ("a raw NUL", named("{\"a\":\"\0\"}"), code::PARSE_ERROR),
        ("a byte order mark", format!("\u{feff}{}", named("{}")), code::PARSE_ERROR),
        ("an unknown tool", named("{}").replace("up_echo", "nowhere_echo"), code::HEADER_MISMATCH),
        (
            "no capabilities",
            call(r#""name":"up_echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#),
            code::INVALID_PARAMS,
        ),
    ];
    for (name, body, wanted) in bodies {
        let has_id = !matches!(wanted, code::PARSE_ERROR)
            && body.contains(r#""id":5,"#)
            && !name.starts_with("a batch");
        let (status, answer) = ask_message(portal, Ask::tool("up_echo").id(5).body(body).http()).await;
        assert_eq!(answer.error_code(), Some(wanted), "{name}");
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
        if has_id {
            assert_eq!(answer.id(), Some(&5.into()), "{name}");
        }
        assert_serves(portal, name).await;
    }

    let not_utf8 = [named(r#"{"a":""#).as_bytes(), b"\xff\"}"].concat();
    let (_, answer) = ask_message(portal, Ask::tool("up_echo").body(not_utf8).http()).await;
    assert_eq!(answer.error_code(), Some(code::PARSE_ERROR));

    let legal = named(r#"{"a":"\u0000\ud83d\ude00","__proto__":{"b":null}}"#);
    let (status, _) = ask_message(portal, Ask::tool("up_echo").body(legal).http()).await;
    assert_eq!(status, StatusCode::OK, "what is odd but legal passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_client_below_the_message() {
    let portal = echo_portal().await;
    let long = "x".repeat(1024 * 1024);
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"a":"{}"}}}}"#,
        "y".repeat(5 << 20)
    );
    let table = [
        ("a body over its limit", Ask::tool("up_echo").body(large), "HTTP/1.1 413"),
        (
            "a header over its limit",
            Ask::tool("up_echo").header(HeaderName::from_static("x-long"), &long),
            "HTTP/1.1 431",
        ),
        ("no media type", Ask::tool("up_echo").without_header(&http::header::CONTENT_TYPE), "HTTP/1.1 415"),
        ("nothing accepted", Ask::tool("up_echo").without_header(&http::header::ACCEPT), "HTTP/1.1 406"),
        (
            "a foreign origin",
            Ask::tool("up_echo").header(http::header::ORIGIN, "http://evil.example"),
            "HTTP/1.1 403",
        ),
    ];
    for (name, ask, wanted) in table {
        let mut client = RawClient::connect(portal).await;
        client.send(ask.http()).await;
        let text = client.read_until("HTTP/1.1").await;
        assert!(text.starts_with(wanted), "{name}: {text}");
        assert_serves(portal, name).await;
    }
    for (name, bytes) in [
        ("no HTTP", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"[..]),
        ("two lengths", b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"),
        ("a length that is no number", b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n"),
        ("a chunk that is no chunk", b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    ] {
        let mut client = RawClient::connect(portal).await;
        client.send_raw(bytes).await;
        let text = client.read_until("HTTP/1.1").await;
        assert!(text.starts_with("HTTP/1.1 400"), "{name}: {text}");
        assert_serves(portal, name).await;
    }
}

/// What a server is bad at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    /// It answers whatever it is asked with its bytes.
    AtAll,
    /// It says what it speaks, as it should, and answers everything else with its bytes.
    AtCalls,
}

/// Answers every connection's first request with these bytes, then closes or stays silent.
async fn bad_server(answer: Vec<u8>, closes: bool, bad: Bad) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let length = socket.read(&mut request).await.unwrap_or_default();
                let is_question = String::from_utf8_lossy(&request[..length]).contains("server/discover");
                if is_question && bad == Bad::AtCalls {
                    let said =
                        format!(r#"{{"jsonrpc":"2.0","id":"portcullis-probe","result":{DISCOVERED}}}"#);
                    let _ = socket.write_all(&json(&said)).await;
                    return;
                }
                let _ = socket.write_all(&answer).await;
                if !closes {
                    let _ = tokio::time::timeout(PATIENCE, socket.read(&mut request)).await;
                }
            });
        }
    });
    address
}

/// A response with a body of JSON, after which the connection is closed.
fn json(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_server() {
    let stream = |events: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}")
            .into_bytes()
    };
    let good = r#"{"jsonrpc":"2.0","id":3,"result":{"content":[]}}"#;
    let other = r#"{"jsonrpc":"2.0","id":4,"result":{"content":[]}}"#;
    let table: Vec<(&str, Vec<u8>, bool, i64)> = vec![
        ("garbage instead of HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), true, code::BAD_ANSWER),
        ("nothing, and closes", Vec::new(), true, code::BAD_ANSWER),
        ("nothing, for ever", Vec::new(), false, code::TIMED_OUT),
        ("half a body", json(good)[..90].to_vec(), true, code::BAD_ANSWER),
        ("JSON that is no message", json("[1,2]"), true, code::BAD_ANSWER),
        ("JSON that is none", json("{oops}"), true, code::BAD_ANSWER),
        (
            "a key twice",
            json(&good.replace(r#""content":[]"#, r#""a":1,"\u0061":2"#)),
            true,
            code::BAD_ANSWER,
        ),
        ("another id", json(other), true, code::BAD_ANSWER),
        (
            "a page of HTML",
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<hi>".to_vec(),
            true,
            code::BAD_ANSWER,
        ),
        (
            "its own login",
            b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n".to_vec(),
            true,
            code::BAD_ANSWER,
        ),
        (
            "a redirect",
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
            true,
            code::BAD_ANSWER,
        ),
        ("an event over its limit", stream(&format!("data: {}", "z".repeat(1 << 20))), true, code::OVERSIZE),
        (
            "an answer over its limit",
            json(&good.replace("[]", &format!("[\"{}\"]", "z".repeat(1 << 20)))),
            true,
            code::OVERSIZE,
        ),
        ("events of another id", stream(&format!("data: {other}\n\n")), true, code::BAD_ANSWER),
        ("events without an answer", stream(": hello\n\n"), true, code::BAD_ANSWER),
    ];
    let ways = [
        ("from the first", Era::Auto, Bad::AtAll),
        ("once it is known", Era::Auto, Bad::AtCalls),
        ("when it was said what it speaks", Era::Modern, Bad::AtAll),
        ("at the beginning of a session", Era::Legacy, Bad::AtAll),
    ];
    for ((name, bytes, closes, wanted), (way, era, at)) in
        table.iter().flat_map(|row| ways.iter().map(move |way| (row, *way)))
    {
        let name = format!("{name}, {way}");
        let bad = bad_server(bytes.clone(), *closes, at).await;
        let upstream = HttpUpstream::builder(&e2e::url(bad)).unwrap().era(era);
        let upstream =
            upstream.head_timeout(Duration::from_millis(200)).max_event(64 * 1024).max_answer(64 * 1024);
        let bad = Server::new("bad", upstream.build().unwrap()).unwrap();
        let good = e2e::upstream("up", serve_messages(Scripted::always(Act::result("{}"))).await);
        let portal = serve_portal([bad, good]).await;

        let (status, answer) = ask_message(portal, Ask::tool("bad_echo").id(3).http()).await;
        assert_eq!(answer.error_code(), Some(*wanted), "{name}");
        assert_eq!(answer.id(), Some(&3.into()), "{name}");
        assert_eq!(status, StatusCode::OK, "{name}: a status of 401 would start a login at the wrong place");
        assert_serves(portal, &name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_off_mid_stream_is_told_of_in_the_stream() {
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\ndata: {\"jsonr";
    let bad = bad_server(events.as_bytes().to_vec(), true, Bad::AtCalls).await;
    let portal = serve_portal([e2e::upstream("bad", bad)]).await;
    let mut client = RawClient::connect(portal).await;
    client.send(Ask::tool("bad_echo").id(3).http()).await;
    let text = client.read_until(&format!(r#""id":3,"error":{{"code":{}"#, code::BAD_ANSWER)).await;
    assert!(text.contains("notifications/progress"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_twice_is_heard_once() {
    let once = r#"{"jsonrpc":"2.0","id":3,"result":{"first":true}}"#;
    let twice = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {once}\n\ndata: {}\n\n",
        once.replace("first", "second"),
    );
    let server = bad_server(twice.into_bytes(), true, Bad::AtCalls).await;
    let portal = serve_portal([e2e::upstream("up", server)]).await;
    let (_, answer) = ask_message(portal, Ask::tool("up_echo").id(3).http()).await;
    assert_eq!(answer.result(), Some(&br#"{"first":true}"#[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_half_way_costs_nobody_else_anything() {
    let server = Scripted::always(Act::result("{}"));
    let probe = server.probe();
    let portal = serve_portal([e2e::upstream("up", serve_messages(server).await)]).await;
    let mut stuck = Vec::new();
    for _ in 0..50 {
        let mut client = RawClient::connect(portal).await;
        client.send_raw(b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: 1000\r\n\r\n{\"jsonrpc\"").await;
        stuck.push(client);
    }
    assert_serves(portal, "fifty half requests").await;
    drop(stuck);
    // Besides the question what the server speaks.
    let calls = || probe.calls().iter().filter(|call| call.method() == "tools/call").count();
    until(PATIENCE, "only the whole call arrived", || calls() == 1).await;
}
