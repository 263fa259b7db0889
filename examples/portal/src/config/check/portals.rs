//! Portals, and where they are found.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use http::uri::PathAndQuery;
use portcullis_mcp_jsonrpc::guard::{HostGuard, InvalidRule};
use portcullis_portal::{Collision, Namespace};
use toml::Spanned;

use super::Checker;
use super::authn::{Known, clash, exchanges_at_a_taken_path};
use crate::config::raw;
use crate::config::{Hosts, Portal};
use crate::route;

/// The path of a portal that names neither path nor host.
const PATH: &str = "/mcp";

const MAX_ID: usize = 64;

impl Checker<'_> {
    pub(super) fn portals(
        &mut self,
        portals: Vec<Spanned<raw::Portal>>,
        listen: &[String],
        serves_health: bool,
        known: Known<'_>,
    ) -> Vec<Portal> {
        if portals.is_empty() {
            self.problem(0..0, "there is no [[portal]], so nothing would be served");
        }
        let local = listen.is_empty() || listen.iter().any(|address| is_local(address));
        let mut checked: Vec<Portal> = Vec::new();
        let mut ids = HashMap::new();
        for portal in portals {
            let span = portal.get_ref().id.span();
            let portal = self.portal(portal.into_inner(), serves_health, known);
            if ids.insert(portal.id.clone(), ()).is_some() {
                self.problem(span.clone(), format!("portal id {:?} is there twice", portal.id));
            }
            if !local && !reachable_from_afar(&portal) {
                self.problem(span.clone(), format!(
                    "portal {:?} answers only to the names of this machine, where nothing listens: set host or allowed_hosts",
                    portal.id
                ));
            }
            if let Some(other) = checked.iter().find(|other| overlap(other, &portal)) {
                let text = format!(
                    "portal {:?} overlaps with portal {:?}: one request could reach both",
                    portal.id, other.id
                );
                self.problem(span.clone(), text);
            }
            if exchanges_at_a_taken_path(&portal, serves_health) {
                self.problem(
                    span.clone(),
                    format!("portal {:?}: authn.exchange.path is where something else is served", portal.id),
                );
            }
            for text in checked.iter().filter_map(|other| clash(other, &portal)) {
                self.problem(span.clone(), text);
            }
            checked.push(portal);
        }
        checked
    }

    fn portal(&mut self, portal: raw::Portal, serves_health: bool, known: Known<'_>) -> Portal {
        let id = self.id("portal id", &portal.id);
        let host = portal.host.as_ref().map(|host| self.host(host));
        let path = match &portal.path {
            Some(path) => Some(self.path(path, serves_health)),
            None if host.is_none() => Some(PATH.to_owned()),
            None => None,
        };
        let hosts = self.hosts(&portal);
        let namespace = self.choice(
            "namespace",
            portal.namespace,
            Namespace::Always,
            &[
                ("always", Namespace::Always),
                ("when-needed", Namespace::WhenNeeded),
                ("never", Namespace::Never),
            ],
        );
        let collision = self.choice(
            "collision",
            portal.collision,
            Collision::Refuse,
            &[("refuse", Collision::Refuse), ("first", Collision::First)],
        );
        if portal.server.is_empty() {
            self.problem(portal.id.span(), format!("portal {id:?} has no [[portal.server]]"));
        }
        let most = 1..=1_000_000;
        let servers = self.servers(portal.server);
        let mut authn = portal.authn.and_then(|authn| self.authn(authn, known)).map(Box::new);
        if let Some(server) = servers.iter().find(|server| server.is_per_caller()) {
            match &mut authn {
                Some(authn) => authn.hand_on_tokens = true,
                None => self.problem(portal.id.span(), format!(
                    "portal {id:?}: server {:?} needs tokens of its callers, and without [portal.authn] there are none",
                    server.id
                )),
            }
        }
        Portal {
            id,
            host,
            path,
            hosts,
            namespace,
            collision,
            page_size: self.some_number("page_size", portal.page_size, most.clone()),
            list_timeout: self.some_time("list_timeout", portal.list_timeout),
            max_list_items: self.some_number("max_list_items", portal.max_list_items, most.clone()),
            max_list_pages: self.some_number("max_list_pages", portal.max_list_pages, most.clone()),
            max_stale: self.some_time("max_stale", portal.max_stale),
            max_principals: self.some_number("max_principals", portal.max_principals, most),
            max_cached_bytes: self.some_size("max_cached_bytes", portal.max_cached_bytes),
            listen_timeout: self.some_time("listen_timeout", portal.listen_timeout),
            authn,
            servers,
        }
    }

    pub(super) fn id(&mut self, what: &str, id: &Spanned<String>) -> String {
        let text = id.get_ref();
        if text.contains('_') {
            self.problem(id.span(), format!(
                "{what} {text:?}: only letters, digits and '-' are allowed, because '_' ends the prefix of a name"
            ));
        } else if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            self.problem(id.span(), format!("{what} {text:?}: only letters, digits and '-' are allowed"));
        } else if text.starts_with('-') || text.ends_with('-') {
            self.problem(id.span(), format!("{what} {text:?}: starts or ends with '-'"));
        } else if text.len() > MAX_ID {
            self.problem(id.span(), format!("{what} {text:?}: longer than {MAX_ID} characters"));
        }
        text.clone()
    }

    fn host(&mut self, host: &Spanned<String>) -> String {
        let text = host.get_ref();
        if let Err(invalid) = HostGuard::new().allow_host(text) {
            self.problem(host.span(), format!("host: {invalid}"));
        } else if route::name_of(text).len() != text.trim_end_matches('.').len() {
            self.problem(
                host.span(),
                format!("host: {text:?} names a port, but a portal answers on every port"),
            );
        }
        route::name_of(text).to_ascii_lowercase()
    }

    fn path(&mut self, path: &Spanned<String>, serves_health: bool) -> String {
        let text = path.get_ref();
        let whole = text.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.path() == text);
        if !text.starts_with('/') {
            self.problem(path.span(), format!("path: {text:?} does not start with '/'"));
        } else if !whole {
            self.problem(path.span(), format!("path: {text:?} is not the path of a URL"));
        } else if serves_health && route::HEALTH_PATHS.contains(&text.as_str()) {
            self.problem(
                path.span(),
                format!("path: {text:?} is where health is served; move that with [admin]"),
            );
        }
        text.clone()
    }

    fn hosts(&mut self, portal: &raw::Portal) -> Hosts {
        let mut guard = HostGuard::new();
        if let Some(host) = &portal.host {
            guard = HostGuard::new().without_loopback();
            // Its faults are told where it is read.
            guard = guard.clone().allow_host(host.get_ref()).unwrap_or(guard);
            if let Some(span) = place(portal.danger_allow_any_host, &portal.allowed_hosts, portal) {
                self.problem(span, "allowed_hosts, danger_allow_any_host: only requests to `host` reach this portal, so this can never matter");
            }
        }
        for host in &portal.allowed_hosts {
            guard = self.rule(guard, host, "allowed_hosts", HostGuard::allow_host);
        }
        for origin in &portal.allowed_origins {
            guard = self.rule(guard, origin, "allowed_origins", HostGuard::allow_origin);
        }
        if portal.danger_allow_any_host {
            self.moot(&portal.allowed_hosts, "allowed_hosts", "danger_allow_any_host");
            guard = guard.danger_allow_any_host();
        }
        if portal.danger_allow_any_origin {
            self.moot(&portal.allowed_origins, "allowed_origins", "danger_allow_any_origin");
            guard = guard.danger_allow_any_origin();
        }
        Hosts {
            guard,
            allowed: portal.allowed_hosts.iter().map(|host| host.get_ref().clone()).collect(),
            origins: portal.allowed_origins.iter().map(|origin| origin.get_ref().clone()).collect(),
            any_host: portal.danger_allow_any_host,
            any_origin: portal.danger_allow_any_origin,
        }
    }

    fn rule(
        &mut self,
        guard: HostGuard,
        text: &Spanned<String>,
        key: &str,
        allow: fn(HostGuard, &str) -> Result<HostGuard, InvalidRule>,
    ) -> HostGuard {
        match allow(guard.clone(), text.get_ref()) {
            Ok(guard) => guard,
            Err(invalid) => {
                self.problem(text.span(), format!("{key}: {invalid}"));
                guard
            }
        }
    }

    fn moot(&mut self, list: &[Spanned<String>], key: &str, danger: &str) {
        if let Some(first) = list.first() {
            self.problem(
                first.span(),
                format!("{key}: {:?} can never matter beside {danger}", first.get_ref()),
            );
        }
    }
}

/// Where the first of two settings stands that `host` makes useless.
fn place(any: bool, list: &[Spanned<String>], portal: &raw::Portal) -> Option<Range<usize>> {
    list.first().map(Spanned::span).or_else(|| any.then(|| portal.id.span()))
}

/// Whether two portals could be meant by one request.
fn overlap(one: &Portal, other: &Portal) -> bool {
    fn meet(one: Option<&String>, other: Option<&String>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    meet(one.host.as_ref(), other.host.as_ref()) && meet(one.path.as_ref(), other.path.as_ref())
}

/// Whether requests to the names of this machine arrive at this address. A name may be anything.
fn is_local(address: &str) -> bool {
    address
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.ip().is_loopback() || address.ip().is_unspecified())
        || address.parse::<SocketAddr>().is_err()
}

fn reachable_from_afar(portal: &Portal) -> bool {
    portal.host.is_some() || portal.hosts.any_host || !portal.hosts.allowed.is_empty()
}
