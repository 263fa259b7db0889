use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::owner::{self, Owner as Leads};

const IDS: [&str; 3] = ["a", "b", "c"];

fn names_of(merged: &Merged) -> Vec<(usize, String)> {
    (0..merged.len())
        .map(|index| {
            let (server, item, prefixed) = merged.item(index).unwrap();
            let prefix = if prefixed { names::prefix(IDS[server]) } else { String::new() };
            (server, format!("{prefix}{}", item.key))
        })
        .collect()
}

fn parts(lists: &[Vec<String>]) -> Vec<Option<Arc<Catalogue>>> {
    let part = |keys: &Vec<String>| {
        let mut seen = HashSet::new();
        let keys: Vec<_> = keys.iter().map(String::as_str).filter(|key| seen.insert(*key)).collect();
        Some(Arc::new(Catalogue::of_keys(Kind::Tools, &keys)))
    };
    lists.iter().map(part).collect()
}

/// Where a call of a name goes, as `resolve` finds it.
fn call(rules: Rules, parts: &[Option<Arc<Catalogue>>], name: &str) -> Option<(usize, String)> {
    if rules.namespace != Namespace::Never
        && let Some((id, bare)) = names::split(name)
        && let Some(server) = IDS.iter().position(|one| *one == id)
    {
        return Some((server, bare.to_owned()));
    }
    match owner::of(Kind::Tools, rules, parts, name) {
        Leads::Server(server) => Some((server, name.to_owned())),
        Leads::Ambiguous(_) | Leads::Nobody => None,
    }
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let namespace = prop_oneof![Just(Namespace::Always), Just(Namespace::WhenNeeded), Just(Namespace::Never)];
    let collision = prop_oneof![Just(Collision::Refuse), Just(Collision::First)];
    (namespace, collision).prop_map(|(namespace, collision)| Rules { namespace, collision })
}

proptest! {
    /// Whatever the servers list: no name is shown twice, and a call of it meets the tool that was shown.
    #[test]
    fn a_name_that_is_shown_leads_to_its_tool(
        rules in any_rules(),
        lists in prop::collection::vec(prop::collection::vec("[abcx_]{1,4}", 0..6), 3),
    ) {
        let parts = parts(&lists);
        let merged = Merged::new(Kind::Tools, rules, &IDS, parts.clone());
        let shown = names_of(&merged);
        let distinct: HashSet<_> = shown.iter().map(|(_, name)| name).collect();
        prop_assert_eq!(distinct.len(), shown.len());
        for (index, (server, name)) in shown.iter().enumerate() {
            let key = merged.item(index).unwrap().1.key.to_string();
            prop_assert_eq!(call(rules, &parts, name), Some((*server, key)), "{}", name);
        }
        // Only a name without a prefix can be in anybody's way.
        if rules.namespace != Namespace::Never {
            let all: usize = parts.iter().flatten().map(|part| part.items().len()).sum();
            prop_assert_eq!(shown.len(), all);
        }
    }

    #[test]
    fn every_page_begins_where_the_last_one_ended(
        lists in prop::collection::vec(prop::collection::vec("[a-d]{1,2}", 0..6), 3),
    ) {
        let rules = Rules { namespace: Namespace::Always, collision: Collision::Refuse };
        let merged = Merged::new(Kind::Tools, rules, &IDS, parts(&lists));
        for index in 0..merged.len() {
            let position = merged.position(index, &IDS).unwrap();
            prop_assert_eq!(merged.after(position, &IDS), Some(index + 1));
        }
    }

    #[test]
    fn a_coarse_time_is_less_by_an_eighth_at_most(exact in 0_u64..1 << 40) {
        let coarse = coarse(Duration::from_millis(exact));
        prop_assert!(coarse <= exact && exact - coarse <= exact / 8);
    }
}

#[test]
fn few_coarse_times_make_up_an_hour() {
    let times: HashSet<_> = (0..3_600_000).map(|ms| coarse(Duration::from_millis(ms))).collect();
    assert!(times.len() < 170, "{}", times.len());
}

#[test]
fn uris_are_never_prefixed() {
    for namespace in [Namespace::Always, Namespace::WhenNeeded, Namespace::Never] {
        let rules = Rules { namespace, collision: Collision::Refuse };
        let part = |keys: &[&str]| Some(Arc::new(Catalogue::of_keys(Kind::Resources, keys)));
        let parts = vec![part(&["x://1", "a_x://1"]), part(&["x://1", "x://2"])];
        let merged = Merged::new(Kind::Resources, rules, &IDS, parts);
        let shown: Vec<_> = names_of(&merged).into_iter().map(|(_, name)| name).collect();
        assert_eq!(shown, ["x://1", "a_x://1", "x://2"]);
        assert_eq!(merged.collisions().len(), 1);
    }
}
