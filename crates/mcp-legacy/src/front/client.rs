//! Who opened a session, and what it can do.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use portcullis_mcp_jsonrpc::Fragment;

use super::Version;

/// What a client said of itself at `initialize`, in the form in which each call inside declares it.
///
/// It does not change while the session lasts, so it fits into the session id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) version: Version,
    /// A JSON object: name, version and title.
    pub(crate) info: Bytes,
    /// A JSON object: the capabilities as 2026-07-28 has them.
    pub(crate) capabilities: Bytes,
}

/// How many bytes info and capabilities may have together.
pub(crate) const MAX_CLIENT_BYTES: usize = 4096;

/// The first byte of the written form. Another form gets another number.
const FORM: u8 = 1;

/// Form, version, and the length of the info.
const HEAD: usize = 4;

impl Client {
    /// A client; none if it says more of itself than a session may hold.
    pub(crate) fn new(version: Version, info: &str, capabilities: &str) -> Option<Self> {
        if info.len() + capabilities.len() > MAX_CLIENT_BYTES {
            return None;
        }
        // One allocation for both.
        let all = Bytes::from([info, capabilities].concat());
        Some(Self { version, info: all.slice(..info.len()), capabilities: all.slice(info.len()..) })
    }

    /// A compact form, to be sealed into a session id.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let length = u16::try_from(self.info.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut bytes = Vec::with_capacity(HEAD + self.info.len() + self.capabilities.len());
        bytes.extend([FORM, number(self.version)]);
        bytes.extend(length);
        bytes.extend_from_slice(&self.info);
        bytes.extend_from_slice(&self.capabilities);
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) wrote; none for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [FORM, version, high, low] = *head else { return None };
        let (info, capabilities) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        let object = |text: &[u8]| Fragment::parse(text.to_vec()).ok();
        object(info).and(object(capabilities))?;
        Self::new(
            from_number(version)?,
            std::str::from_utf8(info).ok()?,
            std::str::from_utf8(capabilities).ok()?,
        )
    }

    pub(crate) fn info(&self) -> &str {
        std::str::from_utf8(&self.info).unwrap_or("{}")
    }

    pub(crate) fn capabilities(&self) -> &str {
        std::str::from_utf8(&self.capabilities).unwrap_or("{}")
    }
}

fn number(version: Version) -> u8 {
    match version {
        Version::V2024_11_05 => 0,
        Version::V2025_03_26 => 1,
        Version::V2025_06_18 => 2,
        Version::V2025_11_25 => 3,
    }
}

fn from_number(number: u8) -> Option<Version> {
    Some(match number {
        0 => Version::V2024_11_05,
        1 => Version::V2025_03_26,
        2 => Version::V2025_06_18,
        3 => Version::V2025_11_25,
        _ => return None,
    })
}
