//! The program against what needs no portal: the upstream and the minimal proxy.

use std::io;
use std::process::{Command, Output};

fn load(arguments: &[&str]) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_load")).args(arguments).output()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_scenario_is_answered_in_full_through_the_proxy() {
    let json = std::env::temp_dir().join(format!("load-smoke-{}.json", std::process::id()));
    let scenarios = "json-1k,json-100k,json-1m,sse-1k,sse-100k,sse-1m,sse-paced-1k";
    let output = load(&[
        "--targets=direct,proxy",
        "--scenarios",
        scenarios,
        "--connections=3",
        "--seconds=0.3",
        "--rounds=1",
        "--json",
        json.to_str().unwrap(),
    ])
    .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(json).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * scenarios.split(',').count());
    for row in rows.iter().filter(|row| row["target"] == "proxy") {
        assert_eq!(row["ratios"]["per_second"], 1.0, "{row}");
        assert!(row["per_second"].as_f64().unwrap() > 0.0 && row["rss_kib"].as_u64().unwrap() > 0, "{row}");
    }
}

#[test]
fn a_check_without_a_portal_fails() {
    let arguments =
        ["--targets=proxy", "--scenarios=json-1k", "--connections=1", "--seconds=0.1", "--rounds=1"];
    assert!(load(&arguments).unwrap().status.success());
    assert_eq!(load(&[&arguments[..], &["--check"]].concat()).unwrap().status.code(), Some(1));
}

#[test]
fn a_gateway_that_does_not_work_is_named() {
    for arguments in
        [["--portal", "/nonexistent {listen}"], ["--portal", "false"], ["--peer", "odd=false {upstream}"]]
    {
        let output = load(&[&["--targets=portal"], &arguments[..]].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

#[test]
fn idle_streams_are_held_and_counted() {
    let output = load(&["idle", "--targets=proxy", "--streams=100"]).unwrap();
    assert!(output.status.success() && text(&output).contains("100"), "{}", text(&output));
}

#[test]
fn a_soak_cancels_upstream_and_gets_its_refusals() {
    let output = load(&["soak", "--targets=proxy", "--seconds=2", "--max-growth=1000"]).unwrap();
    assert!(text(&output).contains(" 0 left waiting upstream"), "{}", text(&output));
}
