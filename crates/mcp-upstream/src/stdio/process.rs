//! One running server: what goes in, what comes out, and how it ends.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Kind, Message};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::group::{Group, Pipes};
use super::settings::Settings;
use super::{output, shown};
use crate::duplex::{Cause, Duplex, Limits};

/// How many messages may wait to be written. Whoever has one more waits itself.
const WAITING: usize = 64;

/// How long what a dead server has written is waited for; a process that it has left behind may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A running server. When the last clone is dropped, it is stopped.
#[derive(Clone, Debug)]
pub(super) struct Process {
    duplex: Duplex,
    input: mpsc::UnboundedSender<Line>,
    room: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    gone: watch::Receiver<bool>,
}

/// A message on its way in, and its place in the queue. What cancels a request needs no place: there is one at most for
/// each request that had one.
#[derive(Debug)]
struct Line {
    text: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// We wanted it to.
    Stop,
    /// It went by itself, or had to go.
    Loss(Cause),
}

impl Process {
    /// Starts the server. `ended` is told when it is of no more use, which is before the last of it is gone.
    pub(super) async fn start(
        settings: Arc<Settings>,
        ended: impl FnOnce(&Ending) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (group, pipes) = Group::start(&settings.command, &settings.limits).await?;
        let (input, queue) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let (gone_sender, gone) = watch::channel(false);
        let room = Arc::new(Semaphore::new(WAITING));
        let duplex = Duplex::new(Limits::default());
        tracing::info!(server = &*settings.name, id = group.id(), "a server was started");
        let process = Self { duplex, input, room, stop, gone };
        let (duplex, room) = (process.duplex.clone(), process.room.clone());
        let run = Run { settings, duplex, room, back: process.back() };
        tokio::spawn(run.run(group, pipes, queue, stopped, gone_sender, ended));
        Ok(process)
    }

    /// What comes out.
    pub(super) fn duplex(&self) -> &Duplex {
        &self.duplex
    }

    /// Why the process is of no more use, if so.
    pub(super) fn broken(&self) -> Option<Failure> {
        self.duplex.broken()
    }

    /// What sends to the process without keeping it.
    fn back(&self) -> Back {
        Back { input: self.input.downgrade(), room: self.room.clone() }
    }

    /// Sends a message, once there is room for it.
    pub(super) async fn send(&self, message: &Message) -> Result<(), Failure> {
        let lost = || self.broken().unwrap_or_else(|| Failure::new(FailureKind::Close));
        let place = self.room.clone().acquire_owned().await.map_err(|_| lost())?;
        let line = Line { text: message.text().clone(), _place: Some(place) };
        self.input.send(line).map_err(|_| lost())
    }

    /// Sends what cancels a request that was sent before.
    pub(super) fn cancel(&self, cancellation: Message) {
        // If the process is gone, so is the request.
        let _ = self.input.send(Line { text: cancellation.into_text(), _place: None });
    }

    /// Stops the server, and waits for that as long as stopping may take.
    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        let mut gone = self.gone.clone();
        // An error is a run that was dropped with its runtime, and the server with it.
        let _ = gone.wait_for(|gone| *gone).await;
    }
}

/// What sends back to the process what it asks for. It does not keep the process going.
#[derive(Debug)]
pub(super) struct Back {
    input: mpsc::WeakUnboundedSender<Line>,
    room: Arc<Semaphore>,
}

impl Back {
    pub(super) fn send(&self, message: Message) {
        let Some(input) = self.input.upgrade() else { return };
        // One cancellation for each request of ours, but as many answers as the server cares to ask for.
        let place = match message.kind() {
            Kind::Notification => None,
            _ => match self.room.clone().try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => return,
            },
        };
        let _ = input.send(Line { text: message.into_text(), _place: place });
    }
}

/// What keeps a process going.
struct Run {
    settings: Arc<Settings>,
    duplex: Duplex,
    room: Arc<Semaphore>,
    back: Back,
}

