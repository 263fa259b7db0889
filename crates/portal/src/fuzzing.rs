//! Doors for the fuzz targets. Not part of the API.

use crate::cursor;
use crate::kind::Kind;
use crate::template::{Match, Template};

/// Reads `text` as a cursor of any list; what can be read must be written the same.
///
/// # Panics
///
/// If it is not, which is what a fuzz target looks for.
pub fn cursor(portal: &str, text: &str) {
    for kind in Kind::ALL {
        if let Some(position) = cursor::decode(portal, kind, text) {
            assert_eq!(cursor::encode(portal, kind, position), text);
        }
    }
}

/// Matches a URI against a template.
#[must_use]
pub fn template(template: &str, uri: &str) -> bool {
    Template::parse(template)
        .is_some_and(|one| one.matches(uri, Match::Exact) || one.matches(uri, Match::Loose))
}
