#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("portcullis-watched-{name}-{}", std::process::id()))
}

fn text(bytes: &[u8]) -> Result<String, BoxError> {
    Ok(String::from_utf8(bytes.to_vec())?)
}

#[test]
fn a_file_over_its_limit_is_refused_and_named() {
    let path = place("large");
    std::fs::write(&path, "12345").unwrap();
    assert!(Watched::open(&path, 5, text).is_ok());
    let error = Watched::open(&path, 4, text).unwrap_err().to_string();
    assert!(error.contains("watched-large") && error.contains("larger than 4"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(Watched::open(&path, 5, text).is_err());
}

#[tokio::test]
async fn a_change_is_seen_and_a_bad_one_is_not_taken_over() {
    let path = place("change");
    std::fs::write(&path, "one").unwrap();
    let watched = Watched::open(&path, 100, text).unwrap();
    std::fs::write(&path, "between").unwrap();
    watched.watch();
    let between = async {
        while *watched.current() != "between" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), between).await.expect("a change before the watch is seen");
    let before = watched.generation();
    std::fs::write(&path, [0xff, 0xff, 0xff, 0xff]).unwrap();
    std::fs::write(path.with_extension("new"), "two").unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    let seen = async {
        while watched.generation() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the change is seen");
    assert_eq!(*watched.current(), "two");
    std::fs::remove_file(&path).unwrap();
}
