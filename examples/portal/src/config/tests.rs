mod identity;
mod programs;

use std::time::Duration;

use self::programs::program;
use super::*;

const VALID: &str = r#"
[[portal]]
id = "acme"
[[portal.server]]
id = "github"
url = "http://127.0.0.1:1/mcp"
"#;

fn environment() -> Environment {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    Environment { folder, variable: |name| (name == "TOKEN").then(|| "Bearer s3cr3t".to_owned()) }
}

fn check(text: &str) -> Result<Config, ConfigError> {
    check::check("portal.toml", text, &environment())
}

/// All problems, as `line:column: text`.
fn problems(text: &str) -> Vec<String> {
    let Err(error) = check(text) else { return Vec::new() };
    let show = |problem: &Problem| format!("{}:{}: {}", problem.line(), problem.column(), problem.text());
    error.problems().iter().map(show).collect()
}

/// Lines before a valid portal, where line 1 is the first.
fn top(lines: &str) -> String {
    format!("{lines}{VALID}")
}

/// Lines inside of the portal `acme`; the first is line 3, the id of the server is in line 5.
fn portal(lines: &str) -> String {
    let server = "[[portal.server]]\nid = \"github\"\nurl = \"http://127.0.0.1:1/mcp\"\n";
    format!("[[portal]]\nid = \"acme\"\n{lines}\n{server}")
}

/// Lines inside of the server `github`; the first is line 6.
fn server(lines: &str) -> String {
    format!("{VALID}{lines}\n").trim_start().to_owned()
}

