//! The servers behind a portal.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use portcullis_mcp_legacy::upstream::Sharing;
use portcullis_mcp_upstream::{BuildError, Era, HttpUpstream, HttpVersion, ProcessLimits, Processes};
use toml::Spanned;

use super::{Checker, span};
use crate::config::raw::{self, SecretText};
use crate::config::{Bound, Circuit, Http, Named, Server, Stdio, Transport, secrets};
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
                && let Err(error) = leaf::Upstream::build(&server, None)
            {
                self.problem(span, format!("server {:?}: {error}", server.id));
            }
            checked.push(server);
        }
        checked
    }

    fn server(&mut self, mut server: raw::Server) -> Server {
        let id = self.id("server id", &server.id);
        let transport = match (server.url.take(), server.command.take()) {
            (Some(url), None) => Transport::Http(Box::new(self.http(url, &mut server))),
            (None, Some(command)) => Transport::Stdio(Box::new(self.stdio(command, &mut server))),
            (Some(_), Some(command)) => {
                self.problem(command.span(), "command: a server has a url or a command, not both");
                Transport::Stdio(Box::new(self.stdio(command, &mut server)))
            }
            (None, None) => {
                self.problem(server.id.span(), format!("server {id:?} has neither a url nor a command"));
                let nothing =
                    Spanned::new(server.id.span(), vec![Spanned::new(server.id.span(), "?".to_owned())]);
                Transport::Stdio(Box::new(self.stdio(nothing, &mut server)))
            }
        };
        let mut eras = vec![("auto", Era::Auto), ("modern", Era::Modern), ("legacy", Era::Legacy)];
        if matches!(transport, Transport::Http(_)) {
            eras.push(("sse", Era::Sse));
        }
        let mut server = Server {
            id,
            transport,
            era: self.choice("era", server.era, Era::Auto, &eras),
            max_in_flight: self.some_number("max_in_flight", server.max_in_flight, 1..=MOST),
            max_waiting: self.some_number("max_waiting", server.max_waiting, 0..=MOST),
            max_wait: self.some_time("max_wait", server.max_wait),
            max_listeners: self.some_number("max_listeners", server.max_listeners, 1..=MOST),
            total_timeout: self.bound("total_timeout", server.total_timeout),
            per_principal: server.per_principal,
        };
        // Called with each caller's own credentials, it shows each what they may see.
        server.per_principal |= server.is_per_caller();
        server
    }

    fn http(&mut self, url: Spanned<String>, server: &mut raw::Server) -> Http {
        if let Err(error) = HttpUpstream::builder(url.get_ref()) {
            self.problem(url.span(), error.to_string());
        }
        self.unfit(
            "a url",
            [
                ("env", server.env.keys().next().map(Spanned::span)),
                ("directory", span(&server.directory)),
                ("processes", span(&server.processes)),
                ("max_processes", span(&server.max_processes)),
                ("process_idle", span(&server.process_idle)),
                ("max_memory", span(&server.max_memory)),
                ("max_open_files", span(&server.max_open_files)),
                ("max_cpu_time", span(&server.max_cpu_time)),
            ],
        );
        let headers = self.named("headers", std::mem::take(&mut server.headers), Self::header);
        Http {
            url: url.into_inner(),
            headers,
            http_version: self.choice(
                "http_version",
                server.http_version.take(),
                HttpVersion::Auto,
                &[("auto", HttpVersion::Auto), ("1.1", HttpVersion::Http1), ("2", HttpVersion::Http2)],
            ),
            root_certificates: server.root_certificates.take().and_then(|file| self.certificates(&file)),
            connect_timeout: self.some_time("connect_timeout", server.connect_timeout.take()),
            head_timeout: self.some_time("head_timeout", server.head_timeout.take()),
            idle_timeout: self.some_time("idle_timeout", server.idle_timeout.take()),
            listen_idle_timeout: self.bound("listen_idle_timeout", server.listen_idle_timeout.take()),
            sharing: self.choice(
                "sessions",
                server.sessions.take(),
                Sharing::PerPrincipal,
                &[("per-principal", Sharing::PerPrincipal), ("shared", Sharing::Shared)],
            ),
            max_sessions: self.some_number("max_sessions", server.max_sessions.take(), 1..=MOST),
            session_idle: self.some_time("session_idle", server.session_idle.take()),
            max_parked: self.some_number("max_parked", server.max_parked.take(), 1..=MOST),
            list_ttl: self.some_time("list_ttl", server.list_ttl.take()),
            max_answer: self.some_size("max_answer", server.max_answer.take()),
            max_event: self.some_size("max_event", server.max_event.take()),
            max_idle_connections: self.some_number(
                "max_idle_connections",
                server.max_idle_connections.take(),
                0..=MOST,
            ),
            retries: self.some_number("retries", server.retries.take(), 0..=10),
            circuit: self.circuit(server.circuit.take()),
            credentials: server.credentials.take().and_then(|credentials| self.credentials(credentials)),
        }
    }

    fn stdio(&mut self, command: Spanned<Vec<Spanned<String>>>, server: &mut raw::Server) -> Stdio {
        self.unfit(
            "a command",
            [
                ("headers", server.headers.keys().next().map(Spanned::span)),
                ("credentials", span(&server.credentials)),
                ("http_version", span(&server.http_version)),
                ("root_certificates", span(&server.root_certificates)),
                ("connect_timeout", span(&server.connect_timeout)),
                ("head_timeout", span(&server.head_timeout)),
                ("idle_timeout", span(&server.idle_timeout)),
                ("listen_idle_timeout", span(&server.listen_idle_timeout)),
                ("sessions", span(&server.sessions)),
                ("max_sessions", span(&server.max_sessions)),
                ("session_idle", span(&server.session_idle)),
                ("max_parked", span(&server.max_parked)),
                ("list_ttl", span(&server.list_ttl)),
                ("max_event", span(&server.max_event)),
                ("max_idle_connections", span(&server.max_idle_connections)),
                ("retries", span(&server.retries)),
                ("circuit", server.circuit.as_ref().map(|_| server.id.span())),
            ],
        );
        let place = command.span();
        let mut words = command.into_inner().into_iter().map(Spanned::into_inner);
        let program = words.next().unwrap_or_default();
        if program.is_empty() {
            self.problem(place.clone(), "command: the program is missing");
        }
        let arguments: Vec<_> = words.collect();
        if program.contains('\0') || arguments.iter().any(|word| word.contains('\0')) {
            self.problem(place, "command: a word holds a NUL");
        }
        let directory = server.directory.take().map(|directory| {
            let path = self.environment.folder.join(directory.get_ref());
            // The folder of the file is relative to ours, if the file was named so.
            let path = std::path::absolute(&path).unwrap_or(path);
            if !path.is_dir() {
                self.problem(directory.span(), format!("directory: {:?} is no folder", directory.get_ref()));
            }
            path
        });
        Stdio {
            program,
            arguments,
            env: self.named("env", std::mem::take(&mut server.env), Self::variable),
            directory,
            processes: self.processes(server),
            limits: self.process_limits(server),
            max_answer: self.some_size("max_answer", server.max_answer.take()),
        }
    }

    fn processes(&mut self, server: &mut raw::Server) -> Processes {
        let shared = self.choice(
            "processes",
            server.processes.take(),
            false,
            &[("per-principal", false), ("shared", true)],
        );
        if shared {
            for (key, place) in
                [("max_processes", span(&server.max_processes)), ("process_idle", span(&server.process_idle))]
            {
                if let Some(place) = place {
                    self.problem(place, format!("{key}: can never matter beside processes = \"shared\""));
                }
            }
            return Processes::Shared;
        }
        let Processes::PerPrincipal { most, idle } = Processes::default() else { return Processes::Shared };
        Processes::PerPrincipal {
            most: self.number("max_processes", server.max_processes.take(), most, 1..=10_000),
            idle: self.time("process_idle", server.process_idle.take(), idle),
        }
    }

    fn process_limits(&mut self, server: &mut raw::Server) -> ProcessLimits {
        let mut limits = ProcessLimits::new();
        if let Some(bytes) = self.some_size("max_memory", server.max_memory.take()) {
            limits = limits.address_space(bytes as u64);
        }
        if let Some(files) = self.some_number("max_open_files", server.max_open_files.take(), 16..=MOST) {
            limits = limits.open_files(files);
        }
        if let Some(time) = self.some_time("max_cpu_time", server.max_cpu_time.take()) {
            limits = limits.cpu_seconds(time.as_secs().max(1));
        }
        limits
    }

    /// A setting that can never matter is a slip of the pen.
    fn unfit<const N: usize>(&mut self, transport: &str, keys: [(&str, Option<Range<usize>>); N]) {
        for (key, place) in keys {
            if let Some(place) = place {
                self.problem(place, format!("{key}: has no meaning for a server with {transport}"));
            }
        }
    }

    /// Names and values, of which the latter may be secret.
    fn named(
        &mut self,
        key: &str,
        written: BTreeMap<Spanned<String>, Spanned<SecretText>>,
        check: fn(&mut Self, &Spanned<String>, &Named) -> bool,
    ) -> Vec<Named> {
        let mut all: Vec<Named> = Vec::new();
        for (name, text) in written {
            let span = text.span();
            let value = match secrets::resolve(text.into_inner(), self.environment) {
                Ok(value) => value,
                Err(fault) => {
                    self.problem(span, format!("{key}.{}: {fault}", name.get_ref()));
                    continue;
                }
            };
            let named = Named { name: name.get_ref().clone(), value };
            if !check(self, &name, &named) {
                continue;
            }
            // Names of headers know no case.
            if key == "headers" && all.iter().any(|other| other.name.eq_ignore_ascii_case(&named.name)) {
                self.problem(name.span(), format!("{key}: {:?} is there twice", named.name));
            }
            all.push(named);
        }
        all
    }

    fn header(&mut self, name: &Spanned<String>, header: &Named) -> bool {
        // Which headers may be set is the upstream's to say; the address does not matter for that.
        let checked = HttpUpstream::builder("http://localhost/")
            .and_then(|builder| builder.header(&header.name, header.value.clone()));
        match checked {
            Ok(_) => return true,
            Err(BuildError::Header { flaw, .. }) => {
                self.problem(name.span(), format!("headers: {:?} {flaw}", header.name));
            }
            Err(error) => self.problem(name.span(), format!("headers: {error}")),
        }
        false
    }

    fn variable(&mut self, name: &Spanned<String>, variable: &Named) -> bool {
        let fits = !variable.name.is_empty() && !variable.name.contains(['=', '\0']);
        if !fits || variable.value.expose().contains('\0') {
            self.problem(
                name.span(),
                format!("env: {:?} cannot be a variable, or its value holds a NUL", variable.name),
            );
            return false;
        }
        true
    }

    pub(super) fn certificates(&mut self, file: &Spanned<String>) -> Option<String> {
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
