//! The front on a real socket, and clients that keep to nothing.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_mcp_jsonrpc::sse::Decoder;
use portcullis_mcp_legacy::front::{Front, FrontLayer};
use portcullis_testkit::{Act, Scripted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower::Layer;

use super::client::{call, initialize};
use super::{complete, keys, scripted};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A front on a port of its own, which waits for bodies for a moment only.
async fn serve(acts: impl IntoIterator<Item = Act>) -> (SocketAddr, Front<Scripted>) {
    let decode = DecodeLayer::new().body_timeout(Duration::from_millis(300));
    let front = FrontLayer::new(decode).keys(keys("a")).layer(scripted(acts));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = front.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(served.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, front)
}

fn head(method: &str, session: Option<&str>, more: &str) -> String {
    let session = session.map(|id| format!("mcp-session-id: {id}\r\n")).unwrap_or_default();
    format!(
        "{method} /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{session}{more}\r\n"
    )
}

fn post(session: Option<&str>, body: &str) -> String {
    head("POST", session, &format!("content-length: {}\r\n", body.len())) + body
}

/// A connection on which something was sent.
async fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Whoever is refused early is cut off while it still writes.
    let _ = stream.write_all(bytes.as_ref()).await;
    stream
}

/// Everything that comes until the other side closes, or until `end` has come.
async fn read(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while end.is_empty() || !String::from_utf8_lossy(&all).contains(end) {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(length) => all.extend_from_slice(&buffer[..length]),
            }
        }
    };
    timeout(PATIENCE, reading).await.expect("the other side says something or closes");
    String::from_utf8_lossy(&all).into_owned()
}

async fn open(address: SocketAddr) -> String {
    let answer = read(&mut send(address, post(None, &initialize("2025-11-25"))).await, "}}").await;
    let line = answer.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).expect("a session");
    line.to_owned()
}

#[tokio::test]
async fn what_is_no_request_harms_nobody_else() {
    let (address, front) = serve([]).await;
    let session = open(address).await;
    let id = Some(session.as_str());
    let flood: String = (0..5_000).map(|number| format!("x-{number}: {number}\r\n")).collect();
    let wide = format!("x-wide: {}\r\n", "x".repeat(1 << 20));
    let long = "A".repeat(7 * 1024);
    let chunked = "transfer-encoding: chunked\r\n";
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("noise", (0..=255).collect()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no HTTP", b"{\"jsonrpc\":\"2.0\"}\r\n\r\n".to_vec()),
        ("half a head", head("POST", id, "").as_bytes()[..60].to_vec()),
        ("half a body", (head("POST", id, "content-length: 100\r\n") + "{\"json").into_bytes()),
        ("no body", head("POST", id, "content-length: 100\r\n").into_bytes()),
        ("half a chunk", (head("POST", id, chunked) + "40\r\n{\"json").into_bytes()),
        ("no chunk", (head("POST", id, chunked) + "zz\r\n{}").into_bytes()),
        ("an endless chunk", (head("POST", id, chunked) + "ffffffffffffffff\r\n{}").into_bytes()),
        ("two lengths", head("POST", id, "content-length: 1\r\ncontent-length: 2\r\n").into_bytes()),
        (
            "a length and chunks",
            (head("POST", id, "content-length: 4\r\ntransfer-encoding: chunked\r\n") + "0\r\n\r\n")
                .into_bytes(),
        ),
        ("a flood of headers", head("POST", id, &flood).into_bytes()),
        ("a wide header", head("POST", id, &wide).into_bytes()),
        ("a long session id", post(Some(&long), PING).into_bytes()),
        (
            "a session id of bytes",
            [
                &b"GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: "[..],
                &[0xff; 9],
                b"\r\n\r\n",
            ]
            .concat(),
        ),
        (
            "an event id of bytes",
            [head("GET", id, "").trim_end().as_bytes(), b"\r\nlast-event-id: \xff\xfe.1\r\n\r\n"].concat(),
        ),
        ("too much", post(id, &" ".repeat(5 << 20)).into_bytes()),
        ("depth", post(id, &"[".repeat(1 << 20)).into_bytes()),
    ];
    for (name, bytes) in attacks {
        let mut attacker = send(address, bytes).await;
        let _ = attacker.shutdown().await;
        let answer = read(&mut attacker, "").await;
        let status = answer.split(' ').nth(1).map(str::to_owned);
        assert!(status.is_none_or(|status| status.starts_with('4')), "{name}: {answer}");
        let pong = read(&mut send(address, post(id, PING)).await, "}").await;
        assert!(pong.starts_with("HTTP/1.1 200") && pong.contains("\"result\""), "{name}: {pong}");
    }
    assert_eq!(front.get_ref().probe().calls().len(), 1, "nothing but discover was asked");
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let (address, _) = serve([]).await;
    let session = open(address).await;
    let slow = head("POST", Some(&session), "content-length: 100\r\n") + "{";
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(send(address, &slow).await);
    }
    for mut stream in waiting {
        assert!(read(&mut stream, "}").await.starts_with("HTTP/1.1 408"));
    }
}

