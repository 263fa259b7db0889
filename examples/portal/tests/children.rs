//! Servers that are child processes of the program, and clients that started the program itself.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::legacy::{self, Session};
use support::{Folder, Portal, command, config, eventually, nowhere, output, upstream};

/// A server of 2025 in a few lines of shell, which knows one tool: it tells `$WHO`. It holds `$PIPE` open, and so does its
/// own child; neither goes when it is asked to.
const SERVER: &str = r#"
trap '' HUP INT TERM
exec 9>"$PIPE"
(exec 0</dev/null 1>/dev/null 2>/dev/null; while :; do sleep 1000; done) &
while read -r line; do
    id=${line#*'"id":'}
    id=${id%%[,\}]*}
    case $line in
        *'"method":"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":""}}' ;;
        *'"method":"tools/list"'*) result='{"tools":[{"name":"who","inputSchema":{"type":"object"}}]}' ;;
        *'"method":"tools/call"'*) result='{"content":[{"type":"text","text":"I am '$WHO'"}]}' ;;
        *'"method":"notifications/'*) continue ;;
        *) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"Method not found"}}'; continue ;;
    esac
    echo '{"jsonrpc":"2.0","id":'$id',"result":'$result'}'
done
while :; do sleep 1000; done
"#;

/// A named pipe, and a thread that reads it to its end: then everybody who held it open is gone.
struct Witness {
    pipe: PathBuf,
    ended: mpsc::Receiver<()>,
}

impl Witness {
    fn new(folder: &Folder, name: &str) -> Self {
        let pipe = folder.put(name, "");
        std::fs::remove_file(&pipe).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (sender, ended) = mpsc::channel();
        let path = pipe.clone();
        std::thread::spawn(move || {
            // Opening waits for a writer.
            std::fs::File::open(path).unwrap().read_to_end(&mut Vec::new()).unwrap();
            let _ = sender.send(());
        });
        Self { pipe, ended }
    }

    fn is_over(&self) -> bool {
        self.ended.try_recv().is_ok()
    }

    fn over(&self) {
        eventually("the end of the children", || self.is_over().then_some(()));
    }
}

