use super::*;

#[test]
fn templates_match_what_they_make() {
    use Match::{Exact, Loose};
    let table = [
        ("file:///{path}", "file:///a", Exact, true),
        ("file:///{path}", "file:///a/b", Exact, false),
        ("file:///{path}", "file:///a/b", Loose, true),
        ("file:///{path}", "file:///", Loose, false),
        ("file:///{+path}", "file:///a/b?c#d", Exact, true),
        ("test://item/{id}/data", "test://item/1/data", Exact, true),
        ("test://item/{id}/data", "test://item/1/2/data", Exact, false),
        ("test://item/{id}/data", "test://item//data", Exact, false),
        ("test://item/{id}/data", "test://item/1/dat", Exact, false),
        ("test://item/{id}/data", "test://item/1/data/", Exact, false),
        ("a://x{/seg}", "a://x/1", Exact, true),
        ("a://x{/seg*}", "a://x/1/2", Exact, true),
        ("a://x{/seg}", "a://x", Exact, true),
        ("a://x{?q,r}", "a://x?q=1&r=2", Exact, true),
        ("a://x{?q}", "a://x", Exact, true),
        ("a://x{?q}", "a://x#q", Exact, false),
        ("a://x{#f}", "a://x#q/r", Exact, true),
        ("a://{x}{y}", "a://12", Exact, true),
        ("a://{x}{y}", "a://1", Exact, false),
        ("a://{x}-{y}", "a://1-2-3", Exact, true),
        ("plain://uri", "plain://uri", Exact, true),
        ("plain://uri", "plain://uris", Exact, false),
        ("", "", Exact, true),
        ("{x}", "größe", Exact, true),
    ];
    for (template, uri, how, expected) in table {
        let parsed = Template::parse(template).unwrap();
        assert_eq!(parsed.matches(uri, how), expected, "{template} {uri} {how:?}");
    }
}

#[test]
fn what_is_no_template_is_not_matched() {
    for text in ["{", "}", "{}", "a{b", "a}b", "{=x}", "{a{b}", &"x".repeat(2_000)] {
        assert!(Template::parse(text).is_none(), "{text}");
    }
}

#[test]
fn tricks_do_not_cost_more_than_the_limit() {
    let template = Template::parse(&"{+a}a".repeat(200)).unwrap();
    let uri = "a".repeat(1 << 20);
    let begun = std::time::Instant::now();
    assert!(!template.matches(&uri, Match::Loose));
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
}