#[tokio::test]
async fn requests_that_do_not_wait_for_answers_are_answered_in_order() {
    let (address, _) = serve(std::iter::repeat_n(complete(), 50)).await;
    let session = open(address).await;
    let all: String = (0..50).map(|id| post(Some(&session), &call(id))).collect();
    let answer = read(&mut send(address, all).await, "\"id\":49").await;
    let places: Vec<_> =
        (0..50).map(|id| answer.find(&format!("\"id\":{id},")).expect("an answer")).collect();
    assert!(places.is_sorted());
}

#[tokio::test]
async fn a_storm_of_listeners_leaves_one() {
    let (address, front) = serve([Act::stream().then_hang()]).await;
    let session = open(address).await;
    let listen = head("GET", Some(&session), "connection: close\r\n");
    let mut streams = Vec::new();
    for _ in 0..200 {
        streams.push(send(address, &listen).await);
    }
    for stream in &mut streams {
        assert!(read(stream, "retry").await.contains("200 OK"));
    }
    // Which of them is last is for the scheduler to say.
    let ended = std::sync::atomic::AtomicUsize::new(0);
    let reads = streams.iter_mut().map(|stream| async {
        if timeout(Duration::from_millis(500), read(stream, "")).await.is_ok() {
            ended.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    futures_util::future::join_all(reads).await;
    assert_eq!(ended.into_inner(), 199);
    assert_eq!(front.get_ref().probe().calls().len(), 2, "discover and one subscription");
}

/// Each connection is cut after some bytes more than the last: in heads, in ids, between an id and its data, in data.
#[tokio::test]
async fn a_connection_may_break_at_any_byte() {
    let mut act = Act::stream();
    for number in 0..20 {
        act = act.notify(&format!(r#"{{"progressToken":1,"progress":{number}}}"#));
    }
    let (address, _) = serve([act.then_result(r#"{"resultType":"complete","content":[]}"#)]).await;
    let session = open(address).await;
    let mut stream = send(address, post(Some(&session), &call(1))).await;
    let (mut last, mut seen) = (String::new(), Vec::new());
    for cut in (330..).step_by(37) {
        let mut wire = vec![0; cut];
        let mut length = 0;
        while length < cut {
            match timeout(PATIENCE, stream.read(&mut wire[length..])).await.unwrap() {
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
            if wire[..length].ends_with(b"0\r\n\r\n") {
                break;
            }
        }
        drop(stream);
        let text = String::from_utf8_lossy(&wire[..length]).into_owned();
        for (id, data) in events(&text) {
            last = id;
            seen.extend(data);
        }
        if seen.last().is_some_and(|data| data.contains("\"result\"")) {
            break;
        }
        let resume =
            if last.is_empty() { panic!("no event in {text}") } else { format!("last-event-id: {last}\r\n") };
        stream = send(address, head("GET", Some(&session), &resume)).await;
    }
    assert_eq!(seen.len(), 21, "nothing twice, nothing lost");
    for (number, data) in seen[..20].iter().enumerate() {
        assert!(data.contains(&format!("\"progress\":{number}}}")), "{data}");
    }
}

/// The events of a chunked response, as far as they have come: ids, and the data that is not empty.
fn events(response: &str) -> Vec<(String, Option<String>)> {
    let body = response.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let mut decoder = Decoder::new();
    let mut rest = body;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        let chunk = &after[..size.min(after.len())];
        decoder.push(chunk.to_owned().into());
        rest = after.get(size + 2..).unwrap_or_default();
    }
    let mut events = Vec::new();
    while let Some(event) = decoder.next().unwrap() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let data = (!event.data.is_empty()).then(|| text(&event.data));
        events.push((text(&event.id.unwrap()), data));
    }
    events
}

#[tokio::test]
async fn a_session_deleted_in_the_middle_of_everything_ends_everything() {
    let hang = || Act::stream().notify("{}").then_hang();
    let acts = std::iter::repeat_n(Act::hang(), 20).chain(std::iter::repeat_with(hang).take(20));
    let (address, front) = serve(acts).await;
    let probe = front.get_ref().probe();
    let session = open(address).await;
    let mut streams = Vec::new();
    for id in 0..40 {
        streams.push(send(address, post(Some(&session), &call(id))).await);
    }
    while probe.calls().len() < 41 {
        tokio::task::yield_now().await;
    }
    let gone = read(&mut send(address, head("DELETE", Some(&session), "")).await, "\r\n\r\n").await;
    assert!(gone.starts_with("HTTP/1.1 200"), "{gone}");
    for stream in &mut streams {
        let mut answer = read(stream, "\r\n\r\n").await;
        let end = if answer.contains("event-stream") { "0\r\n\r\n" } else { "}" };
        if !answer.ends_with(end) {
            answer += &read(stream, end).await;
        }
        assert!(answer.contains("-31499") || answer.contains("text/event-stream"), "{answer}");
    }
    assert_eq!((probe.futures().live(), probe.streams().live()), (0, 0));
    let unknown = read(&mut send(address, post(Some(&session), PING)).await, "}").await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
}
