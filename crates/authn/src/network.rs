//! From where a request comes, when proxies stand in between.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;
use portcullis_core::Peer;

mod error;
mod hop;
mod prefixes;
#[cfg(test)]
mod tests;

pub use error::NetworksError;

use error::Fault;
use hop::Hop;
use prefixes::Prefixes;

/// Which proxies are believed about their clients, and which networks have a name that policy can use.
///
/// A header such as `X-Forwarded-For` is text that anybody can send. It is read from its right end, where the nearest
/// proxy wrote, and only as far as those who wrote it are trusted: what stands further left is whatever the client made
/// up. By default nobody is trusted and the address is that of the connection.
///
/// ```
/// use http::HeaderMap;
/// use portcullis_authn::Networks;
/// use portcullis_core::Peer;
///
/// let networks = Networks::new()
///     .trusted_proxy("10.0.0.0/8")?
///     .named("office", ["192.0.2.0/24", "2001:db8::/32"])?;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "198.51.100.1, 192.0.2.7".parse()?);
///
/// let proxy = Peer { address: "10.1.2.3:4711".parse()? };
/// let source = networks.source(Some(&proxy), &headers);
/// assert_eq!(source.address, Some("192.0.2.7".parse()?));
/// assert_eq!(source.network.and_then(|network| networks.name(network)), Some("office"));
///
/// // The same header from a stranger is worth nothing.
/// let stranger = Peer { address: "203.0.113.9:4711".parse()? };
/// let source = networks.source(Some(&stranger), &headers);
/// assert_eq!((source.address, source.network), (Some("203.0.113.9".parse()?), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What cannot be told
///
/// The address is unknown, and so is the network, where a trusted proxy sends no header at all (it may hide any client),
/// where what counts is no address (`unknown`, `_hidden`, garbage), and where more proxies than
/// [`max_hops`](Self::max_hops) stood in between. Name the proxies one by one rather than the whole network they live in,
/// or their neighbours that connect directly are taken for proxies.
///
/// Looking an address up takes one search for each length of prefix in use, and allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Networks {
    trusted: Prefixes<()>,
    named: Prefixes<u16>,
    names: Vec<Arc<str>>,
    max_hops: usize,
    header: ForwardedHeader,
}

/// Where trusted proxies write down whom they forward for. All others are ignored: a proxy that keeps one of them passes
/// on what clients write into the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, separated by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239). An element whose quoted strings hold a comma counts as garbage.
    Forwarded,
}

impl ForwardedHeader {
    /// The name of the header, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// From where a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// The address, if it is known for certain. IPv4 addresses written as IPv6 are IPv4 here.
    pub address: Option<IpAddr>,
    /// The network with a name that the address is in; of several, the smallest. [`Networks::name`] tells the name.
    pub network: Option<u16>,
}

impl Networks {
    /// Trusts no proxy and knows no network.
    pub fn new() -> Self {
        Self {
            trusted: Prefixes::default(),
            named: Prefixes::default(),
            names: Vec::new(),
            max_hops: 10,
            header: ForwardedHeader::default(),
        }
    }

    /// Believes the proxies in `network` (`10.0.0.0/8`, or one address) about their clients.
    ///
    /// # Errors
    ///
    /// If that is no network, was named before, or is everybody.
    pub fn trusted_proxy(mut self, network: &str) -> Result<Self, NetworksError> {
        let parsed = parse(network)?;
        if parsed.prefix_len() == 0 {
            return Err(NetworksError::new(network, Fault::Everybody));
        }
        match self.trusted.insert(parsed, ()) {
            Some(()) => Err(NetworksError::new(network, Fault::Twice("trusted proxies".into()))),
            None => Ok(self),
        }
    }

    /// Gives some networks a name. Where networks overlap, an address belongs to the smallest.
    ///
    /// # Errors
    ///
    /// If the name or the list is empty, one of them is no network or has a name already, or there are more than 65536
    /// names.
    pub fn named<'a>(
        mut self,
        name: &str,
        networks: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NetworksError> {
        if name.is_empty() {
            return Err(NetworksError::new(name, Fault::Nameless));
        }
        let index = self.names.iter().position(|known| **known == *name).unwrap_or(self.names.len());
        let Ok(number) = u16::try_from(index) else { return Err(NetworksError::new(name, Fault::TooMany)) };
        if index == self.names.len() {
            self.names.push(name.into());
        }
        let mut empty = true;
        for network in networks {
            empty = false;
            if let Some(owner) = self.named.insert(parse(network)?, number) {
                let owner = self.name(owner).unwrap_or_default().into();
                return Err(NetworksError::new(network, Fault::Twice(owner)));
            }
        }
        if empty { Err(NetworksError::new(name, Fault::Empty)) } else { Ok(self) }
    }

    /// How many proxies may stand between a client and this service, the nearest included. Default: 10.
    ///
    /// # Errors
    ///
    /// If it is 0: to believe no proxy, trust none.
    pub fn max_hops(mut self, hops: usize) -> Result<Self, NetworksError> {
        if hops == 0 {
            return Err(NetworksError::new("0", Fault::NoHops));
        }
        self.max_hops = hops;
        Ok(self)
    }

    /// The header that trusted proxies write. Default: `X-Forwarded-For`.
    pub fn forwarded_header(mut self, header: ForwardedHeader) -> Self {
        self.header = header;
        self
    }

    /// The name of a network that [`source`](Self::source) found.
    #[must_use]
    pub fn name(&self, network: u16) -> Option<&str> {
        self.names.get(usize::from(network)).map(|name| &**name)
    }

    /// Whether networks of this name are known: one that is not can never be where a request comes from.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.names.iter().any(|known| **known == *name)
    }

    /// Whether any proxy is trusted.
    #[must_use]
    pub fn trusts_anybody(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Whether the connection comes from a trusted proxy, so that what it says about its client counts.
    #[must_use]
    pub fn is_trusted(&self, peer: Option<&Peer>) -> bool {
        peer.is_some_and(|peer| self.trusts(peer.address.ip().to_canonical()))
    }

    /// From where a request comes, by its connection and what trusted proxies say.
    #[must_use]
    pub fn source(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Source {
        let Some(address) = self.address(peer, headers) else { return Source::default() };
        Source { address: Some(address), network: self.named.find(address).copied() }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.find(address).is_some()
    }

    fn address(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.address.ip().to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        // Whoever wrote an element was trusted, or the walk would have ended before it.
        let mut walked = 0;
        let mut nearest = None;
        for line in headers.get_all(self.header.name()).iter().rev() {
            for element in line.as_bytes().rsplit(|byte| *byte == b',') {
                if walked == self.max_hops {
                    return None;
                }
                walked += 1;
                let Hop::Address(address) = Hop::read(self.header, element) else { return None };
                if !self.trusts(address) {
                    return Some(address);
                }
                nearest = Some(address);
            }
        }
        // All are proxies: the first of them asked on its own account.
        nearest
    }
}

impl Default for Networks {
    fn default() -> Self {
        Self::new()
    }
}

/// A network, or an address as the network of one. IPv4 written as IPv6 becomes IPv4, as the addresses do.
fn parse(text: &str) -> Result<IpNet, NetworksError> {
    let refuse = || NetworksError::new(text, Fault::Malformed);
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| refuse())?),
    };
    if network.addr() != network.network() {
        return Err(NetworksError::new(text, Fault::HostBits(network.trunc())));
    }
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(length)) if network.addr().is_ipv6() => {
            IpNet::new(IpAddr::V4(address), length).map_err(|_| refuse())
        }
        _ => Ok(network),
    }
}
