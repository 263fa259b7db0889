//! What is a scope.

use crate::ConfigError;

/// How long a scope may be, and how many may stand in one list: all of them go into one header.
const MAX_LENGTH: usize = 256;
const MAX_COUNT: usize = 64;

/// Puts a scope on a list, once.
pub(crate) fn add(list: &mut Vec<String>, scope: &str) -> Result<(), ConfigError> {
    let flawed = |flaw: &'static str| Err(ConfigError::new("scope", scope, flaw));
    if scope.is_empty() {
        return flawed("is empty");
    }
    if scope.len() > MAX_LENGTH {
        return flawed("is longer than 256 bytes");
    }
    // scope-token (RFC 6749, section 3.3)
    if !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        return flawed(
            "holds a space, a quote, a backslash or something else than ASCII; scopes are given one by one",
        );
    }
    // MCP, Authorization, "Refresh Tokens"
    if scope == "offline_access" {
        return flawed("asks the issuer for a refresh token; no resource should ask for it");
    }
    if list.iter().any(|known| known == scope) {
        return Ok(());
    }
    if list.len() == MAX_COUNT {
        return flawed("is one more than the 64 that a list may hold");
    }
    list.push(scope.to_owned());
    Ok(())
}
