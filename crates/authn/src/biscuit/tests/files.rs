use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("portcullis-biscuit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<str>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text.as_ref()).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn verifier(roots: &Path, agents: &Path, revoked: &Path) -> BiscuitVerifier {
    let verifier = BiscuitVerifier::open(roots).and_then(|verifier| verifier.agents_file(agents));
    verifier.and_then(|verifier| verifier.revocations_file(revoked)).expect("a verifier")
}

#[test]
fn revoked_blocks_and_withdrawn_keys_are_refused_from_the_reload_on() {
    let (mut world, folder) = (World::new(), Folder::new());
    let root = format!("ed25519/{}", world.root.public().to_bytes_hex());
    let roots = folder.write("roots", &root);
    let agents = folder.write("agents", format!("planner {}", world.planner.public()));
    let revoked = folder.write("revoked", "# nothing yet\n");
    world.verifier = verifier(&roots, &agents, &revoked);

    let alice = world.alice();
    let narrow = sign(&alice, &world.planner, r#"agent("planner");"#);
    let ids = revocation_ids(&Secret::new(text(&narrow))).expect("ids");
    assert_eq!(ids.len(), 2);
    assert!(world.judge(&alice).is_ok() && world.judge(&narrow).is_ok());
    let mut generation = world.verifier.generation();
    let mut reload = |verifier: &BiscuitVerifier| {
        verifier.reload().expect("reloaded");
        assert!(verifier.generation() > generation, "older verdicts end");
        generation = verifier.generation();
    };

    // The attenuation alone.
    folder.write("revoked", format!("{} # stolen from the planner\n", ids[1]));
    reload(&world.verifier);
    assert!(world.judge(&alice).is_ok());
    assert_eq!(world.flaw(&narrow), "biscuit: a block is revoked");

    // What cannot be read leaves what was read before in force.
    folder.write("revoked", "stolen");
    let error = world.verifier.reload().expect_err("refused");
    let source = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(source, "line 1: is not hexadecimal");
    assert_eq!(world.flaw(&narrow), "biscuit: a block is revoked");

    // The first block, and everything that was made of it.
    folder.write("revoked", ids[0].to_uppercase());
    reload(&world.verifier);
    assert_eq!(world.flaw(&alice), "biscuit: a block is revoked");
    assert_eq!(world.flaw(&narrow), "biscuit: a block is revoked");
    folder.write("revoked", "");
    reload(&world.verifier);

    // An agent's key, and the root's.
    folder.write("agents", "");
    reload(&world.verifier);
    assert!(world.judge(&alice).is_ok() && world.judge(&narrow).is_err());
    folder.write("roots", format!("ed25519/{}", KeyPair::new().public().to_bytes_hex()));
    reload(&world.verifier);
    assert_eq!(world.flaw(&alice), "biscuit: a signature does not hold");
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    let folder = Folder::new();
    let flaw = |result: Result<BiscuitVerifier, WatchError>| {
        let error = result.expect_err("refused");
        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
    };
    assert!(BiscuitVerifier::open(folder.0.join("none")).is_err());
    let empty = folder.write("empty", "");
    let told = "line 1: there is no key at all, so every token would be refused";
    assert_eq!(flaw(BiscuitVerifier::open(&empty)), told);
    let good = BiscuitVerifier::new(format!("{}", SigningKey::generate().public()).parse().expect("a list"));
    let bad = folder.write("bad", "x y");
    assert_eq!(flaw(good.clone().agents_file(&bad)), "line 1: holds no ed25519 public key");
    assert_eq!(flaw(good.revocations_file(&bad)), "line 1: is not hexadecimal");
}
