#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use proptest::prelude::*;

use super::*;

fn peer(address: &str) -> Peer {
    Peer { address: format!("{address}:4711").parse().unwrap() }
}

fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn networks() -> Networks {
    Networks::new()
        .trusted_proxy("10.0.0.0/8")
        .unwrap()
        .trusted_proxy("2001:db8:ffff::/48")
        .unwrap()
        .named("office", ["192.0.2.0/24", "2001:db8::/32"])
        .unwrap()
        .named("lab", ["192.0.2.128/25"])
        .unwrap()
        .named("proxies", ["10.0.0.0/8"])
        .unwrap()
        .max_hops(3)
        .unwrap()
}

/// Rows of name, peer, header lines, address, network; an empty text is "unknown".
type Row = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str);

fn check(networks: &Networks, rows: &[Row]) {
    for (name, from, lines, address, network) in rows {
        let source = networks.source(Some(&peer(from)), &headers(networks.header.name(), lines));
        let expected = (!address.is_empty()).then(|| address.parse::<IpAddr>().unwrap());
        assert_eq!(source.address, expected, "{name}");
        let found = source.network.and_then(|network| networks.name(network));
        assert_eq!(found.unwrap_or_default(), *network, "{name}");
    }
}

#[test]
fn x_forwarded_for_counts_as_far_as_its_writers_are_trusted() {
    check(
        &networks(),
        &[
            ("a direct client", "192.0.2.9", &[], "192.0.2.9", "office"),
            ("the smaller of two networks", "192.0.2.200", &[], "192.0.2.200", "lab"),
            ("a client without a network", "203.0.113.9", &[], "203.0.113.9", ""),
            ("an IPv6 client", "[2001:db8::9]", &[], "2001:db8::9", "office"),
            ("IPv4 written as IPv6", "[::ffff:192.0.2.9]", &[], "192.0.2.9", "office"),
            ("a trusted peer written as IPv6", "[::ffff:10.0.0.1]", &["192.0.2.9"], "192.0.2.9", "office"),
            ("forged by an untrusted peer", "203.0.113.9", &["192.0.2.9"], "203.0.113.9", ""),
            ("one proxy", "10.0.0.1", &["203.0.113.9"], "203.0.113.9", ""),
            ("an IPv6 proxy", "[2001:db8:ffff::1]", &["192.0.2.9"], "192.0.2.9", "office"),
            (
                "forged in front of the proxy's element",
                "10.0.0.1",
                &["192.0.2.9, 203.0.113.9"],
                "203.0.113.9",
                "",
            ),
            ("forged in a line of its own", "10.0.0.1", &["192.0.2.9", "203.0.113.9"], "203.0.113.9", ""),
            ("two proxies", "10.0.0.1", &["192.0.2.9, 10.0.0.2"], "192.0.2.9", "office"),
            ("two proxies, a line each", "10.0.0.1", &["192.0.2.9", "10.0.0.2"], "192.0.2.9", "office"),
            (
                "a forged proxy behind a stranger",
                "10.0.0.1",
                &["192.0.2.9, 10.0.0.2, 203.0.113.9"],
                "203.0.113.9",
                "",
            ),
            ("a proxy that asks itself", "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3", "proxies"),
            (
                "as many hops as allowed",
                "10.0.0.1",
                &["192.0.2.9, 10.0.0.3, 10.0.0.2"],
                "192.0.2.9",
                "office",
            ),
            ("a hop too many", "10.0.0.1", &["192.0.2.9, 10.0.0.4, 10.0.0.3, 10.0.0.2"], "", ""),
            ("a trusted proxy that says nothing", "10.0.0.1", &[], "", ""),
            ("an empty header", "10.0.0.1", &[""], "", ""),
            ("an empty element", "10.0.0.1", &["192.0.2.9,"], "", ""),
            ("garbage", "10.0.0.1", &["office"], "", ""),
            ("garbage behind a proxy", "10.0.0.1", &["192.0.2.9, <script>, 10.0.0.2"], "", ""),
            ("garbage left of the client", "10.0.0.1", &["\u{ff}\u{0430}, 192.0.2.9"], "192.0.2.9", "office"),
            ("unknown", "10.0.0.1", &["192.0.2.9, unknown"], "", ""),
            ("no digits of ours", "10.0.0.1", &["192.0.2.٩"], "", ""),
            ("leading zeros", "10.0.0.1", &["192.0.02.9"], "", ""),
            ("a zone", "10.0.0.1", &["fe80::1%eth0"], "", ""),
            ("a network", "10.0.0.1", &["192.0.2.0/24"], "", ""),
            ("with a port", "10.0.0.1", &["192.0.2.9:443"], "192.0.2.9", "office"),
            ("with too large a port", "10.0.0.1", &["192.0.2.9:70000"], "", ""),
            ("with an empty port", "10.0.0.1", &["192.0.2.9:"], "", ""),
            ("IPv6", "10.0.0.1", &["2001:db8::9"], "2001:db8::9", "office"),
            ("IPv6 in brackets", "10.0.0.1", &["[2001:db8::9]"], "2001:db8::9", "office"),
            ("IPv6 with a port", "10.0.0.1", &["[2001:db8::9]:443"], "2001:db8::9", "office"),
            ("IPv4 as IPv6 in the header", "10.0.0.1", &["::ffff:192.0.2.9"], "192.0.2.9", "office"),
            (
                "a proxy as IPv6 in the header",
                "10.0.0.1",
                &["203.0.113.9, ::ffff:10.0.0.2"],
                "203.0.113.9",
                "",
            ),
        ],
    );
}

