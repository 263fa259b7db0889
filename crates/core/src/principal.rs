use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of thing a [`Principal`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A person.
    User,
    /// A program with an identity of its own, such as a batch job.
    Service,
    /// An AI agent with an identity of its own.
    Agent,
}

impl Kind {
    /// The word that configuration files and records use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Agent => "agent",
        }
    }
}

/// One agent in the chain a call came through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    subject: Arc<str>,
    issuer: Option<Arc<str>>,
}

impl Actor {
    /// An agent known by `subject`.
    #[must_use]
    pub fn new(subject: impl Into<Arc<str>>) -> Self {
        Self { subject: subject.into(), issuer: None }
    }

    /// Who vouches for the agent.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The agent's name, unique within its issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who vouches for the agent, if that is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// Who is asking: a verified identity and what is known about it.
///
/// A layer that needs one looks it up in the extensions of a request or call and refuses when there is none. It is
/// written by an authentication layer and by nobody else; a value found there has been verified.
///
/// Cloning copies a pointer. The setters are for whoever builds the value, before it is shared.
///
/// # Example
///
/// ```
/// use portcullis_core::{Actor, Kind, Principal};
///
/// let alice = Principal::new(Kind::User, "alice")
///     .with_issuer("https://login.example.com")
///     .with_group("finance")
///     .with_scope("tools:call")
///     .with_attribute("device", "managed")
///     .acting_through(Actor::new("travel-planner"));
///
/// assert!(alice.is_in("finance"));
/// assert!(!alice.is_in("engineering"));
/// assert_eq!(alice.attribute("device"), Some("managed"));
/// assert_eq!(alice.actors()[0].subject(), "travel-planner");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    facts: Arc<Facts>,
}

#[derive(Clone, PartialEq, Eq)]
struct Facts {
    kind: Kind,
    subject: Arc<str>,
    issuer: Option<Arc<str>>,
    groups: Vec<Arc<str>>,
    scopes: Vec<Arc<str>>,
    attributes: BTreeMap<Arc<str>, Arc<str>>,
    actors: Vec<Actor>,
}

impl Principal {
    /// An identity with nothing known about it but its name.
    #[must_use]
    pub fn new(kind: Kind, subject: impl Into<Arc<str>>) -> Self {
        let facts = Facts {
            kind,
            subject: subject.into(),
            issuer: None,
            groups: Vec::new(),
            scopes: Vec::new(),
            attributes: BTreeMap::new(),
            actors: Vec::new(),
        };
        Self { facts: Arc::new(facts) }
    }

    /// Who vouches for the identity. Two subjects of the same name under two issuers are two principals.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.facts_mut().issuer = Some(issuer.into());
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.facts_mut().groups.push(group.into());
        self
    }

    /// Adds a granted scope.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.facts_mut().scopes.push(scope.into());
        self
    }

    /// Sets an attribute: device posture, source network, authentication method.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.facts_mut().attributes.insert(name.into(), value.into());
        self
    }

    /// Takes an attribute away, where what says so must not be believed.
    #[must_use]
    pub fn without_attribute(mut self, name: &str) -> Self {
        if self.facts.attributes.contains_key(name) {
            self.facts_mut().attributes.remove(name);
        }
        self
    }

    /// Adds an agent to the end of the chain: the one that stands between the chain so far and the gateway.
    #[must_use]
    pub fn acting_through(mut self, actor: Actor) -> Self {
        self.facts_mut().actors.push(actor);
        self
    }

    /// Person, service or agent.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.facts.kind
    }

    /// The identity's name, unique within its issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// Who vouches for the identity, if that is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.facts.issuer.as_deref()
    }

    /// The groups, in the order they were added.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.facts.groups.iter().map(|group| &**group)
    }

    /// Whether `group` is among the groups, by exact bytes.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups().any(|one| one == group)
    }

    /// The granted scopes, in the order they were added.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.facts.scopes.iter().map(|scope| &**scope)
    }

    /// Whether `scope` was granted, by exact bytes.
    #[must_use]
    pub fn holds_scope(&self, scope: &str) -> bool {
        self.scopes().any(|one| one == scope)
    }

    /// The attribute `name`, if it is known.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.facts.attributes.get(name).map(|value| &**value)
    }

    /// All attributes, sorted by name.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.facts.attributes.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The agents the principal acts through: the first was asked by the principal itself, the last one made the call.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        &self.facts.actors
    }

    fn facts_mut(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }
}

/// Attribute values may be personal (a network address, a device name), so `Debug` shows their names only.
impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Facts { kind, subject, issuer, groups, scopes, attributes, actors } = &*self.facts;
        f.debug_struct("Principal")
            .field("kind", kind)
            .field("subject", subject)
            .field("issuer", issuer)
            .field("groups", groups)
            .field("scopes", scopes)
            .field("attributes", &attributes.keys().collect::<Vec<_>>())
            .field("actors", actors)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setter_leaves_earlier_clones_as_they_were() {
        let before = Principal::new(Kind::Service, "nightly");
        let after = before.clone().with_scope("read");
        assert!(!before.holds_scope("read"));
        assert!(after.holds_scope("read"));
        assert_ne!(before, after);
    }

    #[test]
    fn an_attribute_that_is_taken_away_is_gone_here_alone() {
        let before = Principal::new(Kind::User, "alice").with_attribute("network", "office");
        let after = before.clone().without_attribute("network").without_attribute("device");
        assert_eq!((before.attribute("network"), after.attribute("network")), (Some("office"), None));
    }

    #[test]
    fn issuers_tell_subjects_of_one_name_apart() {
        let subject = |issuer: &str| Principal::new(Kind::User, "alice").with_issuer(issuer);
        assert_ne!(subject("https://a.example"), subject("https://b.example"));
    }

    #[test]
    fn debug_shows_no_attribute_value() {
        let shown =
            format!("{:?}", Principal::new(Kind::User, "alice").with_attribute("network", "10.1.2.3"));
        assert!(shown.contains("network") && !shown.contains("10.1.2.3"), "{shown}");
    }

    #[test]
    fn is_send_and_sync() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Principal>();
        assert_send_sync::<Actor>();
    }
}
