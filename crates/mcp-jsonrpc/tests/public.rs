//! What holds for every public type.

use portcullis_mcp_jsonrpc::{
    Call, Decode, DecodeFuture, DecodeLayer, Encode, EncodeFuture, EncodeLayer, Failure, FailureKind, Flaw,
    Fragment, Id, Kind, Message, MessageError, Part, Reply, ReplyTo, guard, header, sse,
};
use portcullis_testkit::{Act, Ask, Scripted};

fn send_and_sync<T: Send + Sync>() {}

#[test]
fn every_public_type_can_be_shared_between_threads() {
    send_and_sync::<Call>();
    send_and_sync::<Decode<Scripted>>();
    send_and_sync::<DecodeLayer>();
    send_and_sync::<Encode<Scripted>>();
    send_and_sync::<EncodeLayer>();
    send_and_sync::<Failure>();
    send_and_sync::<FailureKind>();
    send_and_sync::<Flaw>();
    send_and_sync::<Fragment>();
    send_and_sync::<Id>();
    send_and_sync::<Kind>();
    send_and_sync::<Message>();
    send_and_sync::<MessageError>();
    send_and_sync::<Part>();
    send_and_sync::<Reply>();
    send_and_sync::<ReplyTo>();
    send_and_sync::<guard::Forbidden>();
    send_and_sync::<guard::HostGuard>();
    send_and_sync::<guard::InvalidRule>();
    send_and_sync::<header::Accept>();
    send_and_sync::<header::HeaderMismatch>();
    send_and_sync::<header::HeaderParams>();
    send_and_sync::<header::InvalidHeaderParams>();
    send_and_sync::<header::InvalidHeaderValue>();
    send_and_sync::<header::RepeatedHeader>();
    send_and_sync::<header::UnfitArguments>();
    send_and_sync::<sse::Decoder>();
    send_and_sync::<sse::Ending>();
    send_and_sync::<sse::Event>();
    send_and_sync::<sse::EventChunks>();
    send_and_sync::<sse::SseError>();
}

/// Futures are polled by one task at a time, so `Send` is all that a server asks of them.
#[test]
fn futures_can_be_sent() {
    fn send<T: Send>() {}
    send::<DecodeFuture>();
    send::<EncodeFuture>();
}

#[test]
fn debug_shows_no_content() {
    let ask = Ask::tool("s3cret").arguments(r#"{"key":"s3cret"}"#);
    let shown = format!("{:?} {:?}", ask.message(), Reply::message(ask.message()));
    assert!(shown.contains("tools/call"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let service = format!("{:?}", tower::Layer::layer(&DecodeLayer::new(), Scripted::always(Act::hang())));
    assert!(service.contains("Decode"), "{service}");
}
