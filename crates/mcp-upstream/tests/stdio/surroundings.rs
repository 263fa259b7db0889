//! What a server finds around it.

use portcullis_core::{Secret, json};
use portcullis_mcp_upstream::ProcessLimits;

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
