//! The words every Portcullis layer shares: who asks, what is asked, what was decided, and what a message says.
//!
//! Nothing in here allows or refuses anything. The crate exists so that layers which know nothing of each other can
//! still work on the same call: `authn` writes down a [`Principal`], `tool-filter` reads it, `dlp` leaves a note on
//! the [`Trail`], `audit` tells the story.
//!
//! ```
//! use portcullis_core::{Kind, Principal, Reason, Refusal, Trail, Verdict};
//!
//! let mut extensions = http::Extensions::new();
//! extensions.insert(Principal::new(Kind::User, "alice").with_group("finance"));
//!
//! // A layer that allows, and one that refuses, each leave a line.
//! let trail = Trail::enter(&mut extensions);
//! trail.record("tool-filter", Verdict::Allow);
//! trail.record("dlp", Verdict::Refuse(Refusal::new(Reason::Forbid, "the argument holds a card number")));
//!
//! assert!(trail.entries()[0].verdict().is_allow());
//! assert!(trail.refusal().is_some_and(|refusal| refusal.reason() == Reason::Forbid));
//! ```
//!
//! # What is in here
//!
//! | module or type | question it answers |
//! |---|---|
//! | [`Principal`] | who is asking, and through which agents |
//! | [`Peer`] | from where |
//! | [`SubjectToken`] | with what they proved it |
//! | [`Inquiry`], [`Answer`], [`Document`] | what is asked for, in words that fit MCP and LLM traffic alike |
//! | [`Inspect`] | what becomes of each message of an answer |
//! | [`Refusal`] | a typed no |
//! | [`Trail`] | what each layer decided |
//! | [`json`] | what a message says, read so that no two parsers can disagree |
//! | [`Body`] | an HTTP body of any origin |
//! | [`Secret`] | a value that never shows |
//!
//! # What it trusts, and what it costs
//!
//! The crate trusts whoever writes a [`Principal`]: only an authentication layer should. A principal, a trail and a
//! body's bytes are reference-counted, so clones are cheap; [`json`] reads in place and allocates only where its
//! documentation says so.
//!
//! # Features
//!
//! None.

mod body;
pub mod json;
mod peer;
mod principal;
mod refusal;
mod secret;
mod subject_token;
mod traffic;
mod trail;

pub use body::Body;
pub use peer::Peer;
pub use principal::{Actor, Kind, Principal};
pub use refusal::{Reason, Refusal};
pub use secret::Secret;
pub use subject_token::SubjectToken;
pub use traffic::{Action, Answer, Document, End, Inquiry, Inspect, Step, Usage};
pub use trail::{Entry, Trail, Verdict};

/// An error of any type, as it travels between layers.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
