mod grammar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use portcullis_core::Principal;

pub(crate) use self::grammar::add;
use crate::ConfigError;

/// Which scopes a caller needs, for what.
///
/// What an operation needs is the sum of three lists: the [`base`](Self::base) that everything needs, the list of its
/// [`method`](Self::method), and that of its [`tool`](Self::tool). All of it is asked for in one challenge, so that a
/// user is sent to their issuer once per operation and not once per scope.
///
/// ```
/// use portcullis_authn::Scopes;
/// use portcullis_core::{Kind, Principal};
///
/// let scopes = Scopes::new()
///     .base(["mcp"])?
///     .method("tools/call", ["tools"])?
///     .tool("github_*", ["repo:read"])?
///     .tool("github_merge", ["repo:write"])?
///     .implies("repo:write", ["repo:read"])?;
///
/// let needed = |tool| scopes.needed(Some("tools/call"), Some(tool)).collect::<Vec<_>>();
/// assert_eq!(needed("github_merge"), ["mcp", "tools", "repo:write"]);
/// assert_eq!(needed("github_diff"), ["mcp", "tools", "repo:read"]);
/// assert_eq!(needed("weather"), ["mcp", "tools"]);
///
/// // A broader scope stands for the narrower ones.
/// let alice = Principal::new(Kind::User, "alice").with_scope("mcp").with_scope("repo:write");
/// let missing = scopes.missing(Some("tools/call"), Some("github_diff"), &alice);
/// assert_eq!(missing.collect::<Vec<_>>(), ["tools"]);
/// # Ok::<(), portcullis_authn::ConfigError>(())
/// ```
///
/// # Cost
///
/// Questions allocate nothing. A tool is looked up among the exact names first and then among the prefixes, one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    base: Vec<String>,
    methods: BTreeMap<String, Vec<String>>,
    tools: BTreeMap<String, Vec<String>>,
    /// The longest first, so that the first match is the best.
    prefixes: Vec<(String, Vec<String>)>,
    implied: BTreeMap<String, Vec<String>>,
    /// For each scope the others that stand for it, by one step or by many.
    stand_ins: BTreeMap<String, Vec<String>>,
    also_supported: Vec<String>,
}

impl Scopes {
    /// No scope is needed for anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Needed for everything.
    ///
    /// # Errors
    ///
    /// No scope at all, or what is none (RFC 6749, section 3.3); `offline_access`, which is not a resource's to ask for.
    pub fn base<I>(mut self, scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        extend(&mut self.base, "base scopes", "", scopes)?;
        Ok(self)
    }

    /// Needed for a method, besides the base.
    ///
    /// # Errors
    ///
    /// As for [`base`](Self::base); a method that is empty or a pattern.
    pub fn method<I>(mut self, method: &str, scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        if method.is_empty() || method.contains(|char: char| char == '*' || char.is_whitespace()) {
            return Err(ConfigError::new("method", method, "is not the full name of a method"));
        }
        extend(self.methods.entry(method.to_owned()).or_default(), "scopes of method", method, scopes)?;
        Ok(self)
    }

    /// Needed to call a tool, besides the base and the scopes of its method.
    ///
    /// `tool` is a name or, with a `*` at its end, the beginning of names. One rule counts for each tool: that of its full
    /// name or else the longest beginning.
    ///
    /// # Errors
    ///
    /// As for [`base`](Self::base); an empty name, or one with a `*` elsewhere.
    pub fn tool<I>(mut self, tool: &str, scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let prefix = tool.strip_suffix('*');
        if tool.is_empty() {
            return Err(ConfigError::new("tool", tool, "is empty; all tools are *"));
        }
        if prefix.unwrap_or(tool).contains('*') {
            return Err(ConfigError::new("tool", tool, "has a * before its end"));
        }
        let list = match prefix {
            None => self.tools.entry(tool.to_owned()).or_default(),
            Some(prefix) => {
                let order = |(other, _): &(String, _)| (prefix.len(), &**other).cmp(&(other.len(), prefix));
                let at = match self.prefixes.binary_search_by(order) {
                    Ok(at) => at,
                    Err(at) => {
                        self.prefixes.insert(at, (prefix.to_owned(), Vec::new()));
                        at
                    }
                };
                match self.prefixes.get_mut(at) {
                    Some((_, list)) => list,
                    None => return Ok(self),
                }
            }
        };
        extend(list, "scopes of tool", tool, scopes)?;
        Ok(self)
    }

