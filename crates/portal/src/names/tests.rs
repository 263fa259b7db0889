use super::*;

#[test]
fn the_first_underscore_splits() {
    let table = [
        ("github_search", Some(("github", "search"))),
        ("github_search_code", Some(("github", "search_code"))),
        ("github__search", Some(("github", "_search"))),
        ("a_größe", Some(("a", "größe"))),
        ("search", None),
        ("_search", None),
        ("github_", None),
        ("_", None),
        ("", None),
    ];
    for (name, expected) in table {
        assert_eq!(split(name), expected, "{name}");
    }
}

#[test]
fn a_prefixed_name_splits_back() {
    for name in ["search", "search_code", "_", "größe", "a b"] {
        let whole = format!("{}{name}", prefix("git-hub"));
        assert_eq!(split(&whole), Some(("git-hub", name)));
    }
}

#[test]
fn an_id_must_fit_into_names_and_headers() {
    for id in ["a", "github", "GitHub-2", "0", "a--b"] {
        assert_eq!(check_id(id), Ok(()), "{id}");
    }
    let long = "a".repeat(65);
    for id in ["", "git_hub", "-a", "a-", "a b", "a.b", "a/b", "größe", "a\r\nb", "a\0", &long] {
        let error = check_id(id).unwrap_err();
        assert!(matches!(&error, BuildError::ServerId { id: named, .. } if named == id), "{error}");
    }
}
