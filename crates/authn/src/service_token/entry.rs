use std::time::SystemTime;

use portcullis_core::{Kind, Principal};

use super::error::{Fault, ServiceTokenError};
use super::{MAX_ID, StoredSecret};

/// A service: its name, what is stored about its secret, and what is known about it.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceEntry {
    id: String,
    secret: StoredSecret,
    kind: Kind,
    groups: Vec<String>,
    scopes: Vec<String>,
    attributes: Vec<(String, String)>,
    expires: Option<SystemTime>,
}

impl ServiceEntry {
    /// A service of that name, which becomes the subject of its principal.
    pub fn new(id: impl Into<String>, secret: StoredSecret) -> Self {
        Self {
            id: id.into(),
            secret,
            kind: Kind::Service,
            groups: Vec::new(),
            scopes: Vec::new(),
            attributes: Vec::new(),
            expires: None,
        }
    }

    /// What it is. Default: a service.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Puts it into a group.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Grants it a scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets an attribute.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// When the secret ends. Default: never.
    pub fn expires(mut self, at: SystemTime) -> Self {
        self.expires = Some(at);
        self
    }

    pub(super) fn check(self) -> Result<Service, ServiceTokenError> {
        let Self { id, secret, kind, groups, scopes, attributes, expires } = self;
        if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServiceTokenError::new(&id, Fault::Id));
        }
        let names = attributes.iter().map(|(name, _)| name);
        if groups.iter().chain(&scopes).chain(names).any(String::is_empty) {
            return Err(ServiceTokenError::new(&id, Fault::Blank));
        }
        let mut principal = Principal::new(kind, id);
        principal = groups.into_iter().fold(principal, Principal::with_group);
        principal = scopes.into_iter().fold(principal, Principal::with_scope);
        principal = attributes
            .into_iter()
            .fold(principal, |principal, (name, value)| principal.with_attribute(name, value));
        Ok(Service { principal, secret, expires })
    }
}

/// An entry that was checked.
pub(super) struct Service {
    pub(super) principal: Principal,
    pub(super) secret: StoredSecret,
    pub(super) expires: Option<SystemTime>,
}