/// A configuration with the server above.
fn with_child(folder: &Folder, witness: &Witness, who: &str) -> PathBuf {
    folder.put("server.sh", SERVER);
    let text = format!(
        "{}[[portal.server]]\nid = 'sh'\ncommand = ['sh', 'server.sh']\ndirectory = '.'\n\
         env = {{ WHO = '{who}', PIPE = '{}' }}\n",
        config(&[]),
        witness.pipe.display(),
    );
    folder.put("portal.toml", &text)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_child_answers_over_http_and_is_gone_after_the_drain() {
    let folder = Folder::new("child");
    let witness = Witness::new(&folder, "pipe");
    let mut portal = Portal::of(&with_child(&folder, &witness, "Ann"));
    assert_eq!(portal.server("sh").unwrap()["era"], Value::Null);

    assert_eq!(text(&portal.call("sh_who")), "I am Ann");
    let session = Session::open(portal.address);
    let answer = session.call("sh_who");
    assert_eq!((answer.status, text(&serde_json::from_str(&answer.body).unwrap())), (200, "I am Ann"));
    let server = portal.server("sh").unwrap();
    assert_eq!((&server["era"], &server["state"]), (&json!("legacy"), &json!("up")));

    assert!(!witness.is_over());
    portal.signal(Signal::TERM);
    assert_eq!(portal.wait().code(), Some(0));
    witness.over();
}

#[test]
fn the_children_of_a_portal_that_is_killed_are_gone_too() {
    let folder = Folder::new("killed");
    let witness = Witness::new(&folder, "pipe");
    let mut portal = Portal::of(&with_child(&folder, &witness, "Ann"));
    assert_eq!(text(&portal.call("sh_who")), "I am Ann");
    assert!(!witness.is_over());
    portal.signal(Signal::KILL);
    assert_eq!(portal.wait().code(), None);
    witness.over();
}

#[test]
fn a_reload_that_changes_a_child_starts_another_and_ends_the_first() {
    let folder = Folder::new("changed");
    let (first, second) = (Witness::new(&folder, "first"), Witness::new(&folder, "second"));
    let portal = Portal::of(&with_child(&folder, &first, "Ann"));
    assert_eq!(text(&portal.call("sh_who")), "I am Ann");

    with_child(&folder, &second, "Bob");
    eventually("a reload", || (portal.reloads() == (1, 0)).then_some(()));
    assert_eq!(text(&portal.call("sh_who")), "I am Bob");
    first.over();
    assert!(!second.is_over());
}

#[test]
fn health_shows_the_era_of_each_server() {
    let demo = Portal::demo();
    let folder = Folder::new("eras");
    let witness = Witness::new(&folder, "pipe");
    let file = with_child(&folder, &witness, "Ann");
    let more = format!(
        "[[portal.server]]\nid = 'clock'\nurl = 'http://{}/mcp'\n[[portal.server]]\nid = 'pinned'\nera = 'sse'\nurl = 'http://{}/mcp'\n",
        upstream(&demo, "clock"),
        nowhere()
    );
    let text = std::fs::read_to_string(&file).unwrap() + &more;
    let portal = Portal::of(&folder.put("portal.toml", &text));
    assert!(portal.call("clock_now")["result"].is_object());
    assert!(portal.call("sh_who")["result"].is_object());
    let era = |id: &str| portal.server(id).unwrap()["era"].clone();
    assert_eq!((era("clock"), era("sh"), era("pinned")), (json!("modern"), json!("legacy"), json!("sse")));
}

/// The program as a client finds it that has started it.
struct Pipes {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Pipes {
    fn of(file: &Path, more: &[&str]) -> Self {
        let arguments = [&["--config", file.to_str().unwrap(), "--stdio"], more].concat();
        let mut command = command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (requests, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, requests, answers }
    }

    fn say(&mut self, message: &str) {
        writeln!(self.requests.as_mut().unwrap(), "{message}").unwrap();
    }

    /// The next line.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "it ended");
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, message: &str) -> Value {
        self.say(message);
        self.hear()
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modern_call(id: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": "sh_who", "arguments": {}, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

#[test]
fn a_client_of_each_era_is_served_over_pipes() {
    let folder = Folder::new("pipes");
    let witness = Witness::new(&folder, "pipe");
    let file = with_child(&folder, &witness, "Ann");

    let mut modern = Pipes::of(&file, &["--portal", "acme"]);
    let answer = modern.ask(&modern_call("first of all"));
    assert_eq!((&answer["id"], text(&answer)), (&json!("first of all"), "I am Ann"));
    assert_eq!(answer["result"]["resultType"], "complete");
    // Its input is at its end: so is the program, and with it the server.
    drop(modern.requests.take());
    assert_eq!(eventually("the end", || modern.child.try_wait().unwrap()).code(), Some(0));
    witness.over();

    let second = Witness::new(&folder, "second");
    let mut legacy = Pipes::of(&with_child(&folder, &second, "Bob"), &[]);
    let answer = legacy.ask(legacy::INITIALIZE);
    assert_eq!((&answer["id"], &answer["result"]["protocolVersion"]), (&json!(0), &json!("2025-11-25")));
    legacy.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let answer = legacy.ask(&legacy::call(1, "sh_who"));
    assert_eq!(text(&answer), "I am Bob");
    assert_eq!(answer["result"].get("resultType"), None);
    // A second session on one channel there is not.
    assert!(legacy.ask(legacy::INITIALIZE)["error"].is_object());
    // Whoever probes in the other era meanwhile is served as well.
    assert_eq!(text(&legacy.ask(&modern_call("probe"))), "I am Bob");
    let pid = rustix::process::Pid::from_child(&legacy.child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(eventually("the end", || legacy.child.try_wait().unwrap()).code(), Some(0));
    second.over();
}

#[test]
fn of_several_portals_one_must_be_named() {
    let folder = Folder::new("choice");
    let one = |id: &str| {
        format!(
            "[[portal]]\nid = '{id}'\npath = '/{id}'\n[[portal.server]]\nid = 's'\nurl = 'http://{}/mcp'\n",
            nowhere()
        )
    };
    let file = folder.put("portal.toml", &format!("{}{}", one("red"), one("blue")));
    let start = ["--config", file.to_str().unwrap(), "--stdio"];
    for more in [&[][..], &["--portal", "green"]] {
        let (code, out, error) = output(&[&start, more].concat());
        assert_eq!((code, out.as_str()), (2, ""), "nothing but messages goes to standard output");
        assert!(error.contains("--portal must name one of: red, blue"), "{error}");
    }
    let (code, _, _) = output(&[&start[..], &["--portal", "blue"]].concat());
    assert_eq!(code, 0, "its input is empty, so it ends at once");
    let (code, _, error) = output(&["--config", file.to_str().unwrap(), "--portal", "blue"]);
    assert_eq!(code, 2);
    assert!(error.contains("--stdio"), "{error}");
}
