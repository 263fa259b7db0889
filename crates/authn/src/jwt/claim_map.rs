use std::fmt;

use portcullis_core::json;

use super::claims::Claims;
use crate::ConfigError;

/// Which claims of an issuer say what about a caller.
///
/// The default is what RFC 9068 has, and fits Okta: the name in `sub`, groups in `groups`, scopes in `scope` or `scp`
/// (always), and the attributes `client_id` (from `client_id`, `azp`, `cid` or `appid`), `amr` and `acr`.
///
/// A path names a claim, or with dots one inside of another: `realm_access.roles`. A dot that is part of a name is
/// written `\.`; a name that holds `://` is taken as it is.
///
/// ```
/// use portcullis_authn::ClaimMap;
///
/// let claims = ClaimMap::keycloak()
///     .with_groups(r"resource_access.my\.client.roles")?
///     .with_attribute("device", "https://example.com/claims/device")?;
/// assert!(ClaimMap::new().with_groups("realm_access..roles").is_err());
/// # Ok::<(), portcullis_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ClaimMap {
    pub(super) subject: ClaimPath,
    pub(super) groups: Vec<ClaimPath>,
    pub(super) attributes: Vec<(String, ClaimPath)>,
}

impl ClaimMap {
    /// The claims of RFC 9068.
    pub fn new() -> Self {
        Self {
            subject: ClaimPath::of(["sub"]),
            groups: vec![ClaimPath::of(["groups"])],
            attributes: Vec::new(),
        }
    }

    /// The claims of Microsoft Entra ID: people and programs are named by `oid`, which is the same for every
    /// application where `sub` is not; application roles count as groups besides the groups themselves. The tenant is
    /// the attribute `tid`.
    ///
    /// Entra leaves `groups` out for members of more than 200, who then are in none here; assign application roles.
    pub fn entra() -> Self {
        Self {
            subject: ClaimPath::of(["oid"]),
            groups: vec![ClaimPath::of(["groups"]), ClaimPath::of(["roles"])],
            attributes: vec![("tid".to_owned(), ClaimPath::of(["tid"]))],
        }
    }

    /// The claims of Keycloak: the roles of the realm count as groups besides the groups themselves.
    pub fn keycloak() -> Self {
        Self {
            groups: vec![ClaimPath::of(["groups"]), ClaimPath::of(["realm_access", "roles"])],
            ..Self::new()
        }
    }

    /// Where the caller's name stands, instead of `sub`. It must never be given to somebody else later: e-mail
    /// addresses and login names are.
    ///
    /// # Errors
    ///
    /// If the path names nothing.
    pub fn with_subject(mut self, path: &str) -> Result<Self, ConfigError> {
        self.subject = ClaimPath::parse(path)?;
        Ok(self)
    }

    /// One more claim with groups: a string or a list of strings.
    ///
    /// # Errors
    ///
    /// If the path names nothing.
    pub fn with_groups(mut self, path: &str) -> Result<Self, ConfigError> {
        self.groups.push(ClaimPath::parse(path)?);
        Ok(self)
    }

    /// No claim says anything about groups, but those named after this.
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        self
    }

    /// One more claim to keep as an attribute of the caller: a string, a number, a truth value, or a list of them,
    /// which is kept with spaces between. Of two claims for one attribute the last that a token has counts.
    ///
    /// # Errors
    ///
    /// If the path names nothing.
    pub fn with_attribute(mut self, name: impl Into<String>, path: &str) -> Result<Self, ConfigError> {
        self.attributes.push((name.into(), ClaimPath::parse(path)?));
        Ok(self)
    }
}

impl Default for ClaimMap {
    fn default() -> Self {
        Self::new()
    }
}

/// The names that lead to a claim. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimPath {
    head: String,
    rest: Vec<String>,
}

impl ClaimPath {
    fn of<const N: usize>(names: [&str; N]) -> Self {
        let mut names = names.into_iter().map(str::to_owned);
        Self { head: names.next().unwrap_or_default(), rest: names.collect() }
    }

    fn parse(path: &str) -> Result<Self, ConfigError> {
        if path.contains("://") {
            return Ok(Self { head: path.to_owned(), rest: Vec::new() });
        }
        let mut names = vec![String::new()];
        let mut characters = path.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '.' => names.push(String::new()),
                _ => {
                    let escaped = character == '\\' && characters.peek() == Some(&'.');
                    let character = if escaped { characters.next().unwrap_or('.') } else { character };
                    if let Some(name) = names.last_mut() {
                        name.push(character);
                    }
                }
            }
        }
        // Deeper than anything an issuer writes.
        if names.iter().any(String::is_empty) || names.len() > 8 {
            return Err(ConfigError::new("claim path", path, "has an empty name, or more than 8 names"));
        }
        let mut names = names.into_iter();
        Ok(Self { head: names.next().unwrap_or_default(), rest: names.collect() })
    }

    /// The value at the end of the path.
    pub(super) fn find<'a>(&self, claims: &Claims<'a>) -> Option<&'a [u8]> {
        let value = claims.get(&self.head)?;
        if self.rest.is_empty() {
            return Some(value);
        }
        let rest: Vec<&str> = self.rest.iter().map(String::as_str).collect();
        // The document was sound, so there is nothing that could go wrong.
        value.get(json::find(value, &rest).ok()??)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        self.rest.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}
