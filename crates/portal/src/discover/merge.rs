//! What all servers say of themselves, as one. A pure function.

use portcullis_core::json;
use portcullis_mcp_jsonrpc::PROTOCOL_VERSION;

use super::Offer;
use crate::input::TASKS;
use crate::merge::{hints, list, server_info};

/// How long the instructions of one server may be, among others'.
const MAX_INSTRUCTIONS: usize = 8 << 10;

/// The extensions whose methods and URIs find their server.
const ROUTED: [&str; 2] = [TASKS, "io.modelcontextprotocol/ui"];

/// What the description says of the portal itself.
pub(super) struct Summary<'a> {
    pub(super) portal: &'a str,
    pub(super) version: &'a str,
    pub(super) ids: &'a [&'a str],
    /// Whether the only server's own words are to be used as they are.
    pub(super) faithful: bool,
    pub(super) ttl_ms: u64,
    pub(super) private: bool,
    pub(super) unavailable: &'a [usize],
}

/// The result of `server/discover`.
pub(super) fn describe(summary: &Summary<'_>, offers: &[(&str, &Offer)]) -> String {
    let mut text = format!(r#"{{"resultType":"complete","supportedVersions":["{PROTOCOL_VERSION}"]"#);
    let (capabilities, instructions) = match offers {
        [(_, only)] if summary.faithful => {
            (String::from_utf8_lossy(&only.capabilities).into_owned(), only.instructions.clone())
        }
        _ => (capabilities(offers), instructions(offers)),
    };
    text.push_str(r#","capabilities":"#);
    text.push_str(&capabilities);
    if let Some(instructions) = instructions {
        text.push_str(r#","instructions":"#);
        text.push_str(&json::quote(&instructions));
    }
    text.push_str(&hints(summary.ttl_ms, summary.private));
    text.push_str(r#","_meta":{"#);
    text.push_str(&server_info(summary.portal, summary.version));
    if !summary.unavailable.is_empty() {
        text.push_str(r#","io.portcullis/unavailable":"#);
        text.push_str(&list(summary.unavailable, summary.ids));
    }
    text.push_str("}}");
    text
}

/// What any server can do, as far as a portal can pass it on.
fn capabilities(offers: &[(&str, &Offer)]) -> String {
    let any = |capability: &str| offers.iter().any(|(_, offer)| offer.capability(capability).is_some());
    let flag = |capability: &str, member: &str| offers.iter().any(|(_, offer)| offer.has(capability, member));
    let mut all = Vec::new();
    for (capability, members) in [
        ("tools", &["listChanged"][..]),
        ("prompts", &["listChanged"]),
        ("resources", &["listChanged", "subscribe"]),
        ("completions", &[]),
        ("logging", &[]),
    ] {
        if any(capability) {
            let flags = members.iter().filter(|member| flag(capability, member));
            let flags: Vec<_> = flags.map(|member| format!(r#""{member}":true"#)).collect();
            all.push(format!(r#""{capability}":{{{}}}"#, flags.join(",")));
        }
    }
    let extensions = extensions(offers);
    if !extensions.is_empty() {
        all.push(format!(r#""extensions":{{{}}}"#, extensions.join(",")));
    }
    format!("{{{}}}", all.join(","))
}

/// The extensions that work through a portal; what the first server says of one holds.
///
/// What else servers have (other extensions, what is experimental) has methods that nobody here could route, so who
/// was told of it would be refused.
fn extensions(offers: &[(&str, &Offer)]) -> Vec<String> {
    let first = |name: &&str| {
        let value = offers.iter().find_map(|(_, offer)| offer.extension(name))?;
        Some(format!("{}:{}", json::quote(name), std::str::from_utf8(value).ok()?))
    };
    ROUTED.iter().filter_map(first).collect()
}

/// The servers' instructions, each under its id, so that a model can tell which tools they speak of.
fn instructions(offers: &[(&str, &Offer)]) -> Option<String> {
    let sections = offers.iter().filter_map(|(id, offer)| {
        let text = offer.instructions.as_deref().filter(|text| !text.trim().is_empty())?;
        let kept = text.get(..text.floor_char_boundary(MAX_INSTRUCTIONS))?;
        let more = if kept.len() < text.len() { "…" } else { "" };
        Some(format!("## {id}\n\n{kept}{more}"))
    });
    let sections: Vec<_> = sections.collect();
    (!sections.is_empty()).then(|| sections.join("\n\n"))
}