#[test]
fn forwarded_is_read_strictly() {
    check(
        &networks().forwarded_header(ForwardedHeader::Forwarded),
        &[
            ("forged by an untrusted peer", "203.0.113.9", &["for=192.0.2.9"], "203.0.113.9", ""),
            ("plain", "10.0.0.1", &["for=192.0.2.9"], "192.0.2.9", "office"),
            ("any case", "10.0.0.1", &["FOR=192.0.2.9"], "192.0.2.9", "office"),
            (
                "others around it",
                "10.0.0.1",
                &["proto=https; for=192.0.2.9 ;by=_edge"],
                "192.0.2.9",
                "office",
            ),
            ("quoted", "10.0.0.1", &["for=\"192.0.2.9:4711\""], "192.0.2.9", "office"),
            ("an obfuscated port", "10.0.0.1", &["for=\"192.0.2.9:_x-1\""], "192.0.2.9", "office"),
            ("an empty obfuscated port", "10.0.0.1", &["for=\"192.0.2.9:_\""], "", ""),
            ("IPv6", "10.0.0.1", &["for=\"[2001:db8::9]\""], "2001:db8::9", "office"),
            ("IPv6 and port", "10.0.0.1", &["for=\"[2001:db8::9]:47011\""], "2001:db8::9", "office"),
            ("IPv4 in brackets", "10.0.0.1", &["for=\"[192.0.2.9]\""], "", ""),
            ("two proxies", "10.0.0.1", &["for=192.0.2.9, for=10.0.0.2"], "192.0.2.9", "office"),
            ("two lines", "10.0.0.1", &["for=192.0.2.9", "for=10.0.0.2"], "192.0.2.9", "office"),
            ("forged first", "10.0.0.1", &["for=192.0.2.9, for=203.0.113.9"], "203.0.113.9", ""),
            ("an open quote first", "10.0.0.1", &["for=\"192.0.2.9, for=203.0.113.9"], "203.0.113.9", ""),
            ("unknown", "10.0.0.1", &["for=unknown"], "", ""),
            ("obfuscated", "10.0.0.1", &["for=_hidden"], "", ""),
            ("a socket", "10.0.0.1", &["for=unix:/run/app.sock"], "", ""),
            ("a quoted socket", "10.0.0.1", &["for=\"unix:\""], "", ""),
            ("without for", "10.0.0.1", &["proto=https;by=10.0.0.2"], "", ""),
            ("for twice", "10.0.0.1", &["for=203.0.113.9;for=192.0.2.9"], "", ""),
            ("no pair", "10.0.0.1", &["192.0.2.9"], "", ""),
            ("empty", "10.0.0.1", &[""], "", ""),
            ("an escape", "10.0.0.1", &["for=\"192.0.2.\\9\""], "", ""),
            ("text after the quote", "10.0.0.1", &["for=\"192.0.2.9\"x"], "", ""),
            ("a comma in the host", "10.0.0.1", &["for=203.0.113.9;host=\"a, for=192.0.2.9\""], "", ""),
            (
                "an element placed into the host",
                "10.0.0.1",
                &["for=203.0.113.9;host=\"a, for=192.0.2.9;x=\\\"\""],
                "",
                "",
            ),
            (
                "an element placed between two strings",
                "10.0.0.1",
                &["for=203.0.113.9;host=\"a, for=192.0.2.9\";by=\"x\""],
                "",
                "",
            ),
            (
                "an escaped quote in the host",
                "10.0.0.1",
                &["for=192.0.2.9;host=\"a\\\"b\""],
                "192.0.2.9",
                "office",
            ),
        ],
    );
}

