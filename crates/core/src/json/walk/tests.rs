use super::*;

fn strings(walker: Result<Walker<'_>, Error>) -> Result<Vec<(String, String, bool)>, Error> {
    let mut walker = walker?;
    let mut all = Vec::new();
    while let Some(found) = walker.next()? {
        all.push((found.path().to_string(), found.decode().into_owned(), found.is_key()));
    }
    Ok(all)
}

#[test]
fn gives_values_with_their_paths() {
    let doc = br#"{"a":["x",1,["y",{"b":"z"}],{},[],"\u0041"],"c/~d":"e","":{"":"f"}}"#;
    let found = strings(Walker::new(doc)).unwrap();
    let found: Vec<_> = found.iter().map(|(path, text, _)| (path.as_str(), text.as_str())).collect();
    assert_eq!(
        found,
        [("/a/0", "x"), ("/a/2/0", "y"), ("/a/2/1/b", "z"), ("/a/5", "A"), ("/c~1~0d", "e"), ("//", "f")]
    );
}

#[test]
fn gives_keys_when_asked() {
    let found = strings(Walker::new(br#"{"a":[{"b":1}],"c":"d"}"#).map(Walker::with_keys)).unwrap();
    let found: Vec<_> = found.iter().map(|(path, text, key)| (path.as_str(), text.as_str(), *key)).collect();
    assert_eq!(found, [("/a", "a", true), ("/a/0/b", "b", true), ("/c", "c", true), ("/c", "d", false)]);
}

#[test]
fn a_lone_string_has_the_empty_path() {
    let found = strings(Walker::new(b"\"x\"")).unwrap();
    assert_eq!(found, [(String::new(), "x".to_owned(), false)]);
    assert_eq!(strings(Walker::new(b"1")).unwrap(), []);
}

#[test]
fn a_part_keeps_the_ranges_of_the_whole() {
    let doc = br#"{"id":"1","params":{"name":"n"}}"#;
    let mut walker = Walker::within(doc, 19..31).unwrap();
    let found = walker.next().unwrap().unwrap();
    assert_eq!(&doc[found.range()], b"n");
    assert_eq!(found.path().to_string(), "/name");
    assert!(walker.next().unwrap().is_none());
}

#[test]
fn refuses_what_the_reader_refuses() {
    for doc in [&br#"{"a":"x","a":"y"}"#[..], br#"["x"]]"#, br#"["x",]"#, b"[\"x\xFF\"]"] {
        assert!(strings(Walker::new(doc)).is_err());
    }
}

#[test]
fn patterns_match_whole_paths() {
    let mut walker = Walker::new(br#"{"a":[{"\u0062":"x"}]}"#).unwrap();
    let found = walker.next().unwrap().unwrap();
    for (pattern, matches) in [
        (&["a", "*", "b"][..], true),
        (&["*", "*", "*"], true),
        (&["a", "0", "b"], false),
        (&["a", "*"], false),
        (&["a", "*", "b", "*"], false),
        (&["a", "*", "c"], false),
        (&[], false),
    ] {
        assert_eq!(found.path().matches(pattern), matches, "{pattern:?}");
    }
}
