use std::net::IpAddr;

use super::ForwardedHeader;

/// What a proxy wrote about whom it forwards for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    Address(IpAddr),
    /// `unknown`, a made-up name, a socket's path, or garbage.
    Unknown,
}

impl Hop {
    /// Reads one element of the header's list.
    pub(super) fn read(header: ForwardedHeader, element: &[u8]) -> Self {
        let node = std::str::from_utf8(element).ok().map(|text| text.trim_matches([' ', '\t'])).and_then(
            |element| match header {
                ForwardedHeader::XForwardedFor => Some(element),
                ForwardedHeader::Forwarded => forwarded_for(element),
            },
        );
        node.and_then(address).map_or(Self::Unknown, Self::Address)
    }
}

/// The `for` of an element of `Forwarded` (RFC 7239, section 4), if all of the element is sound and there is just one.
///
/// The list was cut at every comma, in quoted strings too. What is left of a string that was cut has a quote too few and
/// is refused here, so that a client who can place a comma into one (a `Host`, say) cannot place an element.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut found = None;
    let mut rest = element;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
            None => {
                let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
                if value.contains(['"', '\\']) {
                    return None;
                }
                (value.trim_end_matches([' ', '\t']), after)
            }
        };
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(';') {
            Some(next) => next.trim_start_matches([' ', '\t', ';']),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    found
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// A node with or without a port (RFC 7239, section 6), and the bare IPv6 addresses of `X-Forwarded-For`.
fn address(node: &str) -> Option<IpAddr> {
    let (address, port) = if let Some(bracketed) = node.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
        (IpAddr::V6(address.parse().ok()?), port)
    } else if let Ok(address) = node.parse() {
        (address, None)
    } else {
        let (address, port) = node.rsplit_once(':')?;
        (IpAddr::V4(address.parse().ok()?), Some(port))
    };
    port.is_none_or(is_port).then(|| address.to_canonical())
}

/// Digits, or a made-up name that starts with an underscore.
fn is_port(port: &str) -> bool {
    match port.strip_prefix('_') {
        Some(name) => {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
    }
}
