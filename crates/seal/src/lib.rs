//! Sealed tokens: state that is handed to a client and comes back unchanged, from the same principal, or not at all.
//!
//! A token is encrypted and authenticated with XChaCha20-Poly1305, and bound to a [`Context`]: what it is for, where it
//! was made, and for whom. It opens under the very same context and under a key of the same [`KeyRing`]; a token that was
//! changed, made elsewhere, or is presented by somebody else does not open, and nothing tells these cases apart.
//!
//! ```
//! use portcullis_core::{Kind, Principal};
//! use portcullis_seal::{Context, Key, KeyRing};
//!
//! let ring = KeyRing::new(vec![Key::generate()?])?;
//! let alice = Principal::new(Kind::User, "alice");
//! let context = Context::new("session").text("acme").principal(Some(&alice));
//!
//! let token = ring.seal(&context, b"what a session needs")?;
//! assert_eq!(ring.open(&context, &token).as_deref(), Some(&b"what a session needs"[..]));
//!
//! // Somebody else gets nothing from it, and neither does alice anywhere else.
//! let bob = Principal::new(Kind::User, "bob");
//! assert!(ring.open(&Context::new("session").text("acme").principal(Some(&bob)), &token).is_none());
//! assert!(ring.open(&Context::new("session").text("other").principal(Some(&alice)), &token).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it trusts and cannot see
//!
//! It trusts whoever holds the keys, and the operating system's random numbers. A token says nothing about time and may
//! come back any number of times: whoever needs an expiry puts it into the payload, and whoever needs a token to be used
//! once keeps a record.
//!
//! # What it costs
//!
//! Sealing or opening a few hundred bytes takes about two microseconds; opening tries each key until one fits.
//!
//! # Features
//!
//! None.

mod context;
mod key;
mod ring;

pub use context::Context;
pub use key::{Key, KeyError};
pub use ring::{KeyRing, RingError, SealError};
