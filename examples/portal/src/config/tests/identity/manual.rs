//! What docs/identity.md says is so.

use portcullis_core::{Kind, Principal};

use super::*;

/// Entra gives a scope under a shorter name than it is asked for by.
#[test]
fn a_scope_may_have_a_short_name_in_the_token() {
    let manual = include_str!("../../../../../../docs/identity.md");
    let entra = manual.split("```toml\n").skip(1).find(|block| block.contains("claims = \"entra\"")).unwrap();
    let text = format!(
        "{}\n[[portal.server]]\nid = 's'\nurl = 'http://127.0.0.1:1/'\n",
        entra.split("```").next().unwrap()
    );
    let config = Folder::new("entra").check(&text).unwrap();
    let scopes = &config.portals[0].authn.as_ref().unwrap().scopes;
    let alice = Principal::new(Kind::User, "alice");
    let asked: Vec<_> = scopes.supported().collect();
    assert_eq!(asked, ["https://mcp.example.com/mcp/mcp.access"]);
    assert_eq!(scopes.missing(None, None, &alice).count(), 1);
    assert_eq!(scopes.missing(None, None, &alice.with_scope("mcp.access")).count(), 0);
}

/// The blocks of the manual that are whole configurations, with the files they name.
#[test]
fn the_manual_holds_what_it_says() {
    let folder = Folder::new("manual");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/identity.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let files = [
        ("biscuit-roots.txt", "roots.txt"),
        ("biscuit-agents.txt", "agents.txt"),
        ("biscuit-revocations.txt", "revoked.txt"),
        ("service-tokens.json", "tokens.json"),
        ("secrets/biscuit-key", "key"),
        ("secrets/portal-client", "secret"),
        ("secrets/portal-at-jira", "secret"),
        ("secrets/introspection", "secret"),
        ("secrets/github-token", "secret"),
    ];
    std::fs::create_dir_all(folder.0.join("secrets")).unwrap();
    for (name, sound) in files {
        std::fs::copy(folder.0.join(sound), folder.0.join(name)).unwrap();
    }
    let mut count = 0;
    for block in manual.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        count += 1;
        let mut text = block.to_owned();
        if !text.contains("[[issuer]]") && text.contains("issuers = [\"login\"]") {
            text.push_str("\n[[issuer]]\nid = \"login\"\nurl = \"https://login.example.com\"\n");
        }
        if !text.contains("[[portal]]") {
            text.push_str(VALID);
        }
        if !text.contains("[[portal.server]]") {
            text.push_str("\n[[portal.server]]\nid = \"github\"\nurl = \"https://github.example.com/mcp\"\n");
        }
        if let Err(error) = folder.check(&text) {
            panic!("docs/identity.md, block {count}:\n{error}\n{text}");
        }
    }
    assert!(count > 10, "only {count} blocks");
}
