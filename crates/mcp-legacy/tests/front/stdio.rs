//! Clients on a pair of byte streams.

use std::time::Duration;

use portcullis_core::{Kind, Principal};
use portcullis_mcp_jsonrpc::{Id, Message};
use portcullis_mcp_legacy::front::stdio::{Settings, serve};
use portcullis_testkit::{Act, Probe, Scripted};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;

use super::client::{call, initialize, waits};
use super::{complete, scripted};

struct Client {
    requests: WriteHalf<DuplexStream>,
    answers: Lines<BufReader<ReadHalf<DuplexStream>>>,
    serving: JoinHandle<std::io::Result<()>>,
    probe: Probe,
}

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn modern(id: u32, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{META}}}}}"#)
}

fn tool(id: u32) -> String {
    modern(id, "tools/call", r#""name":"echo","#)
}

impl Client {
    fn new(service: Scripted, settings: Settings) -> Self {
        let probe = service.probe();
        let (client, server) = tokio::io::duplex(1 << 16);
        let (stdin, stdout) = tokio::io::split(server);
        let serving = tokio::spawn(serve(service, settings, stdin, stdout));
        let (answers, requests) = tokio::io::split(client);
        Self { requests, answers: BufReader::new(answers).lines(), serving, probe }
    }

    async fn say(&mut self, text: &str) {
        let line = format!("{}\n", text.replace('\n', " "));
        self.requests.write_all(line.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Message {
        Message::parse(self.answers.next_line().await.unwrap().unwrap().into()).unwrap()
    }

    async fn ask(&mut self, text: &str) -> Message {
        self.say(text).await;
        self.hear().await
    }

    async fn open(&mut self, version: &str) {
        let answer = self.ask(&initialize(version)).await;
        assert!(answer.result().is_some());
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    }
}

#[tokio::test(start_paused = true)]
async fn modern_requests_are_served_without_a_session() {
    let act = Act::stream().notify(r#"{"progress":1}"#).then_result(r#"{"resultType":"complete"}"#);
    let mut client = Client::new(Scripted::in_order([act, complete()]), Settings::new());
    client.say(&tool(1)).await;
    assert_eq!(client.hear().await.method(), Some("notifications/progress"));
    assert_eq!(client.hear().await.result(), Some(&br#"{"resultType":"complete"}"#[..]));
    assert!(client.ask(&tool(2)).await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_request_of_no_era_is_refused() {
    let mut client = Client::new(Scripted::in_order([]), Settings::new());
    let answer = client.ask(&call(3)).await;
    assert_eq!((answer.id(), answer.error_code()), (Some(&Id::from(3)), Some(-32602)));
    let future = tool(4).replace("2026-07-28", "2030-01-01");
    assert_eq!(client.ask(&future).await.error_code(), Some(-32022));
}

#[tokio::test(start_paused = true)]
async fn initialize_opens_the_session_once() {
    let mut client = Client::new(scripted([Act::hang(), complete()]), Settings::new());
    client.open("2025-06-18").await;
    assert_eq!(client.ask(&initialize("2025-06-18")).await.error_code(), Some(-32600));
    // The stream of changes is the second call.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.probe.calls()[1].method(), "subscriptions/listen");
    assert_eq!(client.ask(&call(1)).await.result(), Some(&br#"{"content":[]}"#[..]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_could_not_be_opened_can_be_tried_again() {
    let acts = [Act::error(-31403, "No."), super::discover()];
    let mut client = Client::new(Scripted::in_order(acts), Settings::new());
    assert_eq!(client.ask(&initialize("2025-06-18")).await.error_code(), Some(-31403));
    assert!(client.ask(&initialize("2025-06-18")).await.result().is_some());
}

/// Clients of the last legacy revision that also know the modern one probe before they initialise.
#[tokio::test(start_paused = true)]
async fn both_eras_share_the_channel() {
    let mut client = Client::new(
        Scripted::in_order([complete(), super::discover(), complete(), complete()]),
        Settings::new(),
    );
    assert!(client.ask(&modern(0, "server/discover", "")).await.result().is_some());
    assert!(client.ask(&initialize("2025-11-25")).await.result().is_some());
    assert_eq!(client.ask(&call(1)).await.result(), Some(&br#"{"content":[]}"#[..]));
    let modern = client.ask(&tool(2)).await;
    assert_eq!(modern.result(), Some(&br#"{"resultType":"complete","content":[]}"#[..]));
}

#[tokio::test(start_paused = true)]
async fn requests_sent_right_after_initialize_wait_for_it() {
    let slow =
        Act::result(r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#)
            .after(Duration::from_secs(5));
    let mut client = Client::new(Scripted::in_order([slow, complete()]), Settings::new());
    client.say(&initialize("2025-11-25")).await;
    client.say(&call(1)).await;
    assert_eq!(client.hear().await.id(), Some(&Id::from(0)));
    assert!(client.hear().await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn calls_are_cancelled_in_both_eras() {
    let hang = || Act::stream().then_hang();
    let mut client = Client::new(Scripted::in_order([hang(), super::discover(), hang()]), Settings::new());
    let cancel = |id: u32| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
    };
    client.say(&tool(1)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.ask(&tool(1)).await.error_code(), Some(-32600), "an id that is in use");
    client.say(&cancel(1)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((client.probe.streams().live(), client.probe.streams().dropped()), (0, 1));

    client.ask(&initialize("2025-06-18")).await;
    client.say(&call(2)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.probe.streams().live(), 1);
    client.say(&cancel(2)).await;
    assert_eq!(client.hear().await.error_code(), Some(-31499));
    assert_eq!(client.probe.streams().live(), 0);
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_no_message_are_answered_and_passed_over() {
    let mut client = Client::new(Scripted::in_order([complete()]), Settings::new().max_line(1_000));
    for (line, code) in [
        ("hello", -32700),
        ("{}", -32600),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (&"x".repeat(1_000_000), -31413),
    ] {
        let answer = client.ask(line).await;
        assert_eq!((answer.id(), answer.error_code()), (None, Some(code)), "{line:.20}");
    }
    assert!(client.ask(&tool(1)).await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn batches_are_answered_with_an_array() {
    let mut client = Client::new(scripted([complete(), complete()]), Settings::new());
    client.ask(&initialize("2025-03-26")).await;
    client.say(&format!("[{},{}]", call(1), call(2))).await;
    let line = client.answers.next_line().await.unwrap().unwrap();
    assert_eq!(portcullis_core::json::elements(line.as_bytes()).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_calls_is_bounded_and_answers_are_still_read() {
    let acts = std::iter::repeat_n(Act::stream().then_hang(), 2);
    let settings = Settings::new().max_calls(2).max_waiting(3);
    let mut client = Client::new(Scripted::in_order(acts), settings);
    for id in 1..=3 {
        client.say(&tool(id)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.probe.calls().len(), 2);
    let refused = client.ask(&tool(4)).await;
    assert_eq!((refused.id(), refused.error_code()), (Some(&Id::from(4)), Some(-31503)));
    assert!(waits(client.hear()).await);
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_leaves_room_for_calls() {
    let acts = [Act::stream().then_hang(), complete()];
    let mut client = Client::new(Scripted::in_order(acts), Settings::new().max_calls(1));
    client.say(&modern(1, "subscriptions/listen", r#""notifications":{},"#)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(client.ask(&tool(2)).await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_input_cancels_everything() {
    let mut client =
        Client::new(scripted([Act::stream().then_hang(), Act::stream().then_hang()]), Settings::new());
    client.ask(&initialize("2025-11-25")).await;
    client.say(&call(1)).await;
    client.say(&tool(2)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.probe.streams().live(), 2);
    client.requests.shutdown().await.unwrap();
    assert!(client.serving.await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.probe.streams().live(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_carry_what_the_settings_say() {
    let mut extensions = http::Extensions::new();
    extensions.insert(Principal::new(Kind::User, "alice"));
    let mut client = Client::new(scripted([complete(), complete()]), Settings::new().extensions(extensions));
    client.ask(&initialize("2025-11-25")).await;
    client.ask(&call(1)).await;
    client.ask(&tool(2)).await;
    let calls = client.probe.calls();
    assert!(calls.iter().all(|call| call.extensions().get::<Principal>().unwrap().subject() == "alice"));
    assert!(calls.iter().all(|call| portcullis_core::Trail::of(call.extensions()).is_some()));
}
