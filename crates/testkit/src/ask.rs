use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header as names};
use portcullis_core::{Body, Principal, json};
use portcullis_mcp_jsonrpc::{Call, Id, Message, PROTOCOL_VERSION, header};

/// Writes an MCP request that is right in every respect, or wrong in the one a test is about.
///
/// ```
/// use portcullis_mcp_jsonrpc::header;
/// use portcullis_testkit::Ask;
///
/// let request = Ask::tool("größe").id("a").arguments(r#"{"n":1}"#).http();
/// assert_eq!(request.headers()[header::MCP_NAME], "=?base64?Z3LDtsOfZQ==?=");
///
/// let call = Ask::new("tools/list").call();
/// assert_eq!(call.message().protocol_version(), Some("2026-07-28"));
///
/// let wrong = Ask::tool("read").header(header::MCP_NAME, "delete").http();
/// assert_eq!(wrong.headers()[header::MCP_NAME], "delete");
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is built"]
pub struct Ask {
    method: String,
    id: Option<Id>,
    /// The members of `params` but for `_meta`, as JSON.
    params: Vec<(&'static str, String)>,
    meta: Vec<(&'static str, String)>,
    headers: HeaderMap,
    principal: Option<Principal>,
    text: Option<Bytes>,
}

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

impl Ask {
    /// A request with this method, id 1, no params but `_meta`, and all the headers of the spec.
    pub fn new(method: &str) -> Self {
        let mut headers = HeaderMap::new();
        let mut set = |name, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
        set(names::HOST, "localhost");
        set(names::CONTENT_TYPE, "application/json");
        set(names::ACCEPT, "application/json, text/event-stream");
        set(header::MCP_PROTOCOL_VERSION, PROTOCOL_VERSION);
        headers.insert(header::MCP_METHOD, header::encode_value(method));
        Self {
            method: method.to_owned(),
            id: Some(Id::from(1)),
            params: Vec::new(),
            meta: vec![(VERSION, json::quote(PROTOCOL_VERSION)), (CAPABILITIES, "{}".to_owned())],
            headers,
            principal: None,
            text: None,
        }
    }

    /// A `tools/call`, without arguments.
    pub fn tool(name: &str) -> Self {
        Self::new("tools/call").named("name", name).arguments("{}")
    }

    /// A `prompts/get`, without arguments.
    pub fn prompt(name: &str) -> Self {
        Self::new("prompts/get").named("name", name)
    }

    /// A `resources/read`.
    pub fn resource(uri: &str) -> Self {
        Self::new("resources/read").named("uri", uri)
    }

    /// A notification: a message without an id.
    pub fn notification(method: &str) -> Self {
        Self { id: None, ..Self::new(method) }
    }

    fn named(mut self, key: &'static str, name: &str) -> Self {
        self.headers.insert(header::MCP_NAME, header::encode_value(name));
        self.param(key, json::quote(name))
    }

    /// With this id.
    pub fn id(mut self, id: impl Into<Id>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With these arguments, a JSON value.
    pub fn arguments(self, arguments: impl Into<String>) -> Self {
        self.param("arguments", arguments)
    }

    /// With this member in `params`, a JSON value; in the place of one that was there.
    pub fn param(mut self, key: &'static str, value: impl Into<String>) -> Self {
        put(&mut self.params, key, value.into());
        self
    }

    /// Without this member in `params`.
    pub fn without_param(mut self, key: &str) -> Self {
        self.params.retain(|(one, _)| *one != key);
        self
    }

    /// With this member in `_meta`, a JSON value; in the place of one that was there.
    pub fn meta(mut self, key: &'static str, value: impl Into<String>) -> Self {
        put(&mut self.meta, key, value.into());
        self
    }

    /// With nothing in `_meta`, and so without a `_meta`.
    pub fn without_meta(mut self) -> Self {
        self.meta.clear();
        self
    }

    /// With this version in `_meta`; the header is another matter.
    pub fn version(self, version: &str) -> Self {
        self.meta(VERSION, json::quote(version))
    }

    /// With these client capabilities, a JSON value.
    pub fn capabilities(self, capabilities: impl Into<String>) -> Self {
        self.meta(CAPABILITIES, capabilities)
    }

    /// Without the version in `_meta`.
    pub fn without_version(mut self) -> Self {
        self.meta.retain(|(key, _)| *key != VERSION);
        self
    }

    /// Without the client capabilities in `_meta`.
    pub fn without_capabilities(mut self) -> Self {
        self.meta.retain(|(key, _)| *key != CAPABILITIES);
        self
    }

    /// With this header, in the place of one that was there.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, value_of(value));
        self
    }

    /// With this header once more.
    pub fn header_again(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.append(name, value_of(value));
        self
    }

    /// Without this header.
    pub fn without_header(mut self, name: &HeaderName) -> Self {
        self.headers.remove(name);
        self
    }

    /// From this principal, as if a layer outside had verified it.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// From nobody in particular.
    pub fn without_principal(mut self) -> Self {
        self.principal = None;
        self
    }

    /// With this body, in the place of the one made from the rest. The headers stay.
    pub fn body(mut self, text: impl Into<Bytes>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The body.
    #[must_use]
    pub fn text(&self) -> Bytes {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let object = |members: &[(&str, String)]| {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{}:{value}", json::quote(key))).collect();
            format!("{{{}}}", members.join(","))
        };
        let mut params = self.params.clone();
        if !self.meta.is_empty() {
            params.push(("_meta", object(&self.meta)));
        }
        let id = self.id.as_ref().map(|id| format!(r#","id":{}"#, id.to_json())).unwrap_or_default();
        let (method, params) = (json::quote(&self.method), object(&params));
        format!(r#"{{"jsonrpc":"2.0"{id},"method":{method},"params":{params}}}"#).into()
    }

    /// As an HTTP request.
    #[must_use]
    pub fn http(&self) -> Request<Body> {
        self.http_with(Body::from(self.text()))
    }

    /// As an HTTP request whose body comes from elsewhere.
    #[must_use]
    pub fn http_with<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static("/mcp");
        request.headers_mut().clone_from(&self.headers);
        if let Some(principal) = &self.principal {
            request.extensions_mut().insert(principal.clone());
        }
        request
    }

    /// As a call, as if it had come by HTTP.
    #[must_use]
    pub fn call(&self) -> Call {
        let (head, ()) = self.http_with(()).into_parts();
        Call::from_parts(self.message(), head)
    }

    /// The message alone.
    #[must_use]
    pub fn message(&self) -> Message {
        Message::parse(self.text()).expect("a call can be made of a valid message only")
    }
}

fn put(members: &mut Vec<(&'static str, String)>, key: &'static str, value: String) {
    match members.iter_mut().find(|(one, _)| *one == key) {
        Some((_, old)) => *old = value,
        None => members.push((key, value)),
    }
}

fn value_of(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).expect("a header value holds no control characters")
}
