//! The servers behind a portal.

use std::time::Duration;

use portcullis_mcp_upstream::{BuildError, HttpUpstream, HttpVersion};
use toml::Spanned;

use super::Checker;
use crate::config::raw::{self, HeaderText};
use crate::config::{Bound, Circuit, Header, Server, secrets};
use crate::leaf;

/// The largest file of certificates.
const MAX_CERTIFICATES: u64 = 4 * 1024 * 1024;

/// More than any server or machine bears.
const MOST: i64 = 1_000_000;

impl Checker<'_> {
    pub(super) fn servers(&mut self, servers: Vec<Spanned<raw::Server>>) -> Vec<Server> {
        let mut checked: Vec<Server> = Vec::new();
        for server in servers {
            let span = server.get_ref().id.span();
            let before = self.problems.len();
            let server = self.server(server.into_inner());
            if checked.iter().any(|other| other.id.eq_ignore_ascii_case(&server.id)) {
                self.problem(span.clone(), format!("server id {:?} is there twice", server.id));
            }
            // What only shows when all settings come together.
            if before == self.problems.len()
                && let Err(error) = leaf::upstream(&server)
            {
                self.problem(span, format!("server {:?}: {error}", server.id));
            }
            checked.push(server);
        }
        checked
    }

    fn server(&mut self, server: raw::Server) -> Server {
        let id = self.id("server id", &server.id);
        if let Err(error) = HttpUpstream::builder(server.url.get_ref()) {
            self.problem(server.url.span(), error.to_string());
        }
        let mut headers: Vec<Header> = Vec::new();
        for (name, text) in server.headers {
            let span = name.span();
            let Some(header) = self.header(&name, text) else { continue };
            if headers.iter().any(|other| other.name.eq_ignore_ascii_case(&header.name)) {
                self.problem(span, format!("headers: {:?} is there twice", header.name));
            }
            headers.push(header);
        }
        let http_version = self.choice(
            "http_version",
            server.http_version,
            HttpVersion::Auto,
            &[("auto", HttpVersion::Auto), ("1.1", HttpVersion::Http1), ("2", HttpVersion::Http2)],
        );
        Server {
            id,
            url: server.url.into_inner(),
            headers,
            http_version,
            root_certificates: server.root_certificates.and_then(|file| self.certificates(&file)),
            connect_timeout: self.some_time("connect_timeout", server.connect_timeout),
            head_timeout: self.some_time("head_timeout", server.head_timeout),
            idle_timeout: self.some_time("idle_timeout", server.idle_timeout),
            listen_idle_timeout: self.bound("listen_idle_timeout", server.listen_idle_timeout),
            total_timeout: self.bound("total_timeout", server.total_timeout),
            max_answer: self.some_size("max_answer", server.max_answer),
            max_event: self.some_size("max_event", server.max_event),
            max_idle_connections: self.some_number(
                "max_idle_connections",
                server.max_idle_connections,
                0..=MOST,
            ),
            retries: self.some_number("retries", server.retries, 0..=10),
            circuit: self.circuit(server.circuit),
            max_in_flight: self.some_number("max_in_flight", server.max_in_flight, 1..=MOST),
            max_waiting: self.some_number("max_waiting", server.max_waiting, 0..=MOST),
            max_wait: self.some_time("max_wait", server.max_wait),
            max_listeners: self.some_number("max_listeners", server.max_listeners, 1..=MOST),
            per_principal: server.per_principal,
        }
    }

    fn header(&mut self, name: &Spanned<String>, text: Spanned<HeaderText>) -> Option<Header> {
        let span = text.span();
        let value = match secrets::resolve(text.into_inner(), self.environment) {
            Ok(value) => value,
            Err(fault) => {
                self.problem(span, format!("headers.{}: {fault}", name.get_ref()));
                return None;
            }
        };
        // Which headers may be set is the upstream's to say; the address does not matter for that.
        let checked = HttpUpstream::builder("http://localhost/")
            .and_then(|builder| builder.header(name.get_ref(), value.clone()));
        match checked {
            Ok(_) => return Some(Header { name: name.get_ref().clone(), value }),
            Err(BuildError::Header { flaw, .. }) => {
                self.problem(name.span(), format!("headers: {:?} {flaw}", name.get_ref()));
            }
            Err(error) => self.problem(name.span(), format!("headers: {error}")),
        }
        None
    }

    fn certificates(&mut self, file: &Spanned<String>) -> Option<String> {
        let path = self.environment.folder.join(file.get_ref());
        match secrets::read_text(&path, MAX_CERTIFICATES) {
            Ok(text) => Some(text),
            Err(error) => {
                let text = format!("root_certificates: cannot read {:?}: {error}", file.get_ref());
                self.problem(file.span(), text);
                None
            }
        }
    }

    fn bound(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Bound> {
        match text {
            Some(text) if text.get_ref() == "unlimited" => Some(Bound::Unlimited),
            text => self.some_time(key, text).map(Bound::Within),
        }
    }

    fn circuit(&mut self, circuit: Option<raw::Circuit>) -> Circuit {
        let Some(raw::Circuit { off, failures, open_for }) = circuit else { return Circuit::DEFAULT };
        let set = failures.as_ref().map(Spanned::span).or(open_for.as_ref().map(Spanned::span));
        if off {
            if let Some(span) = set {
                self.problem(span, "circuit: this can never matter beside off = true");
            }
            return Circuit::Off;
        }
        Circuit::Open {
            failures: self.number("circuit.failures", failures, 5, 1..=MOST),
            open_for: self.time("circuit.open_for", open_for, Duration::from_secs(10)),
        }
    }
}

impl Circuit {
    const DEFAULT: Self = Self::Open { failures: 5, open_for: Duration::from_secs(10) };
}
