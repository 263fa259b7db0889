//! The state that a server hands to a client and wants back on the retry (`requestState`), sealed on its way.
//!
//! A server should bind its state to the principal, to the request and to a time (Multi Round-Trip Requests, "Server
//! Requirements"), and many do not. Behind a portal the client cannot read a state, change it, or send it anywhere
//! but where it came from.

mod canonical;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::memmem::Finder;
use portcullis_core::{Document, Principal, json::Splice};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Message, Part, Reply};
use portcullis_seal::{Context, KeyRing};
use tokio::time::Instant;

use crate::{parts, refuse};

/// The member of params and results that holds the state.
pub(crate) const MEMBER: &str = "requestState";

/// How many bytes of a sealed payload are the end of its life.
const EXPIRY: usize = size_of::<u64>();

/// What a seal adds to a payload before it is written as text: a nonce and a tag.
const OVERHEAD: usize = 24 + 16;

/// Whether a server may answer this method with `input_required` ("Supported Requests").
pub(crate) fn may_ask(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

/// Seals states and opens them again.
#[derive(Debug)]
pub(crate) struct States {
    ring: KeyRing,
    portal: String,
    lifetime: Duration,
    /// Looks for [`MEMBER`], in every call.
    finder: Finder<'static>,
    /// Replicas share their clocks but not their `Instant`s, so a life ends at a time of day.
    started: (Instant, Duration),
}

/// Why a state cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsealed;

impl States {
    pub(crate) fn new(ring: KeyRing, portal: String, lifetime: Duration) -> Self {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let finder = Finder::new(MEMBER);
        Self { ring, portal, lifetime, finder, started: (Instant::now(), today) }
    }

    /// Now, in milliseconds since 1970.
    fn now(&self) -> u64 {
        let (instant, today) = self.started;
        u64::try_from((today + instant.elapsed()).as_millis()).unwrap_or(u64::MAX)
    }

    /// Seals what stands between the quotes of a server's state.
    pub(crate) fn seal(
        &self,
        server: &str,
        principal: Option<&Principal>,
        request: &Message,
        raw: &str,
    ) -> Result<String, Failure> {
        if (EXPIRY + raw.len() + OVERHEAD) / 3 * 4 > KeyRing::MAX_TOKEN {
            return Err(
                Failure::new(FailureKind::Oversize).with_source("the requestState is too large to seal")
            );
        }
        let lifetime = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        let mut payload = self.now().saturating_add(lifetime).to_le_bytes().to_vec();
        payload.extend_from_slice(raw.as_bytes());
        let context = self.context(server, principal, request);
        self.ring
            .seal(&context, &payload)
            .map_err(|error| Failure::new(FailureKind::Internal).with_source(error))
    }

    /// What stood between the quotes of the server's state, if this is one, of this request and in time.
    fn open(
        &self,
        server: &str,
        principal: Option<&Principal>,
        request: &Message,
        token: &str,
    ) -> Result<String, Unsealed> {
        // Before the arguments are gone through for nothing.
        if token.len() > KeyRing::MAX_TOKEN {
            return Err(Unsealed);
        }
        let context = self.context(server, principal, request);
        let payload = self.ring.open(&context, token).ok_or(Unsealed)?;
        let (expiry, raw) = payload.split_first_chunk::<EXPIRY>().ok_or(Unsealed)?;
        if u64::from_le_bytes(*expiry) <= self.now() {
            return Err(Unsealed);
        }
        String::from_utf8(raw.to_vec()).map_err(|_| Unsealed)
    }

    /// What a state is bound to. The name is the server's own, since a portal may know a thing by several.
    fn context(&self, server: &str, principal: Option<&Principal>, request: &Message) -> Context {
        // The message was read before, so its arguments are sound.
        let arguments = canonical::of(request.arguments().unwrap_or(b"{}")).unwrap_or_default();
        Context::new("request-state")
            .text(&self.portal)
            .text(server)
            .principal(principal)
            .text(request.method().unwrap_or_default())
            .text(request.name().unwrap_or_default())
            .bytes(&arguments)
    }

    /// Puts the server's own state in the place of the sealed one, if the call brings one back.
    ///
    /// # Errors
    ///
    /// The refusal, if it is not a state that this very call was given.
    pub(crate) fn restore(&self, server: &str, call: &mut Call) -> Result<(), Box<Reply>> {
        if !may_ask(call.method()) || !self.may_be_in(call.message()) {
            return Ok(());
        }
        let text = call.message().text().clone();
        let state =
            call.message().range_of(Part::Params).and_then(|params| parts::member(&text, params, MEMBER));
        let Some(state) = state else { return Ok(()) };
        let Some(token) = parts::string(&text, state) else {
            return Err(Box::new(refuse::invalid_params(call, "requestState must be a string")));
        };
        let opened = self.open(server, call.extensions().get(), call.message(), &token.decode());
        let Ok(raw) = opened else { return Err(Box::new(refuse::foreign_state(call))) };
        let mut splice = Splice::new(&text);
        splice.replace(token.range(), raw);
        let restored = splice.finish().map_err(Into::into).and_then(|text| call.message_mut().rewrite(text));
        restored.map_err(|_| Box::new(refuse::foreign_state(call)))
    }

    /// Whether the params may have the member, at the price of a look at all that is not arguments. An escape may
    /// hide it.
    fn may_be_in(&self, message: &Message) -> bool {
        let (text, Some(params)) = (message.text(), message.range_of(Part::Params)) else { return false };
        let (end, arguments) = (params.end, message.range_of(Part::Arguments));
        let arguments = arguments.unwrap_or(end..end);
        let outside = [params.start..arguments.start, arguments.end..end];
        let mut outside = outside.into_iter().filter_map(|range| text.get(range));
        outside.any(|part| memchr::memchr(b'\\', part).is_some() || self.finder.find(part).is_some())
    }
}