    /// Whoever holds `broad` also holds `narrow`, and what these imply in turn.
    ///
    /// # Errors
    ///
    /// As for [`base`](Self::base).
    pub fn implies<I>(mut self, broad: &str, narrow: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        add(&mut Vec::new(), broad)?;
        extend(self.implied.entry(broad.to_owned()).or_default(), "scopes implied by", broad, narrow)?;
        self.stand_ins = stand_ins(&self.implied);
        Ok(self)
    }

    /// Named in the metadata and in the first challenge besides the [`base`](Self::base), for clients to ask for at once.
    ///
    /// Some clients register with the scopes of the first challenge, and some issuers hold them to that: what single tools
    /// need has to be among these where such clients are to get it later.
    ///
    /// # Errors
    ///
    /// As for [`base`](Self::base).
    pub fn also_supported<I>(mut self, scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        extend(&mut self.also_supported, "supported scopes", "", scopes)?;
        Ok(self)
    }

    /// All the scopes an operation needs, each once: the base, those of the method, those of the tool.
    pub fn needed<'a>(
        &'a self,
        method: Option<&str>,
        tool: Option<&str>,
    ) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let base = self.base.as_slice();
        let of_method = method.and_then(|method| self.methods.get(method)).map_or(&[][..], Vec::as_slice);
        let of_tool = tool.map_or(&[][..], |tool| self.of_tool(tool));
        let of_method_only = of_method.iter().filter(|scope| !base.contains(scope));
        let of_tool_only = of_tool.iter().filter(|scope| !base.contains(scope) && !of_method.contains(scope));
        base.iter().chain(of_method_only).chain(of_tool_only).map(String::as_str)
    }

    /// The scopes an operation needs that `principal` holds neither by name nor by a broader one.
    pub fn missing<'a>(
        &'a self,
        method: Option<&str>,
        tool: Option<&str>,
        principal: &'a Principal,
    ) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.needed(method, tool).filter(|scope| !self.is_held(scope, principal))
    }

    /// The scopes to name in the metadata: the base and what was [added](Self::also_supported).
    ///
    /// MCP wants this to be the fewest that make a service useful; what single operations need beyond is asked for when
    /// they are called.
    pub fn supported(&self) -> impl Iterator<Item = &str> + Clone {
        let more = self.also_supported.iter().filter(|scope| !self.base.contains(scope));
        self.base.iter().chain(more).map(String::as_str)
    }

    /// Every scope that something needs.
    pub fn all(&self) -> impl Iterator<Item = &str> + Clone {
        let of_prefixes = self.prefixes.iter().map(|(_, list)| list);
        let lists = self.methods.values().chain(self.tools.values()).chain(of_prefixes);
        self.supported().chain(lists.flatten().map(String::as_str))
    }

    /// Whether some operation needs more than the base, so that somebody has to look at messages.
    #[must_use]
    pub fn per_operation(&self) -> bool {
        !(self.methods.is_empty() && self.tools.is_empty() && self.prefixes.is_empty())
    }

    fn of_tool(&self, tool: &str) -> &[String] {
        let by_prefix = || self.prefixes.iter().find(|(prefix, _)| tool.starts_with(prefix.as_str()));
        match self.tools.get(tool) {
            Some(list) => list,
            None => by_prefix().map_or(&[], |(_, list)| list),
        }
    }

    fn is_held(&self, scope: &str, principal: &Principal) -> bool {
        principal.holds_scope(scope)
            || self
                .stand_ins
                .get(scope)
                .is_some_and(|broader| broader.iter().any(|broad| principal.holds_scope(broad)))
    }
}

fn extend<I>(list: &mut Vec<String>, setting: &'static str, of: &str, scopes: I) -> Result<(), ConfigError>
where
    I: IntoIterator<Item: AsRef<str>>,
{
    let mut any = false;
    for scope in scopes {
        add(list, scope.as_ref())?;
        any = true;
    }
    if any { Ok(()) } else { Err(ConfigError::new(setting, of, "are an empty list")) }
}

/// Turns "implies" around and follows it to the end. Whoever was seen is not gone through again, so circles end.
fn stand_ins(implied: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let mut stand_ins: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for broad in implied.keys() {
        let mut reached = vec![broad];
        let mut next = 0;
        while let Some(scope) = reached.get(next) {
            next += 1;
            for narrow in implied.get(*scope).into_iter().flatten() {
                if !reached.contains(&narrow) {
                    reached.push(narrow);
                }
            }
        }
        for narrow in reached.into_iter().skip(1) {
            stand_ins.entry(narrow.clone()).or_default().push(broad.clone());
        }
    }
    stand_ins
}
