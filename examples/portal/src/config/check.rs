//! From what is written to what makes sense.

mod authn;
mod credentials;
mod identity;
mod portals;
mod servers;
mod sessions;

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use tracing::level_filters::LevelFilter;

use super::place::Problem;
use super::raw::{self, OneOrMany, Size};
use super::{Config, ConfigError, Environment, Limits, Log, units};

/// Where the portal listens unless it is told: on this machine only.
const LISTEN: &str = "127.0.0.1:8808";

const ANY_TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

/// Reads and checks a text; all that is wrong with it is in the error.
pub(super) fn check(file: &str, text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let root = read(text).map_err(|problems| ConfigError::new(file, problems))?;
    let mut checker = Checker { source: text, environment, problems: Vec::new() };
    let config = checker.root(root);
    if checker.problems.is_empty() { Ok(config) } else { Err(ConfigError::new(file, checker.problems)) }
}

/// From text to shape. What is wrong with the syntax is told at once, of the shape only the first fault.
fn read(text: &str) -> Result<raw::Root, Vec<Problem>> {
    use serde::Deserialize;

    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut problems: Vec<_> = errors.iter().map(|error| syntax(text, error)).collect();
        // What follows the first fault of a line is the reader finding its way back.
        problems.dedup_by_key(|problem| problem.line());
        return Err(problems);
    }
    raw::Root::deserialize(toml::de::Deserializer::from(table))
        .map_err(|error| vec![Problem::new(text, error.span().unwrap_or_default(), error.message())])
}

/// Shows the key of the line at fault and nothing behind it: that may be a secret.
fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or_default();
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let shown = match line.split_once('=') {
        Some((key, _)) => format!("{} = ...", key.trim()),
        None => line.trim().chars().take(40).collect(),
    };
    Problem::new(text, span, format!("{} (at `{shown}`)", error.message()))
}

