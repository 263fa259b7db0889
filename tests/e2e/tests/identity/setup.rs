//! What most tests start with: an issuer, a server, and a portal between them.

use std::time::Duration;

use e2e::issuer::Issuer;
use serde_json::{Value, json};

use crate::{Client, Folder, Portal, Upstream};

/// What the portal is called by its clients.
pub(crate) const AUDIENCE: &str = "https://localhost/mcp";

/// An issuer's table.
pub(crate) fn issuer(id: &str, issuer: &Issuer) -> String {
    format!(
        "[[issuer]]\nid = '{id}'\nurl = '{}'\ninsecure_http = true\nrefetch_floor = '1s'\n\
         attribute_claims = {{ device = 'device' }}\n",
        issuer.url
    )
}

/// A portal's tables up to its servers. `more` are keys of `[portal.authn]`.
pub(crate) fn authn(id: &str, path: &str, issuers: &str, more: &str) -> String {
    format!(
        "[[portal]]\nid = '{id}'\npath = '{path}'\n[portal.authn]\nresource = 'https://localhost{path}'\n\
         issuers = {issuers}\n{more}\n"
    )
}

pub(crate) struct Setup {
    pub(crate) issuer: Issuer,
    pub(crate) upstream: Upstream,
    pub(crate) folder: Folder,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self { issuer: Issuer::start().await, upstream: Upstream::start().await, folder: Folder::new() }
    }

    /// The server's table, as `up`.
    pub(crate) fn server(&self) -> String {
        format!("[[portal.server]]\nid = 'up'\nurl = 'http://{}/mcp'\n", self.upstream.address)
    }

    /// Writes a file of these tables.
    pub(crate) fn write(&self, tables: &[String]) -> std::path::PathBuf {
        let top = "listen = '127.0.0.1:0'\nadmin.listen = '127.0.0.1:0'\nlimits.drain_timeout = '1s'\n";
        self.folder.put("portal.toml", &format!("{top}{}", tables.concat()))
    }

    /// A portal at `/mcp` that asks the issuer, with more keys for `[portal.authn]`.
    pub(crate) fn tables(&self, more: &str) -> [String; 3] {
        [issuer("staff", &self.issuer), authn("acme", "/mcp", "['staff']", more), self.server()]
    }

    /// The same, running, and a client without a token.
    pub(crate) async fn start(&self, more: &str) -> (Portal, Client) {
        let portal = Portal::start(&self.write(&self.tables(more))).await;
        let client = Client::at(portal.address);
        (portal, client)
    }

    /// A token of this person for the portal.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.issuer.token(subject, AUDIENCE, &json!({}))
    }

    /// With other claims.
    pub(crate) fn token_with(&self, subject: &str, claims: Value) -> String {
        self.issuer.token(subject, AUDIENCE, &claims)
    }

    /// One that ends soon.
    pub(crate) fn short_token(&self, subject: &str) -> String {
        self.issuer.token_for(Duration::from_secs(1), subject, AUDIENCE, &json!({}))
    }
}
