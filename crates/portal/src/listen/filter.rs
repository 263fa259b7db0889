//! Which notifications a stream carries.

use std::borrow::Cow;
use std::collections::HashSet;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::Message;

use crate::catalogue::page::text;
use crate::discover::Offer;
use crate::input::TASKS;
use crate::kind::Kind;
use crate::task;

/// The member that names tasks.
pub(super) const TASK_IDS: &str = "taskIds";

/// How many resources, and how many tasks, one stream may watch; the rest is not acknowledged.
const MAX_WATCHED: usize = 1_024;

/// The `notifications` of a request or an acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    /// In one place, because most who listen watch nothing, and many listen.
    watched: Vec<Watched>,
    /// Whether there is more that only the server understands.
    others: bool,
}

/// One thing whose changes are told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Watched {
    /// A resource, by its URI.
    Resource(String),
    /// A task, by its id (Tasks Extension, "Task Status Notifications").
    Task(String),
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
                filter.watched.extend(strings(value).map(Watched::Resource));
            } else if key == TASK_IDS {
                filter.watched.extend(strings(value).map(Watched::Task));
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
        self.watched.sort_unstable();
        self.watched.dedup();
        self
    }

    /// The resources that are watched.
    pub(crate) fn uris(&self) -> impl Iterator<Item = &str> {
        self.watched.iter().filter_map(|one| match one {
            Watched::Resource(uri) => Some(&**uri),
            Watched::Task(_) => None,
        })
    }

    /// The tasks that are watched.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &str> {
        self.watched.iter().filter_map(|one| match one {
            Watched::Task(id) => Some(&**id),
            Watched::Resource(_) => None,
        })
    }

    pub(crate) fn has_tasks(&self) -> bool {
        self.tasks().next().is_some()
    }

    fn drop_tasks(&mut self) {
        self.watched.retain(|one| matches!(one, Watched::Resource(_)));
    }

    /// Leaves tasks to the server, as everything that only it understands: for one whose ids are not changed.
    pub(crate) fn leave_tasks(&mut self) {
        self.others |= self.has_tasks();
        self.drop_tasks();
    }

    /// Puts a server's id in front of the ids of its tasks.
    pub(crate) fn prefix_tasks(&mut self, prefix: &str) {
        for one in &mut self.watched {
            if let Watched::Task(id) = one {
                id.insert_str(0, prefix);
            }
        }
    }

    /// What every server can be asked for: all but what belongs to one of them.
    pub(crate) fn common(&self) -> Self {
        Self { watched: Vec::new(), ..self.clone() }
    }

    pub(crate) fn add_uri(&mut self, uri: &str) {
        self.watched.push(Watched::Resource(uri.to_owned()));
    }

    pub(crate) fn add_task(&mut self, id: &str) {
        self.watched.push(Watched::Task(id.to_owned()));
    }

    /// Adds what another server agreed to.
    pub(crate) fn add(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        self.others |= other.others;
        self.watched.extend(other.watched);
    }

    /// Takes out what was not asked for, in the order in which it was asked for.
    pub(crate) fn keep_asked(&mut self, wanted: &Self) {
        let agreed: HashSet<_> = self.watched.drain(..).collect();
        self.watched = wanted.watched.iter().filter(|one| agreed.contains(one)).cloned().collect();
        self.tools &= wanted.tools;
        self.prompts &= wanted.prompts;
        self.resources &= wanted.resources;
        self.others &= wanted.others;
    }

    /// Takes out what a server has nothing of, so that it cannot change.
    ///
    /// Whether it says that it tells of changes is not asked: servers of 2025 say no and tell, and take subscriptions. What
    /// is really told, the server's acknowledgement says.
    pub(crate) fn keep_offered(&mut self, offer: &Offer) {
        let has = |capability| offer.capability(capability).is_some();
        self.tools &= has("tools");
        self.prompts &= has("prompts");
        self.resources &= has("resources");
        if !has("resources") {
            self.watched.retain(|one| matches!(one, Watched::Task(_)));
        }
        if offer.extension(TASKS).is_none() {
            self.drop_tasks();
        }
    }

    /// Whether the stream carries notifications of this method.
    pub(crate) fn carries(&self, method: &str) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            // The URI may be that of a part of what was asked for, so it is not compared.
            "notifications/resources/updated" => self.uris().next().is_some(),
            task::TOLD => self.has_tasks() || self.others,
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
        for (name, watched) in [("resourceSubscriptions", list(self.uris())), (TASK_IDS, list(self.tasks()))]
        {
            if watched != "[]" {
                members.push(format!(r#""{name}":{watched}"#));
            }
        }
        format!("{{{}}}", members.join(","))
    }
}

/// An array of strings.
pub(super) fn list<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = all.map(json::quote).collect();
    format!("[{}]", all.join(","))
}

fn strings(array: &[u8]) -> impl Iterator<Item = String> {
    let all = json::elements(array).map_while(Result::ok);
    all.filter_map(|one| text(one.value()).map(Cow::into_owned)).take(MAX_WATCHED)
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
