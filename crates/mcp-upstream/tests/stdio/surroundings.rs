//! What a server finds around it.

use portcullis_core::{Secret, json};
use portcullis_mcp_upstream::{
    Era, ProcessLimits, Processes, StdioFuture, StdioUpstream, StdioUpstreamBuilder,
};

use crate::child::server;
use crate::support::*;

const ESSENTIAL: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

#[tokio::test]
async fn the_environment_holds_the_essentials_and_what_was_given() {
    // Cargo alone has set a dozen variables for this process.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for limits in [ProcessLimits::new(), ProcessLimits::new().open_files(100)] {
        let builder = server("modern").env("TOKEN", Secret::new("s3cr3t")).env("TZ", Secret::new("Mars"));
        let upstream = builder.limits(limits).build().unwrap();
        let environment = ask(&upstream, "environment").await;
        for variable in json::members(environment.as_bytes()) {
            let variable = variable.unwrap();
            let name = variable.key().decode();
            let value: String = json::from_slice(variable.value()).unwrap();
            match &*name {
                "CHILD" => assert_eq!(value, "modern"),
                "TOKEN" => assert_eq!(value, "s3cr3t"),
                "TZ" => assert_eq!(value, "Mars"),
                // What a shell says of what it starts.
                "_" | "PWD" => assert!(limits != ProcessLimits::new()),
                name => assert!(ESSENTIAL.contains(&name), "{name}"),
            }
        }
        assert!(environment.contains("s3cr3t") && environment.contains("Mars"));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn limits_hold_from_the_first_step() {
    let limits = ProcessLimits::new().open_files(123).cpu_seconds(77).address_space(8 << 30);
    let upstream = server("modern").limits(limits).build().unwrap();
    let said: String = json::from_slice(ask(&upstream, "limits").await.as_bytes()).unwrap();
    for (name, limit) in
        [("Max open files", "123"), ("Max cpu time", "77"), ("Max address space", "8589934592")]
    {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        let values: Vec<_> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, [limit, limit], "{line}");
    }
}

#[tokio::test]
async fn the_directory_is_the_one_that_was_given() {
    let upstream = server("modern").current_dir("/").build().unwrap();
    assert_eq!(ask(&upstream, "directory").await, r#""/""#);
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let idle = std::time::Duration::from_secs(60);
    let builder = || StdioUpstream::builder("server");
    for (flawed, part) in [
        (StdioUpstream::builder(""), "program: is empty"),
        (StdioUpstream::builder("bin/server"), "program: is a relative path"),
        (StdioUpstream::builder("a\0b"), "program: holds a NUL byte"),
        (builder().arg("a\0b"), "args: hold a NUL byte"),
        (builder().env("A=B", Secret::new("s3cr3t")), "env \"A=B\": is not a name"),
        (builder().env("A", Secret::new("s3cr3t\0")), "env A: holds a NUL byte"),
        (builder().current_dir("here"), "current_dir: is not an absolute path"),
        (builder().era(Era::Sse), "era: is one of HTTP"),
        (builder().max_message(0), "max_message: is zero"),
        (builder().stop_timeout(std::time::Duration::MAX), "stop_timeout: is no time, or more than a day"),
        (builder().limits(ProcessLimits::new().open_files(0)), "open_files: "),
        (builder().processes(Processes::PerPrincipal { most: 0, idle }), "processes: are none"),
    ] {
        let error = flawed.build().unwrap_err().to_string();
        assert!(error.starts_with(part) && !error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn public_types_can_be_shared_and_show_no_secret() {
    fn assert_send<T: Send>() {}
    fn assert_send_sync<T: Send + Sync + Clone>() {}
    assert_send_sync::<StdioUpstream>();
    assert_send_sync::<StdioUpstreamBuilder>();
    assert_send_sync::<Processes>();
    assert_send_sync::<ProcessLimits>();
    assert_send::<StdioFuture>();

    let builder = StdioUpstream::builder("server").arg("--key=s3cr3t").env("KEY", Secret::new("s3cr3t"));
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(shown.contains("KEY") && !shown.contains("s3cr3t"), "{shown}");
}
