//! The program as its users meet it: started, asked, reconfigured, stopped.

mod support;

use std::io::{Read, Write};

use rustix::process::Signal;
use serde_json::json;
use support::{Folder, Portal, config, connect, eventually, exchange, nowhere, output, request, upstream};

const COUNT: &str = "clock_count";

#[test]
fn the_printed_curl_line_gets_an_answer() {
    let demo = Portal::demo();
    let line = demo.printed.lines().find(|line| line.starts_with("curl ")).unwrap();
    let quoted: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
    let (body, headers) = quoted.split_last().unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        demo.address,
        headers.join("\r\n"),
        body.len()
    );
    let response = exchange(demo.address, &request);
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(response.body.contains(r#""result""#) && response.body.contains("Z\""), "{}", response.body);

    assert_eq!(demo.ready().0, 200);
    assert_eq!(demo.server("clock").unwrap()["state"], "up");
}

#[test]
fn what_is_nobodys_is_not_found_and_foreigners_stay_outside() {
    let demo = Portal::demo();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(exchange(demo.address, &get("/")).status, 404);
    assert_eq!(exchange(demo.address, &get("/healthz")).status, 200);
    assert_eq!(exchange(demo.address, &get("/mcp")).status, 405);
    assert_eq!(exchange(demo.address, &get("/mcp").replace("localhost", "evil.example")).status, 403);
    assert_eq!(exchange(demo.address, &get("/readyz").replace("GET", "DELETE")).status, 405);
    let long = get("/mcp").replace("host:", &format!("x: {}\r\nhost:", "y".repeat(20_000)));
    assert_eq!(exchange(demo.address, &long).status, 431);
}

#[test]
fn http_2_is_told_by_its_first_bytes() {
    let demo = Portal::demo();
    let mut connection = connect(demo.address);
    // The preface, and an empty SETTINGS frame.
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    connection.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "SETTINGS come first: {frame:?}");
}

