use super::*;

fn parts(kind: Kind, lists: &[&[&str]]) -> Vec<Option<Arc<Catalogue>>> {
    lists.iter().map(|keys| Some(Arc::new(Catalogue::of_keys(kind, keys)))).collect()
}

fn rules(namespace: Namespace, collision: Collision) -> Rules {
    Rules { namespace, collision }
}

#[test]
fn a_name_belongs_to_whoever_lists_it() {
    use Collision::{First, Refuse};
    use Namespace::{Never, WhenNeeded};
    let tools = parts(Kind::Tools, &[&["x", "both"], &["y", "both"], &["both"]]);
    let table = [
        (rules(Never, Refuse), "x", Owner::Server(0)),
        (rules(Never, Refuse), "y", Owner::Server(1)),
        (rules(Never, Refuse), "z", Owner::Nobody),
        (rules(Never, Refuse), "both", Owner::Ambiguous(vec![0, 1, 2])),
        (rules(Never, First), "both", Owner::Server(0)),
        (rules(WhenNeeded, First), "both", Owner::Ambiguous(vec![0, 1, 2])),
    ];
    for (rules, name, expected) in table {
        assert_eq!(of(Kind::Tools, rules, &tools, name), expected, "{name} {rules:?}");
    }
}

#[test]
fn the_first_owner_of_a_uri_has_it() {
    let resources = parts(Kind::Resources, &[&[], &["x://1"], &["x://1"]]);
    let rules = rules(Namespace::Always, Collision::Refuse);
    assert_eq!(of(Kind::Resources, rules, &resources, "x://1"), Owner::Server(1));
}

#[test]
fn an_exact_template_comes_before_a_loose_one() {
    let templates = parts(Kind::Templates, &[&["f:///{path}"], &["f:///{a}/{b}"], &["f:///{a}/{b}"]]);
    assert_eq!(by_template(&templates, "f:///1"), Some(0));
    assert_eq!(by_template(&templates, "f:///1/2"), Some(1));
    assert_eq!(by_template(&templates, "f:///1/2/3"), Some(0));
    assert_eq!(by_template(&templates, "g:///1"), None);
}

#[test]
fn a_server_that_is_missing_owns_nothing() {
    let rules = rules(Namespace::Never, Collision::Refuse);
    assert_eq!(of(Kind::Tools, rules, &[None, None], "x"), Owner::Nobody);
    assert_eq!(by_template(&[None], "x"), None);
}
