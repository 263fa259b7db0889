//! Files that hold what goes over the wire, byte for byte.
//!
//! Golden files live in `tests/golden/` of the crate whose test compares with them. To write them anew, run the test
//! with `UPDATE_GOLDEN=1` and read the diff: it is a change of behaviour that clients can see.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::response::Parts;

/// Compares `actual` with the file `tests/golden/<path>` of the calling crate.
///
/// # Panics
///
/// If they differ in a byte, or there is no such file. With `UPDATE_GOLDEN=1` the file is written instead.
pub fn check(path: impl AsRef<Path>, actual: impl AsRef<[u8]>) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    check_in(&folder(), path.as_ref(), actual.as_ref(), update);
}

/// A response as text: the status, the headers in the order of their names, the body.
#[must_use]
pub fn of_response(head: &Parts, body: &Bytes) -> Vec<u8> {
    let mut headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
    headers.sort_by_key(|(name, _)| *name);
    let mut text = format!("{}\n", head.status);
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(text, "{name}: {value}").expect("a string takes any text");
    }
    text.push('\n');
    [text.as_bytes(), body].concat()
}

/// Cargo says which package's tests it runs, and runs them in its folder.
fn folder() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    package.join("tests").join("golden")
}

fn check_in(folder: &Path, path: &Path, actual: &[u8], update: bool) {
    let file = folder.join(path);
    if update {
        let parent = file.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).expect("the folder of golden files can be made");
        std::fs::write(&file, actual).expect("a golden file can be written");
        return;
    }
    let wanted = std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(
        wanted == actual,
        "{} differs; UPDATE_GOLDEN=1 accepts the change\n--- wanted\n{}\n--- actual\n{}",
        path.display(),
        wanted.escape_ascii(),
        actual.escape_ascii(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_compared_from_then_on() {
        let folder = std::env::temp_dir().join(format!("portcullis-golden-{}", std::process::id()));
        let compare = |actual: &[u8]| {
            std::panic::catch_unwind(|| check_in(&folder, Path::new("a/b.txt"), actual, false)).is_ok()
        };
        assert!(!compare(b"one"), "there is no file yet");
        check_in(&folder, Path::new("a/b.txt"), b"one", true);
        assert!(compare(b"one"));
        assert!(!compare(b"one\n"), "every byte counts");
        std::fs::remove_dir_all(folder).expect("what was written can be removed");
    }
}