/// Collects problems. Where something is wrong it goes on with a default, which nobody gets to see.
struct Checker<'a> {
    source: &'a str,
    environment: &'a Environment,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn problem(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.problems.push(Problem::new(self.source, span, text));
    }

    fn root(&mut self, root: raw::Root) -> Config {
        let listen = match root.listen {
            Some(listen) => self.addresses("listen", listen),
            None => vec![LISTEN.to_owned()],
        };
        let admin = root.admin.map(|admin| self.addresses("admin.listen", admin.listen)).unwrap_or_default();
        let log = self.log(root.log);
        let limits = self.limits(root.limits);
        let sessions = self.sessions(root.sessions);
        let networks = self.networks(root.network);
        let issuers = self.issuers(root.issuer);
        let known = authn::Known { networks: &networks, issuers: &issuers };
        let portals = self.portals(root.portal, &listen, admin.is_empty(), known);
        Config { listen, admin, log, limits, sessions, networks, issuers, portals }
    }

    fn addresses(&mut self, key: &str, listen: Spanned<OneOrMany>) -> Vec<String> {
        let span = listen.span();
        let written = match listen.into_inner() {
            OneOrMany::One(text) => vec![Spanned::new(span.clone(), text)],
            OneOrMany::Many(texts) => texts,
        };
        if written.is_empty() {
            self.problem(span, format!("{key}: an empty list listens nowhere"));
        }
        let mut seen = HashSet::new();
        for address in &written {
            let text = address.get_ref();
            let port = text.rsplit_once(':').filter(|(host, _)| is_host(host)).map(|(_, port)| port.parse());
            match port {
                Some(Ok::<u16, _>(_)) => {}
                _ => self.problem(address.span(), format!("{key}: {text:?} is not HOST:PORT")),
            }
            // Port 0 is any free port, each time another.
            if !seen.insert(text.clone()) && port != Some(Ok(0)) {
                self.problem(address.span(), format!("{key}: {text:?} is there twice"));
            }
        }
        written.into_iter().map(Spanned::into_inner).collect()
    }

    fn log(&mut self, log: raw::Log) -> Log {
        let level = self.choice(
            "log.level",
            log.level,
            LevelFilter::INFO,
            &[
                ("off", LevelFilter::OFF),
                ("error", LevelFilter::ERROR),
                ("warn", LevelFilter::WARN),
                ("info", LevelFilter::INFO),
                ("debug", LevelFilter::DEBUG),
                ("trace", LevelFilter::TRACE),
            ],
        );
        let json = self.choice("log.format", log.format, false, &[("text", false), ("json", true)]);
        Log { level, json }
    }

    fn limits(&mut self, limits: raw::Limits) -> Limits {
        let default = Limits::default();
        let key = |name| format!("limits.{name}");
        Limits {
            max_connections: self.number(
                &key("max_connections"),
                limits.max_connections,
                default.max_connections,
                1..=1_000_000,
            ),
            max_streams: self.number(
                &key("max_streams"),
                limits.max_streams,
                default.max_streams,
                1..=10_000,
            ),
            max_header_size: self.size(
                &key("max_header_size"),
                limits.max_header_size,
                default.max_header_size,
                1 << 10..=256 << 10,
            ),
            header_timeout: self.time(&key("header_timeout"), limits.header_timeout, default.header_timeout),
            max_body: self.size(&key("max_body"), limits.max_body, default.max_body, 1 << 10..=1 << 30),
            body_timeout: self.time(&key("body_timeout"), limits.body_timeout, default.body_timeout),
            keep_alive: self.time(&key("keep_alive"), limits.keep_alive, default.keep_alive),
            drain_timeout: self.time(&key("drain_timeout"), limits.drain_timeout, default.drain_timeout),
        }
    }

    /// One of a few words.
    fn choice<T: Copy>(
        &mut self,
        key: &str,
        text: Option<Spanned<String>>,
        default: T,
        choices: &[(&str, T)],
    ) -> T {
        let Some(text) = text else { return default };
        match choices.iter().find(|(word, _)| word == text.get_ref()) {
            Some(&(_, choice)) => choice,
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
                self.problem(
                    text.span(),
                    format!("{key}: {:?} is none of {}", text.get_ref(), words.join(", ")),
                );
                default
            }
        }
    }

    fn number<T>(
        &mut self,
        key: &str,
        number: Option<Spanned<i64>>,
        default: T,
        range: RangeInclusive<i64>,
    ) -> T
    where
        T: TryFrom<i64>,
    {
        let Some(number) = number else { return default };
        let value = *number.get_ref();
        match T::try_from(value) {
            Ok(checked) if range.contains(&value) => checked,
            _ => {
                let (least, most) = range.into_inner();
                self.problem(number.span(), format!("{key}: {value} is not between {least} and {most}"));
                default
            }
        }
    }

    fn some_number<T>(
        &mut self,
        key: &str,
        number: Option<Spanned<i64>>,
        range: RangeInclusive<i64>,
    ) -> Option<T>
    where
        T: TryFrom<i64> + Default,
    {
        number.map(|number| self.number(key, Some(number), T::default(), range))
    }

    fn some_size(&mut self, key: &str, size: Option<Spanned<Size>>) -> Option<usize> {
        size.map(|size| self.size(key, Some(size), 0, 1 << 10..=4 << 30))
    }

    fn some_time(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Duration> {
        text.map(|text| self.time(key, Some(text), Duration::ZERO))
    }

    fn size<T>(&mut self, key: &str, size: Option<Spanned<Size>>, default: T, range: RangeInclusive<u64>) -> T
    where
        T: TryFrom<u64>,
    {
        let Some(size) = size else { return default };
        let (read, shown) = match size.get_ref() {
            Size::Bytes(bytes) => (u64::try_from(*bytes).ok(), bytes.to_string()),
            Size::Text(text) => (units::size(text), format!("{text:?}")),
        };
        let fault = match read {
            None => "is not a size such as 65536 or \"4MiB\"".to_owned(),
            Some(bytes) if !range.contains(&bytes) => {
                format!("is not between {} and {} bytes", range.start(), range.end())
            }
            Some(bytes) => match T::try_from(bytes) {
                Ok(checked) => return checked,
                Err(_) => "is too large for this machine".to_owned(),
            },
        };
        self.problem(size.span(), format!("{key}: {shown} {fault}"));
        default
    }

    fn time(&mut self, key: &str, text: Option<Spanned<String>>, default: Duration) -> Duration {
        self.time_within(key, text, default, ANY_TIME, "is not between 1ms and 24h")
    }

    fn time_within(
        &mut self,
        key: &str,
        text: Option<Spanned<String>>,
        default: Duration,
        range: RangeInclusive<Duration>,
        outside: &str,
    ) -> Duration {
        let Some(text) = text else { return default };
        let fault = match units::duration(text.get_ref()) {
            Some(time) if range.contains(&time) => return time,
            Some(_) => outside,
            None => "is not a time such as \"500ms\", \"30s\", \"5m\" or \"1h\"",
        };
        self.problem(text.span(), format!("{key}: {:?} {fault}", text.get_ref()));
        default
    }
}

fn is_host(text: &str) -> bool {
    portcullis_mcp_jsonrpc::guard::HostGuard::new().allow_host(text).is_ok()
}

/// Where a value stands, if there is one.
fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}