/// What has no probe, because it takes time to show, is held here.
#[test]
fn who_is_slow_is_cut() {
    let folder = Folder::new("slow");
    let top = "limits.header_timeout = '300ms'\nlimits.body_timeout = '300ms'\n";
    let text = format!("{top}{}", config(&[("dead", nowhere())]));
    let portal = Portal::of(&folder.put("portal.toml", &text));
    let rest = |said: &str| {
        let mut connection = connect(portal.address);
        connection.write_all(said.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    };
    assert_eq!(rest(""), "");
    let head = rest("POST /mcp HTTP/1.1\r\nhost: local");
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408 "), "{head}");
    let whole = request("tools/list", json!({}));
    let body = rest(&whole[..whole.len() - 1]);
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
}

#[test]
fn who_comes_when_all_connections_are_taken_waits() {
    let folder = Folder::new("crowd");
    let text = format!("limits.max_connections = 1\n{}", config(&[("dead", nowhere())]));
    let portal = Portal::of(&folder.put("portal.toml", &text));
    let mut first = connect(portal.address);
    first.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert_ne!(first.read(&mut [0; 512]).unwrap(), 0);

    let mut second = connect(portal.address);
    second.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    second.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    assert_eq!(second.read(&mut [0; 512]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    eventually("an answer", || second.read(&mut [0; 512]).ok().filter(|&count| count > 0));
}

#[test]
fn a_taken_port_is_told_with_the_way_out() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, out, error) = output(&["--listen", &holder.local_addr().unwrap().to_string()]);
    assert_eq!(code, 1);
    assert!(out.contains("portal --listen 127.0.0.1:8809"), "{out}");
    assert!(error.contains("cannot listen on 127.0.0.1:"), "{error}");
}

#[test]
fn a_wrong_configuration_is_told_with_its_place() {
    let folder = Folder::new("wrong");
    let file = folder.put("portal.toml", "[[portal]]\nid = 'a_b'\nlisten = 7\n");
    let file = file.to_str().unwrap();
    for arguments in [&["check", file][..], &["--config", file]] {
        let (code, _, error) = output(arguments);
        assert_eq!(code, 2);
        assert!(error.starts_with(&format!("{file}:3:1: unknown field `listen`")), "{error}");
    }
    let (code, _, error) = output(&["check", "/nowhere/portal.toml"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("/nowhere/portal.toml:1:1: cannot read"), "{error}");
}

#[test]
fn the_reference_passes_its_check() {
    let (code, out, error) = output(&["check", concat!(env!("CARGO_MANIFEST_DIR"), "/portal.toml")]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("every control is in force"), "{out}");
    assert!(output(&["--version"]).1.starts_with("portal 0."));
}

#[test]
fn a_server_is_added_by_signal_and_by_change_and_not_by_a_broken_file() {
    let demo = Portal::demo();
    let (clock, notes) = (upstream(&demo, "clock"), upstream(&demo, "notes"));
    let folder = Folder::new("reload");
    let file = folder.put("portal.toml", &config(&[("clock", clock)]));
    let portal = Portal::of(&file);
    assert!(portal.call("clock_now")["result"].is_object());
    assert!(portal.call("notes_list")["error"].is_object());

    // A change is seen without a signal.
    folder.put("portal.toml", &config(&[("clock", clock), ("notes", notes)]));
    eventually("a reload", || (portal.reloads() == (1, 0)).then_some(()));
    assert!(portal.call("notes_list")["result"].is_object());

    // What is broken changes nothing.
    folder.put("portal.toml", &config(&[("cl_ock", clock)]));
    eventually("a failed reload", || (portal.reloads() == (1, 1)).then_some(()));
    assert!(portal.call("notes_list")["result"].is_object());

    // A file in the folder that is not ours is none of our business, and a signal always is.
    folder.put("other.toml", "");
    portal.signal(Signal::HUP);
    eventually("another failed reload", || (portal.reloads() == (1, 2)).then_some(()));
    folder.put("portal.toml", &config(&[("notes", notes)]));
    eventually("a last reload", || (portal.reloads() == (2, 2)).then_some(()));
    assert!(portal.call("clock_now")["error"].is_object());
    assert_eq!(portal.server("clock"), None);
}

#[test]
fn a_call_outlives_a_reload_and_a_subscription_is_told() {
    let demo = Portal::demo();
    let (clock, notes) = (upstream(&demo, "clock"), upstream(&demo, "notes"));
    let folder = Folder::new("outlive");
    let file = folder.put("portal.toml", &config(&[("clock", clock), ("notes", notes)]));
    let portal = Portal::of(&file);
    let mut counting = begin_counting(&portal);
    let mut subscription = subscribe(&portal);

    folder.put("portal.toml", &config(&[("notes", notes)]));
    eventually("a reload", || (portal.reloads() == (1, 0)).then_some(()));
    subscription.wait_for(r#""resultType":"complete""#);
    counting.wait_for("Counted to 10.");
}

#[test]
fn a_portal_that_did_not_change_keeps_its_subscriptions() {
    let demo = Portal::demo();
    let folder = Folder::new("keep");
    let text = config(&[("notes", upstream(&demo, "notes"))]);
    let file = folder.put("portal.toml", &text);
    let mut portal = Portal::of(&file);
    let subscription = subscribe(&portal);
    assert!(portal.call("notes_list")["result"].is_object());
    folder.put("portal.toml", &format!("# touched\n{text}"));
    eventually("a reload", || (portal.reloads() == (1, 0)).then_some(()));
    assert!(portal.call("notes_list")["result"].is_object());
    assert!(portal.server("notes").unwrap()["answers"].as_u64() >= Some(2), "counters live on");

    portal.signal(Signal::TERM);
    let seen = subscription.rest();
    assert_eq!(seen.matches(r#""resultType":"complete""#).count(), 1, "{seen}");
    assert!(portal.wait().success());
}

#[test]
fn a_drain_finishes_what_is_under_way_and_ends_well() {
    let demo = Portal::demo();
    let folder = Folder::new("drain");
    let file = folder.put(
        "portal.toml",
        &config(&[("clock", upstream(&demo, "clock")), ("notes", upstream(&demo, "notes"))]),
    );
    let mut portal = Portal::of(&file);
    let counting = begin_counting(&portal);
    let subscription = subscribe(&portal);

    portal.signal(Signal::TERM);
    let (status, page) = eventually("draining", || Some(portal.ready()).filter(|(status, _)| *status != 200));
    assert_eq!((status, &page["status"]), (503, &json!("draining")));
    eventually("no new connections", || std::net::TcpStream::connect(portal.address).is_err().then_some(()));
    assert!(subscription.rest().contains(r#""io.modelcontextprotocol/subscriptionId":1"#));
    assert!(portal.is_running());

    let seen = counting.rest();
    assert!(seen.contains("Counted to 10.") && seen.ends_with("0\r\n\r\n"), "{seen}");
    assert_eq!(portal.wait().code(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let demo = Portal::demo();
    let folder = Folder::new("twice");
    let file = folder.put("portal.toml", &config(&[("clock", upstream(&demo, "clock"))]));
    let mut portal = Portal::of(&file);
    let _counting = begin_counting(&portal);
    portal.signal(Signal::TERM);
    eventually("draining", || (portal.ready().0 == 503).then_some(()));
    portal.signal(Signal::INT);
    assert_eq!(portal.wait().code(), Some(1));
}

#[test]
fn a_dead_server_is_shown_and_the_others_are_served() {
    let demo = Portal::demo();
    let folder = Folder::new("dead");
    let servers = [("dead", nowhere()), ("clock", upstream(&demo, "clock"))];
    let portal = Portal::of(&folder.put("portal.toml", &config(&servers)));
    assert!(portal.call("dead_now")["error"].is_object());
    assert!(portal.call("clock_now")["result"].is_object());

    let (status, page) = portal.ready();
    assert_eq!(status, 200);
    let (dead, clock) = (portal.server("dead").unwrap(), portal.server("clock").unwrap());
    assert_eq!(
        (&dead["healthy"], &dead["lastFailure"]["kind"]),
        (&json!(false), &json!("upstream unreachable"))
    );
    assert_eq!((&clock["healthy"], &clock["state"]), (&json!(true), &json!("up")));
    assert!(!page.to_string().contains("http"), "no URL is shown: {page}");
}

fn begin_counting(portal: &Portal) -> support::Stream {
    let arguments = json!({ "to": 10, "everyMs": 300 });
    let params = json!({ "name": COUNT, "arguments": arguments, "_meta": { "progressToken": 7 } });
    let mut stream = portal.stream("tools/call", params);
    stream.wait_for("notifications/progress");
    stream
}

fn subscribe(portal: &Portal) -> support::Stream {
    let wanted = json!({ "notifications": { "toolsListChanged": true, "resourcesListChanged": true } });
    let mut stream = portal.stream("subscriptions/listen", wanted);
    stream.wait_for("notifications/subscriptions/acknowledged");
    stream
}
