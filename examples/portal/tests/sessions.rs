//! Sessions of clients of 2025, as the program keeps them and gives them up.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::time::Instant;

use rustix::process::Signal;
use support::legacy::Session;
use support::{Folder, Portal, Stream, config, eventually, nowhere, output, request, upstream};

const ANN: &str = "ETJbGi8+mBD2OM+ya7kX2X0Ol9HK7iA1dcrCgffdzVk=";
const BOB: &str = "L3mvvOc+IVUfSKTUx+D53637AkYty4NcKMnXc/JDlWE=";
const KEYS: &str = "sessions.keys = [{ env = 'PORTAL_TEST_KEY' }]\n";
const WARNING: &str = "sessions.keys is not set";

#[test]
fn a_session_outlives_a_restart_with_the_same_key_and_no_other() {
    let demo = Portal::demo();
    let folder = Folder::new("keys");
    let file =
        folder.put("portal.toml", &format!("{KEYS}{}", config(&[("clock", upstream(&demo, "clock"))])));
    let start = |key: &str| Portal::of_in(&file, &[("PORTAL_TEST_KEY", key)]);

    let first = start(ANN);
    assert!(!first.log().contains(WARNING));
    let session = Session::open(first.address);
    assert_eq!(session.call("clock_now").status, 200);
    drop(first);

    let again = start(ANN);
    assert_eq!(session.at(again.address).call("clock_now").status, 200);
    drop(again);

    let other = start(BOB);
    let (stale, forged) =
        (session.at(other.address), Session { address: other.address, id: "forged".into() });
    let (stale, forged) = (stale.call("clock_now"), forged.call("clock_now"));
    assert_eq!((stale.status, &stale.body), (404, &forged.body));
    assert_eq!(forged.status, 404);
    assert!(!other.log().contains(ANN) && !other.log().contains(BOB));
}

#[test]
fn without_keys_it_warns_and_with_a_missing_one_it_does_not_start() {
    let folder = Folder::new("warn");
    let portal = Portal::of(&folder.put("portal.toml", &config(&[("dead", nowhere())])));
    eventually("a warning", || portal.log().contains(WARNING).then_some(()));

    let file = folder.put("missing.toml", &format!("{KEYS}{}", config(&[("dead", nowhere())])));
    let (code, _, error) = output(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(error.contains("missing.toml:1:") && error.contains("PORTAL_TEST_KEY"), "{error}");
}

/// The front's own stream has no end, and a drain must not wait for it.
#[test]
fn a_drain_ends_the_streams_of_both_eras() {
    let demo = Portal::demo();
    let folder = Folder::new("drain");
    let mut portal = Portal::of(&folder.put("portal.toml", &config(&[("notes", upstream(&demo, "notes"))])));
    let legacy = Session::open(portal.address).listen();
    let wanted = serde_json::json!({ "notifications": { "toolsListChanged": true } });
    let mut modern = Stream::open(portal.address, &request("subscriptions/listen", wanted));
    modern.wait_for("notifications/subscriptions/acknowledged");

    let start = Instant::now();
    portal.signal(Signal::TERM);
    let seen = legacy.rest();
    assert!(seen.ends_with("0\r\n\r\n"), "it ends as a body ends and is not cut: {seen}");
    assert!(modern.rest().contains(r#""resultType":"complete""#));
    assert_eq!(portal.wait().code(), Some(0));
    // The configuration gives it 20 seconds.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn a_reload_sends_a_listener_to_the_new_servers_in_the_same_session() {
    let demo = Portal::demo();
    let (clock, notes) = (upstream(&demo, "clock"), upstream(&demo, "notes"));
    let folder = Folder::new("moved");
    let portal = Portal::of(&folder.put("portal.toml", &config(&[("clock", clock)])));
    let session = Session::open(portal.address);
    let mut listening = session.listen();

    folder.put("portal.toml", &config(&[("clock", clock), ("notes", notes)]));
    eventually("a reload", || (portal.reloads() == (1, 0)).then_some(()));
    listening.wait_for("\r\n0\r\n\r\n");
    drop(session.listen());
    assert!(session.call("notes_list").body.contains(r#""result""#));
}

#[test]
fn an_id_is_good_for_one_portal_and_one_path() {
    let demo = Portal::demo();
    let folder = Folder::new("places");
    let portal = |id: &str| {
        format!(
            "[[portal]]\nid = '{id}'\npath = '/{id}'\n[[portal.server]]\nid = 's'\nurl = 'http://{}/mcp'\n",
            upstream(&demo, "clock")
        )
    };
    let text = config(&[("s", upstream(&demo, "clock"))]) + &portal("other");
    let portal = Portal::of(&folder.put("portal.toml", &text));
    let session = Session::open(portal.address);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(session.post_to("/mcp", ping).status, 200);
    let elsewhere = session.post_to("/other", ping);
    let forged = Session { address: portal.address, id: "forged".into() }.post_to("/mcp", ping);
    assert_eq!((elsewhere.status, elsewhere.body), (404, forged.body));
}
