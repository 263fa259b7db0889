//! Host names and ports, read one way only.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name DNS knows.
const MAX_NAME: usize = 253;

/// A host in its one normal form, so that two spellings of it are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// Lower case, without the trailing dot of an absolute name.
    Name(Box<str>),
}

/// A host, and a port if one was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// What is wrong with the text of a host or an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Empty,
    Userinfo,
    Port,
    Ipv6,
    Number,
    Character,
    Label,
    TooLong,
    Scheme,
    NullOrigin,
}

impl Flaw {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Empty => "there is no host",
            Self::Userinfo => "it holds a user name",
            Self::Port => "the port is not a number from 0 to 65535",
            Self::Ipv6 => "an IPv6 address must be written in brackets, without a zone",
            Self::Number => "it is neither a name nor an IPv4 address of four decimal numbers",
            Self::Character => {
                "a host may hold letters, digits, '-', '_' and '.' only: no path, no wildcard, and international names in Punycode"
            }
            Self::Label => "two dots in a row, or one at the start",
            Self::TooLong => "the name is longer than 253 bytes",
            Self::Scheme => "an origin starts with a scheme, such as https://",
            Self::NullOrigin => "the origin null is not a site: see danger_allow_null_origin",
        }
    }
}

impl Authority {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        if text.contains('@') {
            return Err(Flaw::Userinfo);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(Flaw::Ipv6)?;
            let host = Host::V6(address.parse().map_err(|_| Flaw::Ipv6)?);
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(Flaw::Ipv6),
            };
            return Ok(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(Flaw::Ipv6),
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        Ok(Self { host: parse_host(host)?, port })
    }
}

impl Host {
    /// The names every machine knows itself by. Not all of 127.0.0.0/8: what is not needed is not allowed.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::V4(address) => *address == Ipv4Addr::LOCALHOST,
            Self::V6(address) => *address == Ipv6Addr::LOCALHOST,
            Self::Name(name) => &**name == "localhost",
        }
    }
}

fn parse_port(text: &str) -> Result<u16, Flaw> {
    // `u16::from_str` alone would read "+80".
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| Flaw::Port) } else { Err(Flaw::Port) }
}

fn parse_host(text: &str) -> Result<Host, Flaw> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err(Flaw::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(Flaw::TooLong);
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(Flaw::Character);
    }
    if name.split('.').any(str::is_empty) {
        return Err(Flaw::Label);
    }
    if let Ok(address) = name.parse() {
        return Ok(Host::V4(address));
    }
    // Browsers read 127.1, 0x7f000001 and 2130706433 as 127.0.0.1 and never send them as they are (WHATWG URL,
    // "ends in a number"). Whoever does wants them read two ways.
    let last = name.rsplit('.').next().unwrap_or(name);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(Flaw::Number);
    }
    Ok(Host::Name(name.to_ascii_lowercase().into()))
}
