//! Which notifications a stream carries.

use std::borrow::Cow;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::Message;

use crate::catalogue::page::text;
use crate::discover::Offer;
use crate::kind::Kind;

/// How many resources one stream may watch; the rest is not acknowledged.
const MAX_URIS: usize = 1_024;

/// The `notifications` of a request or an acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    uris: Vec<String>,
    /// Whether there is more that only the server understands.
    others: bool,
}

impl Filter {
    /// Reads the filter of a request or an acknowledgement.
    pub(crate) fn of_request(message: &Message) -> Option<Self> {
        let params = message.params()?;
        let place = json::find(params, &["notifications"]).ok()??;
        let mut filter = Self::default();
        for member in json::members_within(params, place) {
            let member = member.ok()?;
            let (key, value) = (member.key(), member.value());
            if key == "toolsListChanged" {
                filter.tools = value == b"true";
            } else if key == "promptsListChanged" {
                filter.prompts = value == b"true";
            } else if key == "resourcesListChanged" {
                filter.resources = value == b"true";
            } else if key == "resourceSubscriptions" {
                let uris = json::elements(value).map_while(Result::ok);
                let uris = uris.filter_map(|uri| text(uri.value()).map(Cow::into_owned));
                filter.uris = uris.take(MAX_URIS).collect();
            } else {
                filter.others = true;
            }
        }
        Some(filter)
    }

    /// One that asks to hear when lists of these kinds change.
    pub(crate) fn of_kinds(kinds: &[Kind]) -> Self {
        Self {
            tools: kinds.contains(&Kind::Tools),
            prompts: kinds.contains(&Kind::Prompts),
            resources: kinds.contains(&Kind::Resources),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it asks for more than a portal understands.
    pub(crate) fn has_others(&self) -> bool {
        self.others
    }

    /// Takes out what only a server that stands alone can be asked, since only that one is known to be meant.
    pub(crate) fn keep_understood(&mut self) {
        self.others = false;
    }

    /// The same filter as anyone else would write it who asks for the same.
    pub(crate) fn canonical(mut self) -> Self {
        self.uris.sort_unstable();
        self.uris.dedup();
        self
    }

    pub(crate) fn uris(&self) -> &[String] {
        &self.uris
    }

    pub(crate) fn without_uris(&self) -> Self {
        Self { uris: Vec::new(), ..self.clone() }
    }

    pub(crate) fn add_uri(&mut self, uri: &str) {
        self.uris.push(uri.to_owned());
    }

    /// Adds what another server agreed to.
    pub(crate) fn add(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        self.others |= other.others;
        self.uris.extend(other.uris);
    }

    /// Takes out what was not asked for, in the order in which it was asked for.
    pub(crate) fn keep_asked(&mut self, wanted: &Self) {
        let agreed: std::collections::HashSet<_> = self.uris.drain(..).collect();
        self.uris = wanted.uris.iter().filter(|uri| agreed.contains(*uri)).cloned().collect();
        self.tools &= wanted.tools;
        self.prompts &= wanted.prompts;
        self.resources &= wanted.resources;
        self.others &= wanted.others;
    }

    /// Takes out what a server does not offer.
    pub(crate) fn keep_offered(&mut self, offer: &Offer) {
        self.tools &= offer.announces(Kind::Tools);
        self.prompts &= offer.announces(Kind::Prompts);
        self.resources &= offer.announces(Kind::Resources);
        if !offer.has("resources", "subscribe") {
            self.uris.clear();
        }
    }

    /// Whether the stream carries notifications of this method.
    pub(crate) fn carries(&self, method: &str) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            // The URI may be that of a part of what was asked for, so it is not compared.
            "notifications/resources/updated" => !self.uris.is_empty(),
            _ => self.others,
        }
    }

    /// The kinds whose changes the stream tells of.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        let kinds =
            [(Kind::Tools, self.tools), (Kind::Prompts, self.prompts), (Kind::Resources, self.resources)];
        kinds.into_iter().filter(|(_, asked)| *asked).map(|(kind, _)| kind)
    }

    pub(crate) fn to_json(&self) -> String {
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        let flags = flags.into_iter().filter(|(_, asked)| *asked);
        let mut members: Vec<_> = flags.map(|(name, _)| format!(r#""{name}":true"#)).collect();
        if !self.uris.is_empty() {
            let uris: Vec<_> = self.uris.iter().map(|uri| json::quote(uri)).collect();
            members.push(format!(r#""resourceSubscriptions":[{}]"#, uris.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }
}

/// The kind whose list a notification says has changed.
pub(crate) fn changed(method: &str) -> Option<Kind> {
    match method {
        "notifications/tools/list_changed" => Some(Kind::Tools),
        "notifications/prompts/list_changed" => Some(Kind::Prompts),
        "notifications/resources/list_changed" => Some(Kind::Resources),
        _ => None,
    }
}

/// The notification that says that a list has changed.
pub(crate) fn change_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Tools => "notifications/tools/list_changed",
        Kind::Prompts => "notifications/prompts/list_changed",
        Kind::Resources | Kind::Templates => "notifications/resources/list_changed",
    }
}
