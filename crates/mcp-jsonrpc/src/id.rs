use std::sync::Arc;

use portcullis_core::json;

/// A JSON-RPC request id: an integer or a string, as MCP demands.
///
/// Two ids are equal when they say the same, however they were written: `"a"` and `"\u0061"` are one id. Number and
/// string never equal each other.
///
/// ```
/// use portcullis_mcp_jsonrpc::Id;
///
/// assert_eq!(Id::from(7).to_json(), "7");
/// assert_eq!(Id::from("listen:0").to_json(), r#""listen:0""#);
/// assert_ne!(Id::from(7), Id::from("7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    inner: Inner,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Inner {
    Number(i64),
    Text(Arc<str>),
}

impl Id {
    /// The id as a JSON text, ready to stand in a message.
    #[must_use]
    pub fn to_json(&self) -> String {
        match &self.inner {
            Inner::Number(number) => number.to_string(),
            Inner::Text(text) => json::quote(text),
        }
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self { inner: Inner::Number(number) }
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self { inner: Inner::Text(text.into()) }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.inner {
            Inner::Number(number) => number.fmt(f),
            Inner::Text(text) => text.fmt(f),
        }
    }
}
