use super::*;

fn sample(per_second: f64, p99_us: f64, gateway_us: f64) -> Sample {
    Sample {
        per_second,
        p50_us: p99_us / 2.0,
        p99_us,
        gateway_us,
        upstream_us: 1.0,
        generator_us: 1.0,
        rss_kib: 1024,
    }
}

fn comparison(scenario: Scenario, connections: u32, targets: &[(&str, Vec<Sample>)]) -> Comparison {
    let samples = targets.iter().map(|(_, samples)| samples.clone()).collect();
    let targets = targets.iter().map(|(name, _)| (*name).to_owned()).collect();
    Comparison { targets, cells: vec![Cell { scenario, connections, samples }] }
}

#[test]
fn the_median_is_the_one_in_the_middle() {
    for (values, middle) in
        [(vec![], 0.0), (vec![7.0], 7.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 9.0], 3.0)]
    {
        assert_eq!(median(values.iter().copied()), middle, "{values:?}");
    }
}

#[test]
fn ratios_are_taken_within_each_round() {
    // The machine was slow in the second round and slower in the third; the ratio stayed.
    let proxy = vec![sample(100.0, 10.0, 20.0), sample(50.0, 20.0, 20.0), sample(10.0, 99.0, 20.0)];
    let portal = vec![sample(80.0, 12.0, 30.0), sample(40.0, 24.0, 30.0), sample(1.0, 990.0, 30.0)];
    let report = Report::new(&comparison(Scenario::Json1k, 32, &[("proxy", proxy), ("portal", portal)]));
    let ratios = report.rows[1].ratios.unwrap();
    assert_eq!((ratios.per_second, ratios.p99, ratios.gateway_cpu), (0.8, 1.2, 1.5));
    assert!(report.passed(), "{report}");
}

#[test]
fn each_requirement_can_be_missed() {
    let proxy = sample(100.0, 10.0, 20.0);
    for (scenario, portal, peer_us, missed) in [
        (Scenario::Json1k, sample(69.0, 10.0, 30.0), 100.0, "throughput"),
        (Scenario::Json100k, sample(79.0, 10.0, 30.0), 100.0, "throughput"),
        (Scenario::Json1m, sample(89.0, 10.0, 30.0), 100.0, "throughput"),
        (Scenario::Sse1k, sample(199.0, 10.0, 30.0), 100.0, "throughput"),
        (Scenario::Json1k, sample(100.0, 16.0, 30.0), 100.0, "p99"),
        (Scenario::Json1k, sample(100.0, 10.0, 41.0), 200.0, "CPU us"),
        (Scenario::Json1k, sample(100.0, 10.0, 30.0), 60.0, "CPU to mcp-proxy"),
    ] {
        let peer = sample(1.0, 1.0, peer_us);
        let targets = [("proxy", vec![proxy.clone()]), ("portal", vec![portal]), ("mcp-proxy", vec![peer])];
        let report = Report::new(&comparison(scenario, 256, &targets));
        let all: Vec<_> = report.requirements.iter().filter(|found| !found.met).collect();
        assert!(all.len() == 1 && all[0].what.contains(missed), "{missed}: {all:?}");
        assert!(!report.passed());
    }
}

#[test]
fn nothing_judged_is_not_a_pass() {
    let proxy = ("proxy", vec![sample(100.0, 10.0, 20.0)]);
    let portal = ("portal", vec![sample(1.0, 10.0, 20.0)]);
    for comparison in [
        comparison(Scenario::Json1k, 32, std::slice::from_ref(&proxy)),
        comparison(Scenario::Json1k, 32, std::slice::from_ref(&portal)),
        comparison(Scenario::Json1k, 1, &[proxy.clone(), portal.clone()]),
        comparison(Scenario::Sse1m, 32, &[proxy.clone(), portal]),
    ] {
        assert!(!Report::new(&comparison).passed(), "{comparison:?}");
    }
}

#[test]
fn a_peer_that_failed_has_no_row_and_no_say() {
    let good = sample(100.0, 10.0, 20.0);
    let targets = [("proxy", vec![good.clone()]), ("portal", vec![good]), ("mcp-proxy", Vec::new())];
    let report = Report::new(&comparison(Scenario::Json1k, 32, &targets));
    assert_eq!(report.rows.len(), 2);
    assert!(report.passed(), "{report}");
}
