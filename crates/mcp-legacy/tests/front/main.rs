//! `FrontLayer` from outside: HTTP requests of clients of both eras in, HTTP responses out.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod batch;
mod cancel;
mod client;
mod era;
mod events;
mod hostile;
mod input;
mod listen;
mod request;
mod resume;
mod session;
mod socket;
mod stdio;
mod storm;

use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_mcp_legacy::front::{Front, FrontLayer};
use portcullis_seal::{Key, KeyRing};
use portcullis_testkit::{Act, Scripted};
use tower::Layer;

use self::client::{Client, Events};

/// What every scripted server says it is.
fn discover() -> Act {
    Act::result(
        r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},
            "resources":{"subscribe":true},"logging":{}},"serverInfo":{"name":"demo","version":"1"},"ttlMs":0,"cacheScope":"public"}"#,
    )
}

fn complete() -> Act {
    Act::result(r#"{"resultType":"complete","content":[]}"#)
}

/// A key, a different one for each letter.
fn key(letter: char) -> Key {
    Key::parse(&Secret::new(format!("{}00", letter.to_string().repeat(62)))).unwrap()
}

fn keys(letters: &str) -> KeyRing {
    KeyRing::new(letters.chars().map(key).collect()).unwrap()
}

fn layer() -> FrontLayer {
    FrontLayer::new(DecodeLayer::new()).keys(keys("a"))
}

/// A service that is initialised and then does these acts in their order.
fn scripted(acts: impl IntoIterator<Item = Act>) -> Scripted {
    Scripted::in_order(std::iter::once(discover()).chain(acts))
}

/// A client in a session of 2025-11-25 with a server that does these acts.
async fn connected(acts: impl IntoIterator<Item = Act>) -> Client {
    Client::connect(layer().layer(scripted(acts)), "2025-11-25").await
}

fn front(acts: impl IntoIterator<Item = Act>) -> Front<Scripted> {
    layer().layer(scripted(acts))
}

#[test]
fn public_types_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<FrontLayer>();
    assert_send_sync::<Front<Scripted>>();
    assert_send_sync::<portcullis_mcp_legacy::front::stdio::Settings>();
    fn assert_send<T: Send>() {}
    assert_send::<portcullis_mcp_legacy::front::FrontFuture>();
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?} {:?}", layer(), front([]));
    assert!(!shown.contains("aaaa") && shown.contains("KeyRing"), "{shown}");
}
