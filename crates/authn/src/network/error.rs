use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;

/// Why a description of networks cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworksError {
    input: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Malformed,
    HostBits(IpNet),
    Everybody,
    Twice(Arc<str>),
    Nameless,
    Empty,
    TooMany,
    NoHops,
}

impl NetworksError {
    pub(super) fn new(input: &str, fault: Fault) -> Self {
        Self { input: input.to_owned(), fault }
    }

    /// What was given.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }
}

impl fmt::Display for NetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = &self.input;
        match &self.fault {
            Fault::Malformed => {
                write!(f, "{input:?} is no network: write it as 192.0.2.0/24, 2001:db8::/32, or one address")
            }
            Fault::HostBits(network) => {
                write!(f, "the network {input:?} has bits set beyond its prefix: write {network}")
            }
            Fault::Everybody => write!(f, "the trusted proxies {input:?} are everybody"),
            Fault::Twice(owner) => write!(f, "the network {input:?} belongs to {owner:?} already"),
            Fault::Nameless => f.write_str("the name \"\" of a network is empty"),
            Fault::Empty => write!(f, "the network {input:?} has no addresses"),
            Fault::TooMany => write!(f, "the network {input:?} is one name too many"),
            Fault::NoHops => write!(f, "at most {input} proxies: at least 1, or trust none"),
        }
    }
}

impl std::error::Error for NetworksError {}
