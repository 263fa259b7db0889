//! What becomes of a reply: status, form, ids, failures.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header as names};
use portcullis_core::{Answer, Reason, Refusal, Trail, Verdict};
use portcullis_mcp_jsonrpc::{DecodeLayer, FailureKind, Fragment, Id, Message, Reply, code, header};
use portcullis_testkit::{Act, Ask, Scripted, golden, read};
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::{decoded, is_pending, send, send_ready};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test(start_paused = true)]
async fn the_status_of_an_answer() {
    let status =
        |act: Act| async move { send(&decoded(act), Ask::tool("echo").http()).await.status().as_u16() };
    assert_eq!(status(Act::result(RESULT)).await, 200);
    for (code, wanted) in [
        (code::METHOD_NOT_FOUND, 404),
        (code::INVALID_PARAMS, 200),
        (code::MISSING_CAPABILITY, 400),
        (code::UNSUPPORTED_VERSION, 400),
        (code::HEADER_MISMATCH, 400),
        (code::INTERNAL_ERROR, 200),
        (-32_000, 200),
        (i64::MIN, 200),
    ] {
        assert_eq!(status(Act::error(code, "no")).await, wanted, "{code}");
        assert_eq!(status(Act::stream().then_error(code, "no")).await, wanted, "{code} from a stream");
    }
    for (reason, wanted) in [
        (Reason::Authenticate, 401),
        (Reason::Forbid, 200),
        (Reason::WantScope, 403),
        (Reason::Hide, 200),
        (Reason::Exhaust, 200),
        (Reason::Unavailable, 200),
    ] {
        let refuse =
            Act::with(move |call| Ok(Reply::refuse(&call.reply_to("test"), Refusal::new(reason, "No."))));
        assert_eq!(status(refuse).await, wanted, "{reason:?}");
    }
    // What a layer says about the status counts for errors and for nothing else.
    let said = |code: Option<i64>| {
        Act::with(move |call| {
            let id = call.id().unwrap();
            let message = match code {
                Some(code) => Message::from_error(Some(id), code, "no", None),
                None => Message::from_result(id, &Fragment::empty()),
            };
            Ok(Reply::message(message).with_status(StatusCode::IM_A_TEAPOT))
        })
    };
    assert_eq!(status(said(Some(code::INVALID_PARAMS))).await, 418);
    assert_eq!(status(said(None)).await, 200);
}

/// A layer outside the decoder knows where to get the scopes, and has to know which.
#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_the_http_level() {
    let refusal = Refusal::new(Reason::WantScope, "Sign in again.").with_scopes(["a", "b"]);
    let said = refusal.clone();
    let act = Act::with(move |call| Ok(Reply::refuse(&call.reply_to("test"), said.clone())));
    for (ask, status) in [
        (Ask::tool("echo"), 403),
        // Nobody waits for an answer to this one, but it was not taken either.
        (Ask::notification("notifications/x").without_meta(), 403),
    ] {
        let response = send(&decoded(act.clone()), ask.http()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.extensions().get(), Some(&refusal));
        assert_eq!(read::message(response).await.1.error_code(), Some(code::FORBIDDEN));
    }
    let passed = send(&decoded(Act::result(RESULT)), Ask::tool("echo").http()).await;
    assert!(passed.extensions().get::<Refusal>().is_none());
}

