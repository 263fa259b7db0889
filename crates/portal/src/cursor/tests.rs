use proptest::prelude::*;

use super::*;

const POSITION: Position = Position { server: 1, key: u64::MAX, offset: 7 };

#[test]
fn what_is_not_a_cursor_of_this_list_is_refused() {
    let cursor = encode("acme", Kind::Tools, POSITION);
    assert_eq!(decode("acme", Kind::Tools, &cursor), Some(POSITION));

    assert_eq!(decode("acme", Kind::Prompts, &cursor), None);
    assert_eq!(decode("other", Kind::Tools, &cursor), None);
    for garbage in
        ["", "1", "eyJwYWdlIjogM30=", &cursor[1..], &format!("{cursor}A"), &"A".repeat(40), "=", "größe"]
    {
        assert_eq!(decode("acme", Kind::Tools, garbage), None, "{garbage}");
    }
}

#[test]
fn a_cursor_with_one_letter_changed_is_refused() {
    let cursor = encode("acme", Kind::Tools, POSITION);
    for at in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(decode("acme", Kind::Tools, &changed), None, "{changed}");
    }
}

proptest! {
    #[test]
    fn a_cursor_reads_as_it_was_written(server: u64, key: u64, offset: u32, portal: String) {
        let position = Position { server, key, offset };
        let cursor = encode(&portal, Kind::Resources, position);
        prop_assert_eq!(decode(&portal, Kind::Resources, &cursor), Some(position));
        prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    }

    #[test]
    fn no_text_breaks_the_reader(text: String) {
        prop_assert_eq!(decode("acme", Kind::Tools, &text), None);
    }
}
