#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn file(name: &str, content: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

async fn secret(source: &SecretSource) -> Result<String, Trouble> {
    Ok(source.get().wait().await?.value.expose().to_owned())
}

#[test]
fn a_secret_is_one_line() {
    let long = "a".repeat(MAX_SECRET + 1);
    for (text, wanted) in [
        ("s3cr3t", Some("s3cr3t")),
        ("s3cr3t\n", Some("s3cr3t")),
        ("s3cr3t\r\n\r\n", Some("s3cr3t")),
        ("pass phrase", Some("pass phrase")),
        ("", None),
        ("\n", None),
        (" s3cr3t", None),
        ("s3cr3t \n", None),
        ("two\nlines", None),
        ("s3cr3té", None),
        ("s3cr3t\0", None),
        (&long, None),
    ] {
        match SecretSource::plain(&Secret::new(text)) {
            Ok(source) => assert_eq!(source.fixed().map(Secret::expose), wanted, "{text:?}"),
            Err(error) => {
                assert_eq!(wanted, None, "{text:?}");
                assert!(!error.to_string().contains("s3cr3t"), "{error}");
            }
        }
    }
}

#[test]
fn the_environment_must_say_it() {
    let error = SecretSource::environment("PORTCULLIS_NO_SUCH_SECRET").unwrap_err();
    assert_eq!(error.to_string(), "environment variable PORTCULLIS_NO_SUCH_SECRET: is not set");
    assert!(SecretSource::environment("").is_err() && SecretSource::environment("A=B").is_err());
    // Every machine has this one.
    let source = SecretSource::environment("PATH").unwrap();
    assert_eq!(format!("{source:?}"), "SecretSource(environment PATH)");
}

#[tokio::test]
async fn a_file_is_read_again_when_it_was_refused() {
    let path = file("refused", "first\n");
    let source = SecretSource::file(&path).unwrap();
    let first = source.get().wait().await.unwrap();
    assert_eq!(first.value.expose(), "first");
    std::fs::write(&path, "second\n").unwrap();
    let second = source.renew(first.generation).unwrap().wait().await.unwrap();
    assert_eq!(second.value.expose(), "second");
    std::fs::write(&path, "no\nsecret").unwrap();
    let third = source.renew(second.generation).unwrap().wait().await.unwrap();
    assert_eq!(third.value.expose(), "second", "the last good one stays");
    assert!(SecretSource::file(path.with_extension("missing")).is_err());
    std::fs::remove_file(path).unwrap();
}

#[cfg(unix)]
mod commands {
    use super::*;

    fn shell(script: &str) -> SecretSource {
        SecretSource::command("/bin/sh", ["-c", script]).unwrap()
    }

    #[tokio::test]
    async fn says_a_secret_which_is_kept() {
        let path = file("counter", "");
        let script = format!("echo x >> {0}; echo secret-$(wc -l < {0} | tr -d ' ')", path.display());
        let source = shell(&script);
        assert_eq!(secret(&source).await.unwrap(), "secret-1");
        assert_eq!(secret(&source.clone()).await.unwrap(), "secret-1");
        assert_eq!(source.renew(1).unwrap().wait().await.unwrap().value.expose(), "secret-2");
        assert_eq!(secret(&source).await.unwrap(), "secret-2");
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn that_is_of_no_use_is_named_and_not_quoted() {
        for (script, wanted) in [
            ("exit 3", "ended with exit status: 3"),
            ("echo s3cr3t; exit 1", "ended with exit status: 1"),
            ("true", "is empty"),
            ("echo s3cr3t; echo s3cr3t", "is not printable ASCII"),
            ("while :; do echo s3cr3ts3cr3ts3cr3ts3cr3t; done", "more than 16 KiB"),
            ("echo s3cr3t >&2", "is empty"),
        ] {
            let trouble = secret(&shell(script)).await.unwrap_err();
            let text = trouble.to_string();
            assert!(text.contains(wanted) && !text.contains("s3cr3t"), "{script}: {text}");
        }
        let missing = SecretSource::command("/no/such/program", [""; 0]).unwrap();
        assert!(secret(&missing).await.unwrap_err().to_string().contains("/no/such/program"));
        assert!(!format!("{:?}", shell("echo s3cr3t")).contains("s3cr3t"));
    }

    #[tokio::test]
    async fn learns_nothing_from_a_variable_that_is_kept_from_it() {
        // Set for every test by cargo.
        let source = shell("echo ${CARGO_MANIFEST_DIR:-nothing}");
        assert_ne!(secret(&source).await.unwrap(), "nothing");
        let source = source.without_variable("CARGO_MANIFEST_DIR");
        assert_eq!(secret(&source).await.unwrap(), "nothing");
    }

    #[test]
    fn is_named_so_that_it_is_found_everywhere() {
        for (program, arg) in [("", "a"), ("bin/secret", "a"), ("a\0b", "a"), ("secret", "a\0b")] {
            assert!(SecretSource::command(program, [arg]).is_err(), "{program:?} {arg:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn that_hangs_is_ended_after_ten_seconds() {
        // The clock that is paused goes on when everybody waits, as the command does.
        let trouble = secret(&shell("sleep 1000")).await.unwrap_err();
        assert_eq!(trouble.kind(), FailureKind::Timeout);
    }
}
