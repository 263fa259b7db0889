//! `subscriptions/listen`: changes that the server tells of, for as long as somebody wants to know.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use tokio::time::{Instant, timeout};

use super::answer;
use super::edit;
use super::exchange::refuse;
use super::inbox::Inbox;
use super::pool::Wanted;
use super::request::Request;
use super::route;
use super::service::Shared;
use super::session::Lease;

/// How many resources one subscription is about, and how long their names may be; more are not acknowledged.
const MAX_URIS: usize = 256;
const MAX_URI: usize = 4096;

/// How long the acknowledgement waits for the server's stream, and for it to watch what it is asked to.
const HEARD: Duration = Duration::from_secs(1);
const WATCHED: Duration = Duration::from_secs(5);

/// How long to wait before a lost session is begun anew: at first, and at most.
const RETURN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// How often that is tried in a row before the server counts as gone.
const ATTEMPTS: u32 = 8;

/// After this time, a session counts as one that works.
const STEADY: Duration = Duration::from_secs(30);

/// Which changes somebody wants to know of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) tools: bool,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    pub(super) uris: Vec<String>,
}

impl Filter {
    fn of(params: &[u8]) -> Option<Self> {
        let wanted = edit::member(params, "notifications").filter(|wanted| edit::is_object(wanted))?;
        let mut filter = Self::default();
        for member in json::members(wanted) {
            let member = member.ok()?;
            let yes = member.value() == b"true";
            match &*member.key().decode() {
                "toolsListChanged" => filter.tools = yes,
                "promptsListChanged" => filter.prompts = yes,
                "resourcesListChanged" => filter.resources = yes,
                "resourceSubscriptions" => {
                    filter.uris = json::from_slice(member.value()).ok()?;
                    filter.uris.retain(|uri| uri.len() <= MAX_URI);
                    filter.uris.sort_unstable();
                    filter.uris.dedup();
                    filter.uris.truncate(MAX_URIS);
                }
                _ => {}
            }
        }
        Some(filter)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a notification is about something that is wanted.
    pub(super) fn lets(&self, notification: &Message) -> bool {
        match notification.method() {
            Some("notifications/tools/list_changed") => self.tools,
            Some("notifications/prompts/list_changed") => self.prompts,
            Some("notifications/resources/list_changed") => self.resources,
            Some("notifications/resources/updated") => route::updated_uri(notification).is_some_and(|uri| {
                // It may be a part of what was subscribed to (2025-11-25, ResourceUpdatedNotification).
                self.uris.iter().any(|wanted| uri.starts_with(wanted.as_str()))
            }),
            _ => false,
        }
    }

    fn acknowledgement(&self, id: &Id) -> Message {
        let mut agreed = Vec::new();
        for (name, wanted) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            agreed.extend(wanted.then(|| format!(r#""{name}":true"#)));
        }
        if !self.uris.is_empty() {
            let uris: Vec<_> = self.uris.iter().map(|uri| json::quote(uri)).collect();
            agreed.push(format!(r#""resourceSubscriptions":[{}]"#, uris.join(",")));
        }
        let params = format!(
            r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{}}},"notifications":{{{}}}}}"#,
            id.to_json(),
            agreed.join(",")
        );
        // Made of quoted strings and booleans, it is always an object.
        let params = Fragment::parse(params).unwrap_or_else(|_| Fragment::empty());
        Message::from_notification("notifications/subscriptions/acknowledged", &params)
    }

    /// All that is wanted, as if it had changed.
    fn everything(&self) -> VecDeque<Message> {
        let lists = [
            ("notifications/tools/list_changed", self.tools),
            ("notifications/prompts/list_changed", self.prompts),
            ("notifications/resources/list_changed", self.resources),
        ];
        let lists = lists.into_iter().filter(|(_, wanted)| *wanted);
        let lists = lists.map(|(method, _)| Message::from_notification(method, &Fragment::empty()));
        let uris = self.uris.iter().filter_map(|uri| {
            let params = Fragment::parse(format!(r#"{{"uri":{}}}"#, json::quote(uri))).ok()?;
            Some(Message::from_notification("notifications/resources/updated", &params))
        });
        lists.chain(uris).collect()
    }
}

/// A subscription, as the session sees it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) filter: Filter,
    pub(super) inbox: Inbox,
}

impl Shared {
    /// Answers `subscriptions/listen`.
    pub(super) async fn listen(self: Arc<Self>, call: Call, id: Id) -> Result<Reply, Failure> {
        let declared = call.message().client_capabilities().map(<[u8]>::to_vec);
        let Some(filter) = call.message().params().and_then(Filter::of) else {
            return Ok(refuse(&id, "notifications must be an object that says what to listen to"));
        };
        let request = match Request::read(call, id.clone()) {
            Ok(request) => request,
            Err(wrong) => return Ok(refuse(&id, wrong)),
        };
        let Some(wanted) = self.wanted(declared.as_deref(), &request) else {
            return Ok(refuse(&id, "the client declares more capabilities than are taken"));
        };
        let lease = self.enter(&wanted).await?;
        let filter = lease.hello.offers.of(&filter);
        if filter.is_empty() {
            // The server has nothing to say. The session is not kept for that.
            let silence = stream::once(async move { Ok(filter.acknowledgement(&id)) });
            return Ok(Reply::stream(silence.chain(stream::pending())));
        }
        let mut seat = Seat::take(lease, filter).await;
        let agreed = seat.agreed();
        let acknowledgement = agreed.acknowledgement(&id);
        seat.since = Instant::now();
        let subscription = Subscription {
            shared: self,
            wanted,
            id,
            agreed,
            seat: Some(seat),
            missed: VecDeque::new(),
            attempts: 0,
            over: false,
        };
        let changes = stream::unfold(subscription, async |mut subscription| {
            let message = subscription.next().await?;
            Some((message, subscription))
        });
        Ok(Reply::stream(stream::iter([Ok(acknowledgement)]).chain(changes)))
    }
}

/// A subscription that outlives the sessions it is held in.
struct Subscription {
    shared: Arc<Shared>,
    wanted: Wanted,
    id: Id,
    /// What was acknowledged.
    agreed: Filter,
    seat: Option<Seat>,
    /// What may have changed while there was no session.
    missed: VecDeque<Message>,
    attempts: u32,
    over: bool,
}

impl Subscription {
    async fn next(&mut self) -> Option<Result<Message, Failure>> {
        while !self.over {
            if let Some(message) = self.missed.pop_front() {
                return self.stamped(&message);
            }
            let Some(seat) = &self.seat else {
                match self.come_back().await {
                    Ok(()) => continue,
                    Err(failure) if self.attempts >= ATTEMPTS => {
                        self.over = true;
                        return Some(Err(failure));
                    }
                    Err(failure) => {
                        tracing::debug!(%failure, "a subscription waits for the server");
                        continue;
                    }
                }
            };
            match poll_fn(|cx| seat.listener.inbox.poll(cx)).await {
                Some(message) => return self.stamped(&message),
                None => {
                    if seat.since.elapsed() > STEADY {
                        self.attempts = 0;
                    }
                    self.seat = None;
                }
            }
        }
        None
    }

    fn stamped(&self, message: &Message) -> Option<Result<Message, Failure>> {
        Some(Ok(answer::stamp(message, &self.id).unwrap_or_else(|| message.clone())))
    }

    /// Takes a place in a new session.
    async fn come_back(&mut self) -> Result<(), Failure> {
        if let Some(before) = self.attempts.checked_sub(1) {
            let (first, most) = RETURN;
            tokio::time::sleep(first.saturating_mul(1 << before.min(10)).min(most)).await;
        }
        self.attempts += 1;
        let lease = self.shared.enter(&self.wanted).await?;
        // A new version of the server may offer less, and must not be asked for more than was agreed.
        let filter = lease.hello.offers.of(&self.agreed);
        let seat = Seat::take(lease, filter).await;
        self.missed = seat.agreed().everything();
        self.seat = Some(seat);
        Ok(())
    }
}

/// A subscription's place in one session.
struct Seat {
    lease: Lease,
    number: i64,
    listener: Arc<Listener>,
    /// What the server was asked to watch.
    joined: Vec<String>,
    since: Instant,
}

impl Seat {
    /// Takes a place, and waits until nothing is missed any more.
    async fn take(lease: Lease, filter: Filter) -> Self {
        let listener = Arc::new(Listener { filter, inbox: Inbox::new(&lease.held) });
        let number = lease.next_id();
        lease.add_listener(number, &listener);
        let mut seat = Self { lease, number, listener, joined: Vec::new(), since: Instant::now() };
        for uri in &seat.listener.filter.uris {
            if seat.lease.subscriptions.join(&seat.lease, uri) {
                seat.joined.push(uri.clone());
            }
        }
        let mut heard = seat.lease.heard.subscribe();
        // Neither is worth failing for: a server may open its stream late, and changes are hints.
        let _ = timeout(HEARD, heard.wait_for(|heard| *heard)).await;
        let _ = timeout(WATCHED, seat.lease.subscriptions.settle(&seat.joined)).await;
        seat
    }

    /// What the server tells of.
    fn agreed(&self) -> Filter {
        let subscriptions = &self.lease.subscriptions;
        let uris = self.joined.iter().filter(|uri| !subscriptions.is_refused(uri)).cloned();
        Filter { uris: uris.collect(), ..self.listener.filter.clone() }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lease.remove_listener(self.number);
        for uri in &self.joined {
            self.lease.subscriptions.leave(&self.lease, uri);
        }
    }
}
