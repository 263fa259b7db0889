//! As it is written: who vouches for callers, what portals ask of them, and what the gateway shows to servers.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::SecretText;

type Texts = Vec<Spanned<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Network {
    pub(in crate::config) trusted_proxies: Texts,
    pub(in crate::config) forwarded_header: Option<Spanned<String>>,
    pub(in crate::config) max_hops: Option<Spanned<i64>>,
    pub(in crate::config) named: BTreeMap<Spanned<String>, Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    pub(in crate::config) id: Spanned<String>,
    pub(in crate::config) kind: Option<Spanned<String>>,
    pub(in crate::config) url: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) insecure_http: bool,
    pub(in crate::config) root_certificates: Option<Spanned<String>>,
    pub(in crate::config) fetch_timeout: Option<Spanned<String>>,
    pub(in crate::config) jwks_url: Option<Spanned<String>>,
    pub(in crate::config) jwks_file: Option<Spanned<String>>,
    pub(in crate::config) max_key_age: Option<Spanned<String>>,
    pub(in crate::config) key_grace: Option<Spanned<String>>,
    pub(in crate::config) refetch_floor: Option<Spanned<String>>,
    pub(in crate::config) algorithms: Option<Spanned<Texts>>,
    pub(in crate::config) token_types: Option<Spanned<Texts>>,
    #[serde(default)]
    pub(in crate::config) untyped_tokens: bool,
    pub(in crate::config) max_lifetime: Option<Spanned<String>>,
    pub(in crate::config) claims: Option<Spanned<String>>,
    pub(in crate::config) subject_claim: Option<Spanned<String>>,
    pub(in crate::config) group_claims: Option<Spanned<Texts>>,
    #[serde(default)]
    pub(in crate::config) attribute_claims: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(in crate::config) introspection_url: Option<Spanned<String>>,
    pub(in crate::config) client_id: Option<Spanned<String>>,
    pub(in crate::config) client_secret: Option<Spanned<SecretText>>,
    pub(in crate::config) cache_for: Option<Spanned<String>>,
    pub(in crate::config) roots: Option<Spanned<String>>,
    pub(in crate::config) agents: Option<Spanned<String>>,
    pub(in crate::config) revocations: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) insecure_accept_unsigned_agents: bool,
    pub(in crate::config) tokens: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) certificate: Vec<Spanned<CertificateRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CertificateRule {
    pub(in crate::config) uri: Option<Spanned<String>>,
    pub(in crate::config) uri_below: Option<Spanned<String>>,
    pub(in crate::config) dns: Option<Spanned<String>>,
    pub(in crate::config) fingerprint: Option<Spanned<String>>,
    pub(in crate::config) kind: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) groups: Texts,
    #[serde(default)]
    pub(in crate::config) scopes: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Authn {
    pub(in crate::config) resource: Spanned<String>,
    #[serde(default)]
    pub(in crate::config) insecure_http: bool,
    pub(in crate::config) issuers: Spanned<Texts>,
    #[serde(default)]
    pub(in crate::config) audiences: Texts,
    pub(in crate::config) name: Option<Spanned<String>>,
    pub(in crate::config) documentation: Option<Spanned<String>>,
    pub(in crate::config) dpop: Option<Spanned<String>>,
    pub(in crate::config) certificate_header: Option<Spanned<String>>,
    pub(in crate::config) service_id_header: Option<Spanned<String>>,
    pub(in crate::config) service_secret_header: Option<Spanned<String>>,
    pub(in crate::config) max_credential: Option<Spanned<super::Size>>,
    pub(in crate::config) max_cached: Option<Spanned<super::Size>>,
    pub(in crate::config) verify_timeout: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) scopes: Scopes,
    #[serde(default)]
    pub(in crate::config) require: Require,
    pub(in crate::config) exchange: Option<Spanned<Exchange>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Scopes {
    pub(in crate::config) base: Texts,
    pub(in crate::config) supported: Texts,
    pub(in crate::config) methods: BTreeMap<Spanned<String>, Texts>,
    pub(in crate::config) tools: BTreeMap<Spanned<String>, Texts>,
    pub(in crate::config) implies: BTreeMap<Spanned<String>, Texts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Require {
    pub(in crate::config) any_group: Option<Spanned<Texts>>,
    pub(in crate::config) all_groups: Option<Spanned<Texts>>,
    pub(in crate::config) amr: Option<Spanned<Texts>>,
    pub(in crate::config) acr: Option<Spanned<Texts>>,
    pub(in crate::config) kinds: Option<Spanned<Texts>>,
    pub(in crate::config) networks: Option<Spanned<Texts>>,
    pub(in crate::config) attributes: BTreeMap<Spanned<String>, Spanned<Texts>>,
    pub(in crate::config) max_actors: Option<Spanned<i64>>,
    pub(in crate::config) max_token_age: Option<Spanned<String>>,
    pub(in crate::config) max_authentication_age: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Exchange {
    pub(in crate::config) path: Option<Spanned<String>>,
    pub(in crate::config) key: Spanned<SecretText>,
    pub(in crate::config) key_id: Option<Spanned<i64>>,
    pub(in crate::config) lifetime: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Credentials {
    pub(in crate::config) kind: Spanned<String>,
    #[serde(default)]
    pub(in crate::config) insecure_http: bool,
    pub(in crate::config) root_certificates: Option<Spanned<String>>,
    pub(in crate::config) issuer: Option<Spanned<String>>,
    pub(in crate::config) token_url: Option<Spanned<String>>,
    pub(in crate::config) client_id: Option<Spanned<String>>,
    pub(in crate::config) client_secret: Option<Spanned<SecretText>>,
    pub(in crate::config) client_auth: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) scopes: Texts,
    pub(in crate::config) audience: Option<Spanned<String>>,
    pub(in crate::config) resource: Option<Spanned<String>>,
    pub(in crate::config) header: Option<Spanned<String>>,
    pub(in crate::config) value: Option<Spanned<SecretText>>,
    pub(in crate::config) command: Option<Spanned<Texts>>,
    pub(in crate::config) refresh: Option<Spanned<String>>,
    pub(in crate::config) resource_issuer: Option<Spanned<String>>,
    pub(in crate::config) resource_token_url: Option<Spanned<String>>,
    pub(in crate::config) resource_client_id: Option<Spanned<String>>,
    pub(in crate::config) resource_client_secret: Option<Spanned<SecretText>>,
    pub(in crate::config) subject_token_type: Option<Spanned<String>>,
    pub(in crate::config) max_callers: Option<Spanned<i64>>,
}