/// The status is the gateway's word. What a tool puts into its result has no part in it.
#[tokio::test(start_paused = true)]
async fn a_result_cannot_choose_its_status() {
    let service = decoded(Act::result(r#"{"code":-32601,"error":{"code":-32601}}"#));
    assert_eq!(send(&service, Ask::tool("echo").http()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn notifications_are_accepted_without_a_body() {
    let notification = Ask::notification("notifications/x").without_meta();
    let accepted = send(&decoded(Act::accept()), notification.http()).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    assert!(read::response(accepted).await.1.is_empty());

    // One that cannot be accepted needs an error status, for there is no id to answer to.
    let failed = send(&decoded(Act::fail(FailureKind::Unreachable)), notification.http()).await;
    assert_eq!(failed.status(), StatusCode::BAD_REQUEST);
    assert_eq!(read::message(failed).await.1.id(), None);
}

#[tokio::test(start_paused = true)]
async fn answers_carry_the_callers_id() {
    for id in [Id::from(0), Id::from(-1), Id::from(i64::MAX), Id::from(""), Id::from("a\"\\\u{1}ö")] {
        for act in [Act::result(RESULT), Act::error(-1, "no"), Act::fail(FailureKind::Close)] {
            let response = send(&decoded(act), Ask::tool("echo").id(id.clone()).http()).await;
            assert_eq!(read::message(response).await.1.id(), Some(&id));
        }
        let wrong = Ask::tool("echo").id(id.clone()).header(header::MCP_NAME, "x");
        let refused = send(&decoded(Act::result(RESULT)), wrong.http()).await;
        assert_eq!(read::message(refused).await.1.id(), Some(&id));
    }
}

/// Clients bound the events of a stream more tightly than a JSON body, so a lone answer never becomes an event.
#[tokio::test(start_paused = true)]
async fn a_lone_answer_is_json_even_from_a_stream() {
    for act in [
        Act::result(RESULT),
        Act::stream().then_result(RESULT),
        Act::stream().pending().pending().then_result(RESULT),
        Act::stream().wait(Duration::from_secs(14)).then_result(RESULT),
        Act::result(RESULT).after(Duration::from_secs(14)),
    ] {
        let response = send(&decoded(act.clone()), Ask::tool("echo").http()).await;
        assert_eq!(response.headers()[names::CONTENT_TYPE], "application/json", "{act:?}");
        let (_, answer) = read::message(response).await;
        assert_eq!(answer.result(), Some(RESULT.as_bytes()), "{act:?}");
    }
}

/// The errors of everything that can break, with the caller's id, and without what only the operator should know.
#[tokio::test(start_paused = true)]
async fn failures_become_errors() {
    for (kind, code) in [
        (FailureKind::Unreachable, code::UNAVAILABLE),
        (FailureKind::Timeout, code::TIMED_OUT),
        (FailureKind::Overload, code::UNAVAILABLE),
        (FailureKind::Close, code::BAD_ANSWER),
        (FailureKind::Garbage, code::BAD_ANSWER),
        (FailureKind::Reject, code::BAD_ANSWER),
        (FailureKind::Oversize, code::OVERSIZE),
        (FailureKind::Internal, code::INTERNAL_ERROR),
    ] {
        for act in [Act::fail(kind), Act::stream().pending().then_fail(kind)] {
            let mut request = Ask::tool("echo").id("x").http();
            let trail = Trail::enter(request.extensions_mut());
            let (head, error) = read::message(send(&decoded(act), request).await).await;
            assert_eq!(head.status, StatusCode::OK, "{kind:?}");
            assert_eq!(error.error_code(), Some(code), "{kind:?}");
            assert_eq!(error.id(), Some(&Id::from("x")), "{kind:?}");
            assert!(!String::from_utf8_lossy(error.text()).contains("by the script"), "{kind:?}");
            let noted = trail.entries();
            assert!(
                matches!(noted[0].verdict(), Verdict::Fail(text) if text.contains("by the script")),
                "{noted:?}"
            );
        }
    }
    let empty = send(&decoded(Act::stream()), Ask::tool("echo").http()).await;
    assert_eq!(read::message(empty).await.1.error_code(), Some(code::BAD_ANSWER));
    let accepted = send(&decoded(Act::accept()), Ask::tool("echo").http()).await;
    assert_eq!(read::message(accepted).await.1.error_code(), Some(code::BAD_ANSWER));
}

#[tokio::test(start_paused = true)]
async fn stock_layers_fail_with_codes_of_their_own() {
    let slow = Scripted::always(Act::hang());
    let probe = slow.probe();
    let service =
        ServiceBuilder::new().layer(DecodeLayer::new()).timeout(Duration::from_secs(30)).service(slow);
    let Ok(response) = service.oneshot(Ask::tool("echo").http()).await;
    assert_eq!(read::message(response).await.1.error_code(), Some(code::TIMED_OUT));
    assert_eq!(probe.futures().dropped(), 1);

    let closed = Scripted::always(Act::hang()).closed();
    let service = ServiceBuilder::new().layer(DecodeLayer::new()).load_shed().service(closed);
    let Ok(response) = service.oneshot(Ask::tool("echo").http()).await;
    assert_eq!(read::message(response).await.1.error_code(), Some(code::UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn readiness_is_that_of_the_inner_service() {
    let closed = Scripted::always(Act::result(RESULT)).closed();
    let probe = closed.probe();
    let mut service = DecodeLayer::new().layer(closed);
    let mut sent = Box::pin(send_ready(&mut service, Ask::tool("echo").http()));
    assert!(is_pending(sent.as_mut()));
    assert!(probe.calls().is_empty());
    probe.open();
    let response = sent.await;
    assert_eq!(response.status(), StatusCode::OK);
}

/// An HTTP service must answer, and so it is ready to say that it never will be.
#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_become_ready_is_an_error_with_the_callers_id() {
    let broken = Scripted::always(Act::result(RESULT)).broken(FailureKind::Unreachable);
    let probe = broken.probe();
    let mut service = DecodeLayer::new().layer(broken);
    for _ in 0..2 {
        let response = send_ready(&mut service, Ask::tool("echo").id("x").http()).await;
        let (_, error) = read::message(response).await;
        assert_eq!((error.error_code(), error.id()), (Some(code::UNAVAILABLE), Some(&Id::from("x"))));
    }
    probe.open();
    assert_eq!(send(&service, Ask::tool("echo").http()).await.status(), StatusCode::OK, "it came back");
}

#[tokio::test(start_paused = true)]
async fn what_layers_attach_reaches_the_response() {
    let act = Act::with(|call| {
        let mut reply = Reply::result(call.id().unwrap(), &Fragment::empty());
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("9"));
        reply.extensions_mut().insert(headers);
        reply.extensions_mut().insert(7_u8);
        Ok(reply)
    });
    let response = send(&decoded(act), Ask::tool("echo").http()).await;
    assert_eq!(response.headers()["retry-after"], "9");
    assert_eq!(response.extensions().get::<u8>(), Some(&7));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_the_call() {
    let inner = Scripted::always(Act::hang());
    let probe = inner.probe();
    let service = DecodeLayer::new().layer(inner);
    let mut future = Box::pin(service.oneshot(Ask::tool("echo").http()));
    assert!(is_pending(future.as_mut()));
    assert_eq!(probe.futures().live(), 1);
    drop(future);
    assert_eq!(probe.futures().dropped(), 1);
}

#[tokio::test(start_paused = true)]
async fn golden_files() {
    let ask = Ask::tool("echo").id("call-1");
    for (file, act) in [
        (
            "answer.json.http",
            Act::result(r#"{"resultType":"complete","content":[{"type":"text","text":"größe\n"}]}"#),
        ),
        ("error.json.http", Act::error(code::METHOD_NOT_FOUND, "Method not found")),
        (
            "progress.sse.http",
            Act::stream()
                .notify(r#"{"progressToken":1,"progress":1}"#)
                .wait(Duration::from_secs(20))
                .notify("{\"progressToken\":1,\r\n\"progress\":2}")
                .then_fail(FailureKind::Close),
        ),
    ] {
        let (head, body) = read::response(send(&decoded(act), ask.http()).await).await;
        golden::check(file, golden::of_response(&head, &body));
    }
    let refused = send(&decoded(Act::result("{}")), ask.clone().version("v999").http()).await;
    let (head, body) = read::response(refused).await;
    golden::check("mismatch.json.http", golden::of_response(&head, &body));
}
