use super::*;

#[test]
fn a_known_version_is_echoed_and_everything_else_gets_the_newest() {
    for (requested, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        ("", "2025-11-25"),
        (" 2025-03-26", "2025-11-25"),
    ] {
        assert_eq!(Version::negotiate(requested).as_str(), given, "{requested:?}");
    }
}

#[test]
fn each_version_has_what_its_page_says() {
    let facts = Version::ALL.map(|version| {
        let flags = [
            version.takes_batches(),
            version.has_completions(),
            version.has_elicitation(),
            version.has_elicitation_by_url(),
            version.has_tasks(),
            version.primes_streams(),
        ];
        (version.to_string(), flags.map(u8::from))
    });
    let wanted = [
        ("2024-11-05".to_owned(), [1, 0, 0, 0, 0, 0]),
        ("2025-03-26".to_owned(), [1, 1, 0, 0, 0, 0]),
        ("2025-06-18".to_owned(), [0, 1, 1, 0, 0, 0]),
        ("2025-11-25".to_owned(), [0, 1, 1, 1, 1, 1]),
    ];
    assert_eq!(facts, wanted);
}
