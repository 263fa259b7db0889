use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// Values by network. Finding one takes a search for each length of prefix in use, however many networks there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefixes<T> {
    values: BTreeMap<IpNet, T>,
    /// The lengths in use, the longest first: the first network found is the smallest.
    lengths: Lengths,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lengths {
    v4: Vec<u8>,
    v6: Vec<u8>,
}

impl<T> Prefixes<T> {
    /// Takes a network in, unless it is there already: then it stays and its value comes back.
    pub(super) fn insert(&mut self, network: IpNet, value: T) -> Option<T>
    where
        T: Copy,
    {
        if let Some(present) = self.values.get(&network) {
            return Some(*present);
        }
        let length = network.prefix_len();
        let lengths = match network {
            IpNet::V4(_) => &mut self.lengths.v4,
            IpNet::V6(_) => &mut self.lengths.v6,
        };
        if let Err(at) = lengths.binary_search_by(|one| length.cmp(one)) {
            lengths.insert(at, length);
        }
        self.values.insert(network, value);
        None
    }

    /// The value of the smallest network that holds the address.
    pub(super) fn find(&self, address: IpAddr) -> Option<&T> {
        let lengths = match address {
            IpAddr::V4(_) => &self.lengths.v4,
            IpAddr::V6(_) => &self.lengths.v6,
        };
        lengths.iter().find_map(|length| self.values.get(&IpNet::new(address, *length).ok()?.trunc()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), lengths: Lengths::default() }
    }
}
