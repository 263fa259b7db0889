//! The proof of what hyper limits before there is a request that a stack could see.

use std::convert::Infallible;
use std::future::Ready;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use portcullis_core::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{NotInForce, PATIENCE};
use crate::config::Limits;
use crate::serve::Http;

/// How an HTTP/1 server refuses a head that is too large.
const EXPECTED: &str = "HTTP/1.1 431 ";

/// Sends a head over `limits.max_header_size` on a connection of its own.
///
/// # Errors
///
/// If the head was not refused.
pub(crate) async fn prove_connections(http: &Http, limits: &Limits) -> Result<(), NotInForce> {
    let seen = match tokio::time::timeout(PATIENCE, first_line(http, limits.max_header_size)).await {
        Ok(line) if line.starts_with(EXPECTED) => return Ok(()),
        Ok(line) => format!("{line:?}"),
        Err(_) => format!("nothing for {PATIENCE:?}"),
    };
    Err(NotInForce {
        place: "limits".to_owned(),
        control: "limits.max_header_size".to_owned(),
        expected: "status 431".to_owned(),
        seen,
    })
}

async fn first_line(http: &Http, max: u32) -> String {
    let size = usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1024);
    let (mut client, server) = tokio::io::duplex(size);
    let drain = CancellationToken::new();
    let talk = async {
        let mut head = b"GET / HTTP/1.1\r\nhost: localhost\r\nfiller: ".to_vec();
        head.resize(usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1), b'x');
        head.extend_from_slice(b"\r\n\r\n");
        let mut answer = Vec::new();
        // What could not be written or read shows as an answer that is not the expected one.
        let _ = client.write_all(&head).await;
        let _ = (&mut client).take(EXPECTED.len() as u64).read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::select! {
        line = talk => line,
        () = async {
            http.serve_one(server, Nobody, &drain).await;
            std::future::pending::<()>().await;
        } => String::new(),
    }
}

/// Answers what should not have come through.
#[derive(Clone, Debug)]
struct Nobody;

impl Service<Request<Incoming>> for Nobody {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn call(&self, _: Request<Incoming>) -> Self::Future {
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}