#[test]
fn the_header_of_the_other_kind_is_ignored() {
    let source = networks().source(Some(&peer("10.0.0.1")), &headers("forwarded", &["for=192.0.2.9"]));
    assert_eq!(source, Source::default());
    let mut both = headers("forwarded", &["for=192.0.2.9"]);
    both.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    let source = networks().source(Some(&peer("10.0.0.1")), &both);
    assert_eq!(source.address, Some("203.0.113.9".parse().unwrap()));
}

#[test]
fn nothing_is_known_without_a_peer() {
    let networks = networks();
    assert_eq!(networks.source(None, &headers("x-forwarded-for", &["192.0.2.9"])), Source::default());
    assert!(!networks.is_trusted(None));
    assert!(networks.is_trusted(Some(&peer("[::ffff:10.0.0.1]"))));
    assert!(!networks.is_trusted(Some(&peer("11.0.0.1"))));
    assert!(!Networks::new().is_trusted(Some(&peer("127.0.0.1"))));
}

#[test]
fn mistakes_name_the_input() {
    let new = Networks::new;
    for (result, said) in [
        (new().trusted_proxy("10.0.0.0/33"), "\"10.0.0.0/33\" is no network"),
        (new().trusted_proxy(""), "\"\" is no network"),
        (new().trusted_proxy("localhost"), "\"localhost\" is no network"),
        (new().trusted_proxy("10.0.0.1/8"), "write 10.0.0.0/8"),
        (new().trusted_proxy("0.0.0.0/0"), "everybody"),
        (new().trusted_proxy("::/0"), "everybody"),
        (new().trusted_proxy("::ffff:0:0/96"), "everybody"),
        (new().trusted_proxy("10.0.0.1").unwrap().trusted_proxy("::ffff:10.0.0.1"), "already"),
        (new().named("", ["10.0.0.0/8"]), "empty"),
        (new().named("office", []), "\"office\" has no addresses"),
        (new().named("office", ["10.0.0.0/8", "x"]), "\"x\" is no network"),
        (new().named("a", ["10.0.0.0/8"]).unwrap().named("b", ["10.0.0.0/8"]), "belongs to \"a\" already"),
        (new().named("a", ["10.0.0.0/8", "::ffff:10.0.0.0/104"]), "belongs to \"a\" already"),
        (new().max_hops(0), "at least 1"),
    ] {
        let error = result.expect_err(said).to_string();
        assert!(error.contains(said), "{error:?} lacks {said:?}");
    }
    assert_eq!(new().max_hops(0).unwrap_err().input(), "0");
}

#[test]
fn names_are_known() {
    assert!(networks().knows("lab") && !networks().knows("Lab"));
    assert!(networks().trusts_anybody() && !Networks::new().trusts_anybody());
    assert_eq!(networks().name(3), None);
    // Networks of one name may come in several steps.
    let more = networks().named("lab", ["198.51.100.0/24"]).unwrap();
    let source = more.source(Some(&peer("198.51.100.1")), &HeaderMap::new());
    assert_eq!(source.network.and_then(|network| more.name(network)), Some("lab"));
}

#[test]
fn values_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Networks>();
    assert_send_sync::<NetworksError>();
    assert_send_sync::<Source>();
    assert_send_sync::<ForwardedHeader>();
}

proptest! {
    #[test]
    fn what_a_client_sends_changes_nothing(
        forged in proptest::collection::vec("[ -~\t]{0,40}", 0..4),
        quoted in any::<bool>(),
    ) {
        let header = if quoted { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
        let own = if quoted { "for=203.0.113.9" } else { "203.0.113.9" };
        let networks = networks().forwarded_header(header);
        let expected = Some("203.0.113.9".parse().unwrap());
        // A proxy appends a line, or to the last line.
        let mut lines: Vec<&str> = forged.iter().map(String::as_str).collect();
        lines.push(own);
        let source = networks.source(Some(&peer("10.0.0.1")), &headers(header.name(), &lines));
        prop_assert_eq!(source.address, expected);
        let joined = lines.join(", ");
        let source = networks.source(Some(&peer("10.0.0.1")), &headers(header.name(), &[&joined]));
        prop_assert_eq!(source.address, expected);
    }
}