impl Run {
    async fn run(
        self,
        mut group: Group,
        pipes: Pipes,
        queue: mpsc::UnboundedReceiver<Line>,
        mut stopped: watch::Receiver<bool>,
        gone: watch::Sender<bool>,
        ended: impl FnOnce(&Ending) + Send,
    ) {
        let Self { settings, duplex, back, .. } = &self;
        let Pipes { stdin, stdout, stderr } = pipes;
        let (done, mut read) = oneshot::channel();
        let reading = async {
            let _ = done.send(output::read(stdout, duplex, back, settings).await);
            std::future::pending::<()>().await;
        };
        // Both go on while the process is stopped, or it might wait for us to read.
        let mut background =
            std::pin::pin!(async { tokio::join!(reading, output::log(stderr, &settings.name)) });
        let ending = tokio::select! {
            ending = write(stdin, queue, settings.transfer_timeout) => ending,
            end = &mut read => match end {
                Ok(Some(cause)) => Ending::Loss(cause),
                Ok(None) | Err(_) => {
                    let exited = tokio::time::timeout(LAST_WORDS, group.exited());
                    let status = tokio::select! {
                        status = exited => status.ok(),
                        _ = &mut background => None,
                    };
                    Ending::Loss(status.map_or_else(|| lost("the process closed its output"), |status| of_status(status, settings)))
                }
            },
            // An error says that all handles are gone, which the queue says too, once it is empty.
            Ok(()) = async { stopped.wait_for(|stop| *stop).await.map(drop) } => Ending::Stop,
            _ = &mut background => Ending::Loss(lost("its output is not read any more")),
            status = group.exited_or_unguarded() => {
                let cause = status.map_or_else(|| lost("the guard of the process is gone"), |status| of_status(status, settings));
                tokio::select! {
                    _ = tokio::time::timeout(LAST_WORDS, &mut read) => {}
                    _ = &mut background => {}
                }
                Ending::Loss(cause)
            }
        };
        self.finish(&ending);
        ended(&ending);
        if let Ending::Stop = ending {
            tokio::select! {
                () = stop(&mut group, settings.stop_timeout) => {}
                _ = &mut background => {}
            }
        }
        tokio::select! {
            () = group.kill() => {}
            _ = &mut background => {}
        }
        gone.send_replace(true);
    }

    /// Tells everybody that nothing more comes.
    fn finish(&self, ending: &Ending) {
        let name = &*self.settings.name;
        let cause = match ending {
            Ending::Stop => {
                tracing::info!(server = name, "a server is stopped");
                Cause::new(FailureKind::Close, "the process was stopped")
            }
            Ending::Loss(cause) => {
                let text = cause.failure().to_string();
                tracing::warn!(server = name, cause = %shown::Shown { text: text.as_bytes(), most: 500 }, "a server was lost");
                cause.clone()
            }
        };
        self.duplex.shut(cause);
        self.room.close();
    }
}

/// Also when the runtime shuts down and drops the run wherever it stands.
impl Drop for Run {
    fn drop(&mut self) {
        self.duplex.shut(lost("the runtime was shut down"));
        self.room.close();
    }
}

/// A shell ends like this if it cannot become the program: it is not there, or cannot be run.
const NOT_STARTED: [Option<i32>; 2] = [Some(126), Some(127)];

fn of_status(status: std::io::Result<ExitStatus>, settings: &Settings) -> Cause {
    let text = match status {
        Ok(status) if !settings.limits.is_empty() && NOT_STARTED.contains(&status.code()) => {
            settings.command.refusal(&status)
        }
        Ok(status) => format!("the process ended: {status}"),
        Err(error) => format!("the process cannot be waited for: {error}"),
    };
    Cause::new(FailureKind::Close, text)
}

fn lost(text: &'static str) -> Cause {
    Cause::new(FailureKind::Close, text)
}

/// Writes what comes, until nothing can come any more. Dropping it closes the server's input.
async fn write(mut stdin: ChildStdin, mut queue: mpsc::UnboundedReceiver<Line>, limit: Duration) -> Ending {
    while let Some(line) = queue.recv().await {
        let written = tokio::time::timeout(limit, write_line(&mut stdin, &line.text)).await;
        match written {
            Ok(Ok(())) => {}
            // The reader or the process's end tell why, and what was written before may still be answered.
            Ok(Err(_)) => {
                tokio::time::sleep(LAST_WORDS).await;
                return Ending::Loss(lost("the process does not take messages any more"));
            }
            Err(_) => {
                let text = format!("the process has not read a message for {limit:?}");
                return Ending::Loss(Cause::new(FailureKind::Timeout, text));
            }
        }
    }
    Ending::Stop
}

async fn write_line(stdin: &mut ChildStdin, text: &[u8]) -> std::io::Result<()> {
    // A message is one line. JSON has line breaks between tokens alone, where a space says the same.
    if memchr::memchr2(b'\n', b'\r', text).is_some() {
        let mut line: Vec<u8> =
            text.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        return stdin.write_all(&line).await;
    }
    stdin.write_all(text).await?;
    stdin.write_all(b"\n").await
}

/// Asks ever more firmly. The last question, `SIGKILL`, is the caller's. The server's input is closed already.
async fn stop(group: &mut Group, patience: Duration) {
    if tokio::time::timeout(patience, group.exited()).await.is_err() {
        group.terminate();
        let _ = tokio::time::timeout(patience, group.exited()).await;
    }
}
