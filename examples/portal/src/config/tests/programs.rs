//! Servers that are programs, and the sessions of clients that know them.

use super::*;

/// A server with a command instead of a URL; the first line is line 5, its lines begin in line 6.
pub(super) fn program(lines: &str) -> String {
    format!(
        "[[portal]]\nid = \"acme\"\n[[portal.server]]\nid = \"files\"\ncommand = [\"mcp-files\", \"-v\"]\n{lines}\n"
    )
}

#[test]
fn a_server_may_be_a_program() {
    let config = check(&program(
        "era = 'legacy'\nprocesses = 'shared'\nenv = { A = 'plain', T = { env = 'TOKEN' } }\ndirectory = 'src'\nmax_open_files = 64\ntotal_timeout = '1h'",
    ));
    let server = &config.unwrap().portals[0].servers[0];
    let Transport::Stdio(stdio) = &server.transport else { panic!("it has a command") };
    assert_eq!((stdio.program.as_str(), stdio.arguments.as_slice()), ("mcp-files", &["-v".to_owned()][..]));
    assert_eq!(server.total_timeout, Some(Bound::Within(Duration::from_secs(3600))));
    assert_eq!((server.era, stdio.processes), (Era::Legacy, Processes::Shared));
    assert_eq!(
        stdio.env.iter().map(|one| one.value.expose()).collect::<Vec<_>>(),
        ["plain", "Bearer s3cr3t"]
    );
    assert!(stdio.directory.as_ref().unwrap().ends_with("src"));
    assert_eq!(stdio.limits, ProcessLimits::new().open_files(64));
}

#[test]
fn a_programs_directory_is_found_from_the_file_however_that_was_named() {
    for folder in ["", ".", "src/.."] {
        let environment = Environment { folder: folder.into(), variable: |_| None };
        let config = check::check("portal.toml", &program("directory = 'src'"), &environment).unwrap();
        let Transport::Stdio(stdio) = &config.portals[0].servers[0].transport else {
            panic!("it has a command")
        };
        assert!(stdio.directory.as_ref().unwrap().is_absolute(), "{folder:?}");
    }
}

#[test]
fn sessions_arrive() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let config =
        check(&top(&format!("sessions = {{ keys = ['{key}'], lifetime = '90d', max_sessions = 7 }}")))
            .unwrap();
    assert_eq!((config.sessions.keys.len(), config.sessions.max_sessions), (1, Some(7)));
    assert_eq!(config.sessions.lifetime, Some(Duration::from_secs(90 * 86_400)));
    assert!(!format!("{config:?}").contains("AAEC"));
    assert_eq!(check(VALID).unwrap().sessions, Sessions::default());
}

#[test]
fn faults_of_programs_and_sessions_are_told_with_their_place() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let rows: &[(&str, String, &str)] = &[
        (
            "neither",
            program("").replace("command", "# "),
            "4:6: server \"files\" has neither a url nor a command",
        ),
        (
            "both",
            program("url = 'http://localhost/mcp'"),
            "5:11: command: a server has a url or a command, not both",
        ),
        (
            "no program",
            program("").replace("\"mcp-files\", \"-v\"", ""),
            "5:11: command: the program is missing",
        ),
        (
            "a relative program",
            program("").replace("mcp-files", "./server"),
            "4:6: server \"files\": program: is a relative path",
        ),
        (
            "a setting of HTTP",
            program("retries = 1"),
            "6:11: retries: has no meaning for a server with a command",
        ),
        (
            "sessions of a program",
            program("max_parked = 1"),
            "6:14: max_parked: has no meaning for a server with a command",
        ),
        (
            "a setting of programs",
            server("processes = 'shared'"),
            "6:13: processes: has no meaning for a server with a url",
        ),
        (
            "sse over stdio",
            program("era = 'sse'"),
            "6:7: era: \"sse\" is none of \"auto\", \"modern\", \"legacy\"",
        ),
        (
            "no such era",
            server("era = '2025'"),
            "6:7: era: \"2025\" is none of \"auto\", \"modern\", \"legacy\", \"sse\"",
        ),
        ("no such folder", program("directory = 'nowhere'"), "6:13: directory: \"nowhere\" is no folder"),
        (
            "no such variable",
            program("env = { A = { env = 'NOPE' } }"),
            "6:13: env.A: the environment variable \"NOPE\" is not set",
        ),
        ("no variable", program("env = { 'A=B' = 'x' }"), "6:9: env: \"A=B\" cannot be a variable"),
        (
            "moot",
            program("processes = 'shared'\nmax_processes = 2"),
            "7:17: max_processes: can never matter beside processes = \"shared\"",
        ),
        ("no key", top("sessions.keys = ['s3cr3t']"), "1:18: sessions.keys: a key must be 32 bytes"),
        ("an empty ring", top("sessions.keys = []"), "1:17: sessions.keys: there must be a key"),
        (
            "a key twice",
            top(&format!("sessions.keys = ['{key}', '{key}']")),
            "1:17: sessions.keys: a key is there twice",
        ),
        (
            "too short a life",
            top("sessions.lifetime = '1s'"),
            "1:21: sessions.lifetime: \"1s\" is not between 1m and 366d",
        ),
    ];
    for (name, text, expected) in rows {
        let problems = problems(text);
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{name}: {problems:?}");
    }
}
