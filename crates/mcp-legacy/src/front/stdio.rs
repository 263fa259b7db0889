//! Clients of both eras over standard input and output, or any other pair of byte streams.

mod desk;
mod era;
mod hold;
mod lines;
mod settings;
mod write;

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Reply};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tower_service::Service;

use self::desk::Desk;
use self::lines::{Line, Lines};
pub use self::settings::Settings;

/// How many messages wait to be written, at most. Then calls wait to speak.
const QUEUE: usize = 64;

/// How long a client that has closed its side is written to.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one client: reads a message per line, writes a message per line, until the client closes its side.
///
/// A request that declares a version in its `_meta` is served as 2026-07-28 has it, statelessly. An `initialize` opens a
/// session, the only one on this channel; from then on requests without a version belong to it. Both may be mixed, since
/// clients probe with one before they settle on the other.
///
/// When the client closes its side, everything that is under way is cancelled.
///
/// # Errors
///
/// What reading or writing failed with.
///
/// # Example
///
/// ```
/// use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Reply};
/// use portcullis_mcp_legacy::front::stdio::{self, Settings};
/// use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// // Any message-level service that speaks 2026-07-28.
/// let service = tower::service_fn(async |call: Call| {
///     let result = match call.method() {
///         "server/discover" => r#"{"resultType":"complete","supportedVersions":["2026-07-28"],
///             "capabilities":{"tools":{}},"serverInfo":{"name":"demo","version":"1"},"ttlMs":0,"cacheScope":"public"}"#,
///         _ => r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"public"}"#,
///     };
///     Ok::<_, Failure>(Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()))
/// });
///
/// // In a program: tokio::io::stdin() and tokio::io::stdout().
/// let (client, server) = tokio::io::duplex(4096);
/// let (stdin, stdout) = tokio::io::split(server);
/// tokio::spawn(stdio::serve(service, Settings::new(), stdin, stdout));
///
/// let (answers, mut requests) = tokio::io::split(client);
/// let mut answers = BufReader::new(answers).lines();
/// let initialize = concat!(
///     r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","#,
///     r#""capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
///     "\n",
/// );
/// requests.write_all(initialize.as_bytes()).await?;
/// assert!(answers.next_line().await?.unwrap().contains(r#""protocolVersion":"2025-06-18""#));
///
/// requests.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n").await?;
/// assert!(answers.next_line().await?.unwrap().contains(r#""tools":[]"#));
///
/// // What is no message is refused.
/// requests.write_all(b"hello\n").await?;
/// assert!(answers.next_line().await?.unwrap().contains("-32700"));
/// # Ok(())
/// # }
/// ```
pub async fn serve<S, R, W>(service: S, settings: Settings, stdin: R, stdout: W) -> io::Result<()>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (say, said) = mpsc::channel(QUEUE);
    let lines = Lines::new(stdin, settings.max_line);
    let reading = pin!(read(lines, Desk::new(service, settings, say)));
    let writing = pin!(write::write(stdout, said));
    match select(reading, writing).await {
        Either::Left((read, writing)) => {
            // What was said before the end is written; what is under way has been cancelled and says nothing more.
            let written = tokio::time::timeout(FAREWELL, writing).await;
            read.and(written.unwrap_or(Ok(())))
        }
        Either::Right((written, _)) => written,
    }
}

async fn read<S, R>(mut lines: Lines<R>, mut desk: Desk<S>) -> io::Result<()>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: AsyncRead + Unpin,
{
    loop {
        match lines.next().await? {
            Line::Text(text) => desk.take(text).await,
            Line::TooLong => desk.refuse_line().await,
            Line::End => return Ok(()),
        }
    }
}
