//! What a legacy server says of itself when a session begins.

use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Fragment, Message, PROTOCOL_VERSION};

use super::edit;
use super::listen::Filter;

/// The versions that are spoken, the one that is asked for first.
pub(super) const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// How much a server may say of itself, since it is kept as long as the session.
const MAX_DISCOVER: usize = 256 * 1024;

/// The result of `initialize`, as far as anybody asks again.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) version: &'static str,
    /// Whether the server has a log whose level can be set.
    pub(super) logging: bool,
    /// Whether tools can be called as tasks.
    pub(super) tasks: bool,
    /// The changes that the server may tell of.
    pub(super) offers: Offers,
    /// What `server/discover` is answered.
    pub(super) discover: Fragment,
}

/// The changes that a server may tell of: those of what it has.
///
/// Many declare `listChanged: false`, or no `subscribe`, and yet tell and take subscriptions. A client of the past hears of
/// these changes, because it is told whatever the server says, and so must a client of 2026-07-28, who is told nothing but
/// what was acknowledged. An acknowledgement therefore means: whatever the server tells of this comes to you.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offers {
    tools: bool,
    prompts: bool,
    resources: bool,
}

impl Hello {
    /// Reads an answer to `initialize`; the error says why it is none to work with.
    pub(super) fn read(answer: &Message, cache: &str) -> Result<Self, String> {
        let Some(result) = answer.result() else {
            let code = answer.error_code().unwrap_or_default();
            return Err(format!("the server refused initialize with error {code}"));
        };
        let version = edit::text(result, "protocolVersion").unwrap_or_default();
        let Some(version) = VERSIONS.into_iter().find(|known| *known == version) else {
            let shown: String = version.chars().take(32).collect();
            return Err(format!("the server wants to speak version {shown:?}, which is not spoken here"));
        };
        let object = |name| edit::member(result, name).filter(|value| edit::is_object(value));
        let capabilities = object("capabilities").unwrap_or(b"{}");
        let says = |path: &[&str]| {
            let value = json::find(capabilities, path).ok().flatten();
            value
                .and_then(|range| capabilities.get(range))
                .is_some_and(|value| value == b"true" || edit::is_object(value))
        };
        let discover = discover(
            capabilities,
            edit::member(result, "instructions").filter(|value| value.first() == Some(&b'"')),
            object("serverInfo"),
            cache,
        );
        if discover.text().len() > MAX_DISCOVER {
            return Err(format!("the server says more of itself than {MAX_DISCOVER} bytes"));
        }
        Ok(Self {
            version,
            logging: says(&["logging"]),
            tasks: says(&["tasks", "requests", "tools", "call"]),
            offers: Offers {
                tools: says(&["tools"]),
                prompts: says(&["prompts"]),
                resources: says(&["resources"]),
            },
            discover,
        })
    }
}

fn discover(
    capabilities: &[u8],
    instructions: Option<&[u8]>,
    server_info: Option<&[u8]>,
    cache: &str,
) -> Fragment {
    // Of tasks, a client of 2026-07-28 knows nothing.
    let capabilities = edit::without(capabilities, |member| member.key() == "tasks");
    let mut text = format!(r#"{{"resultType":"complete",{cache},"supportedVersions":["{PROTOCOL_VERSION}"]"#)
        .into_bytes();
    let mut add = |name: &str, value: &[u8]| {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(value);
    };
    add(r#","capabilities":"#, capabilities.as_deref().unwrap_or(b"{}"));
    if let Some(instructions) = instructions {
        add(r#","instructions":"#, instructions);
    }
    if let Some(info) = server_info {
        add(r#","_meta":{"io.modelcontextprotocol/serverInfo":"#, info);
        add("}", b"");
    }
    add("}", b"");
    // Only what nests too deeply for a message does not fit.
    Fragment::parse(text).unwrap_or_else(|_| Fragment::empty())
}

impl Offers {
    /// What of a filter can be passed on.
    pub(super) fn of(self, wanted: &Filter) -> Filter {
        Filter {
            tools: wanted.tools && self.tools,
            prompts: wanted.prompts && self.prompts,
            resources: wanted.resources && self.resources,
            uris: if self.resources { wanted.uris.clone() } else { Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn hello(result: &str) -> Result<Hello, String> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        Hello::read(&Message::parse(text.into()).unwrap(), r#""ttlMs":0,"cacheScope":"private""#)
    }

    #[test]
    fn every_version_of_the_past_is_spoken_and_no_other() {
        for version in VERSIONS {
            assert_eq!(hello(&format!(r#"{{"protocolVersion":"{version}"}}"#)).unwrap().version, version);
        }
        for version in ["2026-07-28", "DRAFT", ""] {
            assert!(hello(&format!(r#"{{"protocolVersion":"{version}"}}"#)).is_err());
        }
        assert!(hello("{}").is_err());
    }

    #[test]
    fn what_is_too_long_to_be_kept_is_refused() {
        let long =
            |bytes| format!(r#"{{"protocolVersion":"2025-11-25","instructions":"{}"}}"#, "x".repeat(bytes));
        assert!(hello(&long(MAX_DISCOVER / 2)).is_ok());
        assert!(hello(&long(MAX_DISCOVER)).unwrap_err().contains("more of itself"));
        assert!(hello(&long(16 << 20)).is_err());
    }

    #[test]
    fn becomes_what_discover_is_answered() {
        let hello = hello(
            r#"{"protocolVersion":"2025-11-25","instructions":"Be kind.","serverInfo":{"name":"s","version":""},"capabilities":{"tasks":{"requests":{"tools":{"call":{}}}},"tools":{"listChanged":true},"resources":{"subscribe":false},"logging":{}}}"#,
        )
        .unwrap();
        assert!(hello.logging && hello.tasks && hello.offers.tools);
        assert!(hello.offers.resources && !hello.offers.prompts);
        assert_eq!(
            hello.discover.text(),
            r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":false},"logging":{}},"instructions":"Be kind.","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":""}}}"#
        );
    }
}
