//! Where a message says that it belongs.

use portcullis_core::json::{self, Reader, Token};
use portcullis_mcp_jsonrpc::{Id, Message};

pub(super) const PROGRESS: &str = "notifications/progress";
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Where a message says that it belongs; whether there is such a place is another question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// It answers this request.
    Answer(Option<Id>),
    /// It tells of this request's progress.
    Progress(Id),
    /// It is for this subscription.
    Subscription(Id),
    /// It ends this request of ours, if that is a subscription; or takes back one of the server's.
    Cancellation(Id),
    /// It does not say.
    Nowhere,
}

impl Home {
    pub(super) fn of(message: &Message) -> Self {
        if message.is_answer() {
            return Self::Answer(message.id().cloned());
        }
        if message.id().is_some() {
            return Self::Nowhere;
        }
        let found = match message.method() {
            Some(PROGRESS) => member(message.params(), "progressToken").map(Self::Progress),
            Some("notifications/cancelled") => member(message.params(), "requestId").map(Self::Cancellation),
            _ => member(message.meta(), SUBSCRIPTION_ID).map(Self::Subscription),
        };
        found.unwrap_or(Self::Nowhere)
    }
}

/// The id that is the value of a member of an object.
fn member(object: Option<&[u8]>, name: &str) -> Option<Id> {
    let object = object?;
    read_id(object.get(json::find(object, &[name]).ok()??)?)
}

/// An id: an integer or a string.
pub(crate) fn read_id(value: &[u8]) -> Option<Id> {
    match Reader::new(value).ok()?.next().ok()?? {
        Token::String(text) => Some(Id::from(&*text.decode())),
        Token::Number(digits) => digits.parse::<i64>().ok().map(Id::from),
        _ => None,
    }
}
