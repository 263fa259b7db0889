mod error;
mod extract;
mod integer;
mod schema;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::error::{HeaderMismatch, InvalidHeaderParams, UnfitArguments};
use self::error::{Misfit, Mismatch};
use self::extract::Value;
use super::{decode_value, encode_value, only};

/// How many arguments one tool may have mirrored: 64.
///
/// Servers limit the headers of a request to some hundred; a schema that asks for more is refused.
pub const MAX_HEADER_PARAMS: usize = 64;

/// The arguments that a tool wants mirrored into `Mcp-Param-*` headers: the `x-mcp-header` annotations of its
/// `inputSchema`.
///
/// Made once per tool. A client (or a gateway towards its upstream) then asks which headers a call needs, and a
/// server checks the headers that came against the arguments.
///
/// ```
/// use http::HeaderMap;
/// use portcullis_mcp_jsonrpc::header::HeaderParams;
///
/// let params = HeaderParams::from_input_schema(br#"{
///     "type": "object",
///     "properties": {
///         "region": { "type": "string", "x-mcp-header": "Region" },
///         "query": { "type": "string" }
///     }
/// }"#)?;
///
/// let arguments = br#"{"region": "us-west1", "query": "SELECT 1"}"#;
/// let headers: HeaderMap = params.headers_for(arguments)?.into_iter().collect();
/// assert_eq!(headers["mcp-param-region"], "us-west1");
///
/// assert!(params.check(arguments, &headers).is_ok());
/// assert!(params.check(br#"{"region": "eu"}"#, &headers).is_err());
/// assert!(params.check(arguments, &HeaderMap::new()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it costs
///
/// One pass over the schema, once. One pass over the arguments for each call, without building a tree; nothing
/// when [`is_empty`](Self::is_empty). JSON that could be read in two ways (a name twice in one object) is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderParams {
    /// In the order of the schema.
    names: Vec<HeaderName>,
    /// Where their values are.
    root: Vec<Node>,
}

/// A property on the way to an annotated one, or an annotated one itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    key: Box<str>,
    /// Index into `names`.
    header: Option<usize>,
    children: Vec<Node>,
}

impl HeaderParams {
    /// Reads the annotations of a tool's `inputSchema`.
    ///
    /// # Errors
    ///
    /// If an annotation breaks a rule of the spec (Streamable HTTP, "Schema Extension"): its name is empty, not a
    /// token or longer than 256 bytes, or is used twice (in any case of letters); its property is not of type
    /// `string`, `integer` or `boolean`; or it stands anywhere but on a property that is reached from the root
    /// through `properties` alone (in `items`, `oneOf`, `$defs`, on the root itself, ...). Clients must then leave
    /// the tool out of their list. Also if the schema is not an object, is not strict JSON, or has more than
    /// [`MAX_HEADER_PARAMS`] annotations.
    pub fn from_input_schema(schema: &[u8]) -> Result<Self, InvalidHeaderParams> {
        schema::read(schema)
    }

    /// Whether nothing is mirrored, as with nearly all tools.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The headers that may have to be sent, in the order of the schema.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &HeaderName> {
        self.names.iter()
    }

    /// The headers a client must send with a call that has these `arguments` (`{}` if it has none).
    ///
    /// An argument that is `null` or absent has no header. A value goes by its own type, as the spec has it, not by
    /// the one the schema promises: whether it fits the schema is for the server to say.
    ///
    /// # Errors
    ///
    /// If the arguments are not strict JSON, or an annotated one cannot be written in a header: an object or an
    /// array, a number that is not an integer or is beyond ±(2^53 - 1).
    pub fn headers_for(&self, arguments: &[u8]) -> Result<Vec<(HeaderName, HeaderValue)>, UnfitArguments> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let values =
            extract::values(&self.root, self.names.len(), arguments).map_err(UnfitArguments::json)?;
        let mut headers = Vec::new();
        for (name, value) in self.names.iter().zip(values) {
            let text = match value {
                None => continue,
                Some(Value::Text(text)) => encode_value(&text),
                Some(Value::Integer(number)) => HeaderValue::from(number),
                Some(Value::Bool(flag)) => HeaderValue::from_static(spell(flag)),
                Some(Value::Structure) => return Err(UnfitArguments::value(name, Misfit::Structure)),
                Some(Value::OtherNumber) => return Err(UnfitArguments::value(name, Misfit::Number)),
            };
            headers.push((name.clone(), text));
        }
        Ok(headers)
    }

    /// Checks what a server must: that the headers say what `arguments` (`{}` if there are none) say.
    ///
    /// Values are decoded first. Integers are compared as numbers (`42.0` is `42`), all else letter by letter. A
    /// header whose argument is `null` or absent is refused, for a router may have believed it. `Mcp-Param-*`
    /// headers that the schema does not know are none of our business and pass.
    ///
    /// # Errors
    ///
    /// [`HeaderMismatch`], to be answered with HTTP 400 and code -32020.
    pub fn check(&self, arguments: &[u8], headers: &HeaderMap) -> Result<(), HeaderMismatch> {
        if self.is_empty() {
            return Ok(());
        }
        let values =
            extract::values(&self.root, self.names.len(), arguments).map_err(HeaderMismatch::json)?;
        for (name, value) in self.names.iter().zip(values) {
            let sent = only(headers, name).map_err(|_| HeaderMismatch::header(name, Mismatch::Repeated))?;
            compare(value, sent).map_err(|mismatch| HeaderMismatch::header(name, mismatch))?;
        }
        Ok(())
    }
}

fn compare(value: Option<Value<'_>>, sent: Option<&HeaderValue>) -> Result<(), Mismatch> {
    let (value, sent) = match (value, sent) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(Mismatch::Unexpected),
        (Some(_), None) => return Err(Mismatch::Missing),
        (Some(value), Some(sent)) => (value, sent),
    };
    let text = decode_value(sent).map_err(Mismatch::Malformed)?;
    let same = match value {
        Value::Text(wanted) => text == wanted,
        Value::Integer(wanted) => integer::parse(&text) == Some(wanted),
        Value::Bool(wanted) => text == spell(wanted),
        Value::Structure | Value::OtherNumber => return Err(Mismatch::Unfit),
    };
    if same { Ok(()) } else { Err(Mismatch::Different) }
}

fn spell(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

#[cfg(test)]
mod tests;
