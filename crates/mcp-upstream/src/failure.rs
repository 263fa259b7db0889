//! Which failure an error of the HTTP client is, and how its attempt was lost.

use std::error::Error;
use std::io;

use http::StatusCode;
use portcullis_mcp_jsonrpc::{Failure, FailureKind};

use crate::client::Lost;
use crate::retry::Loss;
use crate::timeout::Stage;

/// What the client said, with all the causes in one line: the causes are where the news is.
#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

/// An exchange that ended before its response began.
pub(crate) fn of_request(lost: &Lost) -> (Loss, Failure) {
    let error = lost.error();
    let (loss, kind) = match (lost.is_connect(), is_late(error)) {
        (true, true) => (Loss::Late, FailureKind::Timeout),
        // The connector has already tried again as often as it may.
        (true, false) => (Loss::Late, FailureKind::Unreachable),
        (false, _) => (Loss::Broken, of_connection(error)),
    };
    (loss, failure(kind, error))
}

/// Whether time ran out: by our clock, by the connector's for one of several addresses, or by the system's.
pub(crate) fn is_late(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| {
        let io = error.downcast_ref::<io::Error>();
        error.is::<Stage>() || io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    })
}

/// A response that broke off.
pub(crate) fn of_body(error: &hyper::Error) -> Failure {
    failure(of_connection(error), error)
}

/// A wait that ran out.
pub(crate) fn of_stage(stage: Stage) -> Failure {
    Failure::new(FailureKind::Timeout).with_source(stage)
}

/// A call that is not sent because the last ones failed.
pub(crate) fn of_open_circuit() -> Failure {
    Failure::new(FailureKind::Unreachable).with_source("not tried, because the last calls failed")
}

/// A response that holds no message. Its body is not quoted: it may be anything, of any size.
pub(crate) fn of_status(status: StatusCode) -> Failure {
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureKind::Reject,
        StatusCode::TOO_MANY_REQUESTS => FailureKind::Overload,
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => FailureKind::Timeout,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Unreachable,
        _ => FailureKind::Garbage,
    };
    Failure::new(kind).with_source(format!("HTTP status {status}"))
}

fn of_connection(error: &(dyn Error + 'static)) -> FailureKind {
    let hyper = chain(error).find_map(|error| error.downcast_ref::<hyper::Error>());
    let garbled = chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    match hyper {
        Some(error) if error.is_parse_too_large() => FailureKind::Oversize,
        Some(error) if error.is_timeout() => FailureKind::Timeout,
        Some(error) if error.is_parse() => FailureKind::Garbage,
        _ if garbled => FailureKind::Garbage,
        _ => FailureKind::Close,
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn failure(kind: FailureKind, error: &(dyn Error + 'static)) -> Failure {
    let mut text = String::new();
    for cause in chain(error) {
        let cause = cause.to_string();
        // Many errors repeat their cause.
        if !text.ends_with(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    Failure::new(kind).with_source(Cause(text))
}