#[test]
fn every_fault_is_told_with_its_place() {
    let rows: &[(&str, String, &[&str])] = &[
        ("syntax", top("listen = = 1"), &["1:10: "]),
        ("two faults of syntax", "a = = 1\nb = = 2\n".into(), &["1:5: ", "2:5: "]),
        ("a key twice", top("listen = 'a:1'\nlisten = 'a:1'"), &["2:1: duplicate key"]),
        ("unknown key", top("listens = 'a:1'"), &["1:1: unknown field `listens`, expected one of `listen`"]),
        ("unknown key in a table", top("[limits]\nmax_bodies = 1"), &["2:1: unknown field `max_bodies`"]),
        ("unknown key in a server", server("hedaers = {}"), &["6:1: unknown field `hedaers`"]),
        ("wrong type", top("log.level = 7"), &["1:13: invalid type: integer `7`, expected a string"]),
        (
            "wrong type of many",
            top("listen = 7"),
            &["1:10: invalid type: integer `7`, expected a text or a list of texts"],
        ),
        ("nothing", String::new(), &["1:1: there is no [[portal]], so nothing would be served"]),
        ("no id", "[[portal]]\n".into(), &["1:1: missing field `id`"]),
        ("no servers", "[[portal]]\nid = 'a'".into(), &["2:6: portal \"a\" has no [[portal.server]]"]),
        ("no address", top("listen = []"), &["1:10: listen: an empty list listens nowhere"]),
        ("no port", top("listen = 'localhost'"), &["1:10: listen: \"localhost\" is not HOST:PORT"]),
        (
            "port too large",
            top("listen = ['a:1', 'a:65536']"),
            &["1:18: listen: \"a:65536\" is not HOST:PORT"],
        ),
        (
            "an address twice",
            top("listen = ['[::1]:1', '[::1]:1']"),
            &["1:22: listen: \"[::1]:1\" is there twice"],
        ),
        (
            "admin without port",
            top("admin = { listen = 'a' }"),
            &["1:20: admin.listen: \"a\" is not HOST:PORT"],
        ),
        ("level", top("log.level = 'loud'"), &["1:13: log.level: \"loud\" is none of \"off\", \"error\""]),
        (
            "zero connections",
            top("limits.max_connections = 0"),
            &["1:26: limits.max_connections: 0 is not between 1 and 1000000"],
        ),
        (
            "negative",
            top("limits.max_streams = -1"),
            &["1:22: limits.max_streams: -1 is not between 1 and 10000"],
        ),
        (
            "zero size",
            top("limits.max_body = 0"),
            &["1:19: limits.max_body: 0 is not between 1024 and 1073741824 bytes"],
        ),
        (
            "unit of size",
            top("limits.max_body = '1MB'"),
            &["1:19: limits.max_body: \"1MB\" is not a size such as"],
        ),
        (
            "zero time",
            top("limits.keep_alive = '0s'"),
            &["1:21: limits.keep_alive: \"0s\" is not between 1ms and 24h"],
        ),
        (
            "unit of time",
            top("limits.keep_alive = '15'"),
            &["1:21: limits.keep_alive: \"15\" is not a time such as"],
        ),
        (
            "after wide characters",
            top("log = { format = 'täxt', level = 'löud' }"),
            &["1:18: log.format: \"täxt\"", "1:34: log.level: \"löud\""],
        ),
        ("path", portal("path = 'mcp'"), &["3:8: path: \"mcp\" does not start with '/'"]),
        ("path with query", portal("path = '/mcp?a'"), &["3:8: path: \"/mcp?a\" is not the path of a URL"]),
        (
            "path of health",
            portal("path = '/readyz'"),
            &["3:8: path: \"/readyz\" is where health is served; move that with [admin]"],
        ),
        ("host with port", portal("host = 'a.example:1'"), &["3:8: host: \"a.example:1\" names a port"]),
        (
            "host as URL",
            portal("host = 'https://a.example'"),
            &["3:8: host: cannot allow \"https://a.example\""],
        ),
        ("wildcard", portal("host = '*.example'"), &["3:8: host: cannot allow \"*.example\""]),
        (
            "hosts beside a host",
            portal("host = 'a.example'\nallowed_hosts = ['b.example']"),
            &["4:18: allowed_hosts, danger_allow_any_host: only requests to `host`"],
        ),
        (
            "any host beside a host",
            portal("host = 'a.example'\ndanger_allow_any_host = true"),
            &["2:6: allowed_hosts, danger_allow_any_host"],
        ),
        (
            "hosts beside any",
            portal("danger_allow_any_host = true\nallowed_hosts = ['b.example']"),
            &["4:18: allowed_hosts: \"b.example\" can never matter beside danger_allow_any_host"],
        ),
        (
            "origins beside any",
            portal("danger_allow_any_origin = true\nallowed_origins = ['http://b']"),
            &["4:20: allowed_origins: \"http://b\" can never matter"],
        ),
        (
            "no origin",
            portal("allowed_origins = ['app.example']"),
            &["3:20: allowed_origins: cannot allow \"app.example\": an origin starts with a scheme"],
        ),
        (
            "far away",
            format!("listen = '10.0.0.1:80'\n{}", portal("")),
            &["3:6: portal \"acme\" answers only to the names of this machine"],
        ),
        (
            "namespace",
            portal("namespace = 'sometimes'"),
            &["3:13: namespace: \"sometimes\" is none of \"always\", \"when-needed\", \"never\""],
        ),
        (
            "collision",
            portal("collision = 'last'"),
            &["3:13: collision: \"last\" is none of \"refuse\", \"first\""],
        ),
        ("page size", portal("page_size = 0"), &["3:13: page_size: 0 is not between 1 and 1000000"]),
        (
            "two portals of one id",
            format!("{}{}", portal("path = '/a'"), portal("path = '/b'")),
            &["8:6: portal id \"acme\" is there twice"],
        ),
        (
            "portals of one path",
            format!("{}{}", portal(""), portal("").replace("acme", "other")),
            &["8:6: portal \"other\" overlaps with portal \"acme\""],
        ),
        (
            "host against path",
            format!("{}{}", portal(""), portal("host = 'a'").replace("acme", "other")),
            &["8:6: portal \"other\" overlaps"],
        ),
        (
            "hosts but for case",
            format!("{}{}", portal("host = 'A'"), portal("host = 'a.'").replace("acme", "other")),
            &["8:6: portal \"other\" overlaps"],
        ),
        (
            "underscore",
            portal("").replace("github", "git_hub"),
            &["5:6: server id \"git_hub\": only letters, digits and '-' are allowed, because"],
        ),
        ("empty id", portal("").replace("github", ""), &["5:6: server id \"\": only"]),
        ("hyphen", portal("").replace("github", "-"), &["5:6: server id \"-\": starts or ends with '-'"]),
        (
            "two servers",
            server("[[portal.server]]\nid = 'GitHub'\nurl = 'http://a/'"),
            &["7:6: server id \"GitHub\" is there twice"],
        ),
        (
            "scheme",
            portal("").replace("http:", "ftp:"),
            &["6:7: url of 127.0.0.1: must start with http:// or https://"],
        ),
        (
            "password",
            portal("").replace("127", "u:s3cr3t@127"),
            &["6:7: url of 127.0.0.1: holds a user or password"],
        ),
        ("retries", server("retries = 11"), &["6:11: retries: 11 is not between 0 and 10"]),
        ("no calls", server("max_in_flight = 0"), &["6:17: max_in_flight: 0 is not between 1 and 1000000"]),
        (
            "circuit and off",
            server("circuit = { off = true, failures = 3 }"),
            &["6:36: circuit: this can never matter beside off = true"],
        ),
        (
            "certificates",
            server("root_certificates = 'nowhere.pem'"),
            &["6:21: root_certificates: cannot read \"nowhere.pem\""],
        ),
        (
            "no certificates",
            server("root_certificates = 'Cargo.toml'"),
            &["4:6: server \"github\": certificates"],
        ),
        (
            "no header",
            server("headers = { 'a b' = 'c' }"),
            &["6:13: headers: \"a b\" is not the name of a header"],
        ),
        (
            "of the protocol",
            server("headers = { Mcp-Method = 'c' }"),
            &["6:13: headers: \"Mcp-Method\" is set by the protocol"],
        ),
        ("a header twice", server("headers = { x-a = 'c', X-A = 'd' }"), &["is there twice"]),
        (
            "no variable",
            server("headers = { a = { env = 'NOPE' } }"),
            &["6:17: headers.a: the environment variable \"NOPE\" is not set"],
        ),
        (
            "no file",
            server("headers = { a = { file = 'nope' } }"),
            &["6:17: headers.a: cannot read the file \"nope\""],
        ),
        (
            "both",
            server("headers = { a = { env = 'TOKEN', file = 'b' } }"),
            &["6:17: headers.a: give either env or file"],
        ),
        ("neither", server("headers = { a = {} }"), &["6:17: headers.a: give either env or file"]),
        (
            "other",
            server("headers = { a = { vault = 'b' } }"),
            &["6:19: unknown field `vault`, expected `env` or `file`"],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, expected) in rows {
        let found = problems(text);
        let fits = |(found, expected): (&String, &&str)| found.contains(expected);
        if found.len() != expected.len() || !found.iter().zip(*expected).all(fits) {
            wrong.push(format!("{name}: {found:#?} instead of {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_error_repeats_a_secret() {
    for text in [
        top("sessions.keys = ['s3cr3t']"),
        top("sessions.keys = [53647]"),
        program("env = { A = \"s3cr3t\\u0000\" }"),
        server("headers = { authorization = 's3cr3t\u{7f}' }"),
        server("headers = { authorization = ' s3cr3t' }"),
        server("headers = { authorization = 53647 }"),
        server("headers = { authorization = [ 's3cr3t' ] }"),
        server("headers = { authorization = 's3cr3t }"),
        server("headers = { authorization = s3cr3t }"),
        server("[portal.server.headers]\nauthorization = 's3cr3t' s3cr3t"),
        portal("").replace("http://127", "http://s3cr3t@127"),
    ] {
        let error = check(&text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("53647"), "{shown}");
    }
    let config =
        check(&server("headers = { authorization = { env = 'TOKEN' }, x-plain = 's3cr3t' }")).unwrap();
    let Transport::Http(http) = &config.portals[0].servers[0].transport else { panic!("it has a URL") };
    assert_eq!(http.headers[0].value.expose(), "Bearer s3cr3t");
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

#[test]
fn the_least_that_works_has_safe_defaults() {
    let config = check(VALID).unwrap();
    assert_eq!(config.listen, ["127.0.0.1:8808"]);
    assert!(config.admin.is_empty());
    assert_eq!(config.limits, Limits::default());
    let portal = &config.portals[0];
    assert_eq!((portal.host.as_deref(), portal.path.as_deref()), (None, Some("/mcp")));
    assert_eq!((portal.namespace, portal.collision), (Namespace::Always, Collision::Refuse));
    assert!(!portal.hosts.any_host && !portal.hosts.any_origin);
}

#[test]
fn values_arrive() {
    let config = check(&format!(
        "limits = {{ max_body = '1MiB', keep_alive = '500ms' }}\n{}",
        server("total_timeout = 'unlimited'\nidle_timeout = '2m'\nretries = 0\ncircuit = { off = true }")
    ));
    let config = config.unwrap();
    assert_eq!((config.limits.max_body, config.limits.keep_alive), (1 << 20, Duration::from_millis(500)));
    let server = &config.portals[0].servers[0];
    let Transport::Http(http) = &server.transport else { panic!("it has a URL") };
    assert_eq!((server.total_timeout, http.retries), (Some(Bound::Unlimited), Some(0)));
    assert_eq!((http.idle_timeout, http.circuit), (Some(Duration::from_secs(120)), Circuit::Off));
}

#[test]
fn the_reference_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("portal.toml");
    let config = Config::load(&path).unwrap();
    assert_eq!(config.limits, Limits::default(), "the reference shows defaults");
}

/// The keys of the raw structs, told by the errors of the reader, are all in the reference and in the manual.
#[test]
fn the_reference_names_every_key() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(folder.join("portal.toml")).unwrap();
    let manual = std::fs::read_to_string(folder.join("../../docs/configuration.md")).unwrap();
    let mut count = 0;
    for text in [
        top("nope = 1"),
        top("admin = { nope = 1 }"),
        top("log = { nope = 1 }"),
        top("limits = { nope = 1 }"),
        top("sessions = { nope = 1 }"),
        top("network = { nope = 1 }"),
        top("[[issuer]]\nnope = 1"),
        top("[[issuer]]\nid = 'a'\n[[issuer.certificate]]\nnope = 1"),
        portal("nope = 1"),
        portal("authn = { nope = 1 }"),
        portal("authn = { resource = 'a', issuers = [], scopes = { nope = 1 } }"),
        portal("authn = { resource = 'a', issuers = [], require = { nope = 1 } }"),
        portal("authn = { resource = 'a', issuers = [], exchange = { nope = 1 } }"),
        server("credentials = { nope = 1 }"),
        server("nope = 1"),
        server("circuit = { nope = 1 }"),
        server("headers = { a = { nope = 1 } }"),
    ] {
        let message = problems(&text).remove(0);
        let (_, keys) = message.split_once("expected").unwrap();
        for key in keys.split('`').skip(1).step_by(2) {
            count += 1;
            let in_reference = match key {
                "portal" | "server" | "issuer" | "certificate" => reference.contains(&format!("{key}]]")),
                "admin" | "log" | "limits" | "circuit" | "headers" | "network" | "named" | "authn"
                | "require" | "exchange" | "credentials" => reference.contains(&format!("{key}]\n")),
                "env" | "file" => reference.contains(&format!("{{ {key} = ")),
                _ => reference.lines().any(|line| {
                    line.trim_start_matches("# ")
                        .strip_prefix(key)
                        .is_some_and(|rest| rest.starts_with(" = "))
                }),
            };
            assert!(in_reference, "portal.toml does not show {key:?}");
            assert!(manual.contains(&format!("`{key}`")), "docs/configuration.md does not explain {key:?}");
        }
    }
    assert!(count > 150, "only {count} keys were found");
}

#[test]
fn types_of_the_interface_can_be_shared() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Config>();
    assert_send_sync::<ConfigError>();
}
