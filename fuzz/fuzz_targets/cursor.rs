//! A cursor of any text never panics, and the only texts that are cursors are those the portal writes. Templates from a
//! server are matched against any URI.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_portal::fuzzing;

fuzz_target!(|text: &str| {
    fuzzing::cursor("acme", text);
    let (template, uri) = text.split_once('\n').unwrap_or((text, text));
    let _ = fuzzing::template(template, uri);
});
