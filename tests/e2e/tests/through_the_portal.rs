//! Calls through the whole chain: what passes untouched, what is left behind, and what a closed stream does.

use std::time::Duration;

use e2e::{PATIENCE, RawClient, ask, ask_message, serve, serve_messages, serve_portal, until, upstream};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Fragment, Message, code};
use portcullis_testkit::{Act, Ask, Scripted, Watch, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_its_answer_arrive_as_they_were() {
    let server = Scripted::always(Act::result(r#"{"content":[], "x-unknown": {"kept":1.50}}"#));
    let probe = server.probe();
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;

    let arguments = r#"{ "text" : "h\u00e9llo \u0000", "n":1.0e2 }"#;
    let ask = Ask::tool("up_echo").id("a\"b").arguments(arguments).param("future", r#"{"z":[1, 2]}"#);
    let (status, answer) = ask_message(portal, ask.http()).await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer.id(), Some(&"a\"b".into()));
    assert_eq!(answer.result(), Some(&br#"{"content":[], "x-unknown": {"kept":1.50}}"#[..]));
    let call = &probe.calls()[0];
    assert_eq!(call.name(), Some("echo"));
    assert_eq!(call.message().arguments(), Some(arguments.as_bytes()));
    assert_eq!(call.message().text().len(), ask.text().len() - "up_".len(), "only the prefix is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_clients_identity_reaches_the_server() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let server = {
        let seen = seen.clone();
        tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            seen.lock().unwrap().push(request.headers().clone());
            async {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let id = Message::parse(body).unwrap().id().unwrap().clone();
                let answer = Message::from_result(&id, &Fragment::parse("{}").unwrap());
                let mut response = http::Response::new(Body::from(answer.into_text()));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                let secret = HeaderValue::from_static("session=of-the-server");
                response.headers_mut().insert(header::SET_COOKIE, secret);
                Ok(response)
            }
        })
    };
    let portal = serve_portal([upstream("up", serve(server).await)]).await;

    let mut request = Ask::tool("up_echo").id(1).http();
    for name in ["authorization", "cookie", "x-forwarded-for", "mcp-session-id", "proxy-authorization"] {
        request.headers_mut().insert(name, HeaderValue::from_static("of-the-client"));
    }
    request.headers_mut().insert("mcp-param-region", HeaderValue::from_static("eu"));
    let (head, _) = ask(portal, request).await;

    assert_eq!(head.status, StatusCode::OK);
    assert!(!head.headers.contains_key(header::SET_COOKIE));
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    // Also not with the question what the server speaks.
    assert!(seen.iter().flat_map(http::HeaderMap::values).all(|value| value != "of-the-client"), "{seen:?}");
    let headers = seen.last().unwrap();
    assert_eq!(headers["mcp-param-region"], "eu");
    assert_eq!(headers["mcp-name"], "echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_call_at_the_server_within_a_tenth_of_a_second() {
    let table = [
        ("before the answer begins", Act::hang(), None),
        ("in the middle of a stream", Act::stream().notify("{}").then_hang(), Some("notifications/")),
    ];
    for (name, act, wait_for) in table {
        let server = Scripted::always(act);
        let probe = server.probe();
        let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;

        let mut client = RawClient::connect(portal).await;
        client.send(Ask::tool("up_slow").http()).await;
        until(PATIENCE, "the call arrives", || !probe.calls().is_empty()).await;
        if let Some(text) = wait_for {
            client.read_until(text).await;
        }
        drop(client);

        let gone = || probe.futures().live() == 0 && probe.streams().live() == 0;
        until(Duration::from_millis(100), name, gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_notification_is_there_before_the_next_one_is_made() {
    let server = Scripted::always(Act::stream().notify(r#"{"progress":1}"#).then_hang());
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;
    let mut client = RawClient::connect(portal).await;
    client.send(Ask::tool("up_slow").http()).await;
    let head = client.read_until(r#"{"progress":1}"#).await.to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("x-accel-buffering: no"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_holds_only_the_answer_leaves_as_json() {
    let server = Scripted::always(Act::stream().then_result(r#"{"content":[]}"#));
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;
    let (head, body) = ask(portal, Ask::tool("up_echo").http()).await;
    assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
    assert!(body.ends_with(br#""result":{"content":[]}}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_that_is_down_leaves_the_others_in_the_list() {
    let tools =
        r#"{"tools":[{"name":"echo","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"public"}"#;
    let up = serve_messages(Scripted::always(Act::result(tools))).await;
    // A port that was free a moment ago, and is nobody's.
    let down = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let portal = serve_portal([upstream("up", up), upstream("down", down)]).await;

    let (status, answer) = ask_message(portal, Ask::new("tools/list").http()).await;
    assert_eq!(status, StatusCode::OK);
    let result = std::str::from_utf8(answer.result().unwrap()).unwrap();
    assert!(result.contains(r#""name":"up_echo""#), "{result}");
    assert!(result.contains(r#""io.portcullis/unavailable":["down"]"#), "{result}");

    let (_, answer) = ask_message(portal, Ask::tool("down_echo").id(9).http()).await;
    assert_eq!((answer.error_code(), answer.id()), (Some(code::UNAVAILABLE), Some(&9.into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_of_one_id_are_told_apart() {
    let server = Scripted::always(Act::with(|call| {
        let text = call.message().arguments().unwrap_or_default().to_vec();
        let result = portcullis_mcp_jsonrpc::Fragment::parse(text).unwrap();
        Ok(portcullis_mcp_jsonrpc::Reply::result(call.id().unwrap(), &result))
    }));
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;
    let calls = (0..64).map(|number| async move {
        let arguments = format!(r#"{{"number":{number}}}"#);
        let (_, answer) =
            ask_message(portal, Ask::tool("up_echo").id(1).arguments(arguments.as_str()).http()).await;
        assert_eq!(answer.result(), Some(arguments.as_bytes()));
    });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_acknowledged_once_the_server_has_it_and_ends_with_the_client() {
    let open = Watch::new();
    let watched = open.clone();
    let acknowledged = Act::with(move |call| {
        use portcullis_mcp_jsonrpc::{Fragment, Message, Reply};
        if call.method() != "subscriptions/listen" {
            let capabilities = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],
                "capabilities":{"tools":{"listChanged":true}},"ttlMs":0,"cacheScope":"public"}"#;
            return Ok(Reply::result(call.id().unwrap(), &Fragment::parse(capabilities).unwrap()));
        }
        let meta = format!(
            r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}"#,
            call.id().unwrap().to_json()
        );
        let notify = |method: &str, more: &str| {
            let params = Fragment::parse(format!("{{{meta}{more}}}")).unwrap();
            Ok(Message::from_notification(method, &params))
        };
        let messages = [
            notify(
                "notifications/subscriptions/acknowledged",
                r#","notifications":{"toolsListChanged":true}"#,
            ),
            notify("notifications/tools/list_changed", ""),
        ];
        let (mut messages, guard) = (messages.into_iter(), watched.guard());
        Ok(Reply::stream(Forever(move || {
            let _ = &guard;
            messages.next()
        })))
    });
    let server = Scripted::always(acknowledged);
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;

    let mut client = RawClient::connect(portal).await;
    let ask = Ask::new("subscriptions/listen")
        .id("listen:0")
        .param("notifications", r#"{"toolsListChanged":true}"#);
    client.send(ask.http()).await;
    let text = client.read_until("notifications/tools/list_changed").await;
    let acknowledgement = text.find("subscriptions/acknowledged").unwrap();
    assert!(acknowledgement < text.find("tools/list_changed").unwrap());
    assert!(text.contains(r#""io.modelcontextprotocol/subscriptionId":"listen:0""#), "{text}");

    // The portal listens for itself as well, so there may be more than one stream, and only the client's must end.
    let streams = open.live();
    assert!(streams >= 1);
    drop(client);
    until(Duration::from_millis(200), "the server's stream ends", || open.live() < streams).await;
}

/// Gives what there is, then waits for ever.
struct Forever<F>(F);

impl<F, T> futures_util::Stream for Forever<F>
where
    F: FnMut() -> Option<T> + Unpin,
{
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        (self.0)().map_or(std::task::Poll::Pending, |item| std::task::Poll::Ready(Some(item)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_a_megabyte_arrives_whole() {
    let text = "x\\n".repeat(400_000);
    let result = format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
    let server = Scripted::always(Act::stream().notify("{}").then_result(&result));
    let portal = serve_portal([upstream("up", serve_messages(server).await)]).await;
    let (_, body) = ask(portal, Ask::tool("up_big").http()).await;
    let messages = read::events(&body);
    assert_eq!(messages.last().and_then(|message| message.result()), Some(result.as_bytes()));
}
