//! Each test names an attack and shows it refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use biscuit_auth::builder::Algorithm;
use proptest::prelude::*;

use super::*;

#[test]
fn forged_root() {
    let (world, forger) = (World::new(), World::new());
    assert_eq!(world.flaw(&forger.alice()), "biscuit: a signature does not hold");
}

#[test]
fn root_of_another_number() {
    let (old, new) = (SigningKey::generate(), SigningKey::generate());
    let roots = format!("1 {}\n2 {}", old.public(), new.public());
    let mut world = World::new();
    world.verifier = BiscuitVerifier::new(roots.parse().expect("a list"));
    let token =
        |id: u32, key: &SigningKey| builder(ALICE).root_key_id(id).build(&key.pair()).expect("a token");
    assert!(world.judge(&token(1, &old)).is_ok() && world.judge(&token(2, &new)).is_ok());
    assert_eq!(world.flaw(&token(2, &old)), "biscuit: a signature does not hold");
    assert_eq!(world.flaw(&token(3, &old)), "biscuit: there is no root key 3");
    let unnumbered = builder(ALICE).build(&old.pair()).expect("a token");
    assert_eq!(world.flaw(&unnumbered), "biscuit: it names no root key, and none is for such tokens");
}

#[test]
fn root_whose_signatures_can_be_rewritten() {
    let world = World::new();
    let next = KeyPair::new_with_algorithm(Algorithm::Secp256r1);
    let token = world.alice().append_with_keypair(&next, block("check if true")).expect("appended");
    assert_eq!(world.flaw(&token), "biscuit: a block is signed with something else than Ed25519");
}

#[test]
fn other_audience() {
    let world = World::new();
    let token =
        world.token(r#"user("alice"); audience("https://mcp.example.com.evil.example"); expires({end});"#);
    assert_eq!(world.flaw(&token), "biscuit: it is for another audience");
    // The audience of an appended block is nobody's word.
    let token = append(&token, r#"audience("https://mcp.example.com");"#);
    assert_eq!(world.flaw(&token), "biscuit: it is for another audience");
}

#[test]
fn appended_blocks_that_claim_more() {
    let world = World::new();
    let claims = r#"
        user("admin"); service("root"); issuer("https://evil.example"); group("admins"); scope("admin");
        attribute("device", "owned"); attribute("amr", "mfa"); actor(0, "nobody"); issued({now});
        group("root") <- group($f); time(1970-01-01T00:00:00Z); tool("any"); resource("any");
    "#;
    let plain = world.judge(&world.alice()).expect("verified");
    let by_anybody = world.judge(&append(&world.alice(), claims)).expect("verified");
    assert_eq!(by_anybody.principal(), plain.principal());
    assert_eq!(by_anybody.end(), plain.end());
    assert_eq!(by_anybody.issued, None);
    // Nor is the word of an agent with a key more than its name.
    let by_agent =
        world.judge(&sign(&world.alice(), &world.planner, &format!(r#"agent("planner"); {claims}"#)));
    let expected = plain.principal().clone().acting_through(portcullis_core::Actor::new("planner"));
    assert_eq!(*by_agent.expect("verified").principal(), expected);
}

#[test]
fn appended_blocks_that_satisfy_earlier_checks() {
    let world = World::new();
    let token = world.alice_with(r#"check if approved("yes");"#);
    let told = "biscuit: check 1 of block 0 fails";
    assert_eq!(world.flaw(&append(&token, r#"approved("yes");"#)), told);
    assert_eq!(world.flaw(&append(&token, r#"approved("yes") <- time($t);"#)), told);
    assert_eq!(world.flaw(&sign(&token, &world.planner, r#"approved("yes");"#)), told);
}

#[test]
fn later_end_in_an_appended_block() {
    let world = World::new();
    let token = append(&world.alice(), "expires(2999-01-01T00:00:00Z);");
    assert_eq!(world.judge(&token).expect("verified").end(), Some(after(300)));
}

#[test]
fn texts_that_break_out_of_their_quotes() {
    // Printed and read again, this would be a fact of its own.
    let world = World::new();
    let token =
        append(&world.alice(), r#"note({text});"#.replace("{text}", r#""x\"); agent(\"planner""#).as_str());
    assert!(actors(&world.judge(&token).expect("verified")).is_empty());
}

#[test]
fn attenuation_that_was_removed() {
    let world = World::new();
    let narrow = append(&world.alice(), "check if false;");
    assert_eq!(world.flaw(&narrow), "biscuit: check 0 of block 1 fails");

    // Cut out of the token's bytes, without the key that the block before names.
    let bytes = narrow.to_vec().expect("bytes");
    assert_eq!(fields(&bytes).iter().map(|field| field.0).collect::<Vec<_>>(), [2, 3, 4]);
    let refused = |bytes: &[u8]| {
        let denial = world.judge_text(&URL_SAFE.encode(bytes), now()).expect_err("refused");
        assert_eq!(denial.detail(), "biscuit: a signature does not hold");
    };
    refused(&without(&bytes, 3));
    // A sealed token ends with a signature instead, which covers the last block.
    refused(&without(&narrow.seal().expect("sealed").to_vec().expect("bytes"), 3));
    // With the proof of another token, or of what was never attenuated.
    let proof_of_other = fields(&world.alice().to_vec().expect("bytes")).pop().expect("a proof").1;
    let mut swapped = without(&without(&bytes, 3), 4);
    swapped.extend(proof_of_other);
    refused(&swapped);
    // Without any proof at all.
    assert!(world.judge_text(&URL_SAFE.encode(without(&bytes, 4)), now()).is_err());
}

#[test]
fn agent_cut_out_of_the_middle_of_the_chain() {
    let world = World::new();
    let token = sign(&world.alice(), &world.planner, r#"agent("planner"); check if false;"#);
    let token = sign(&token, &world.executor, r#"agent("executor");"#);
    let bytes = token.to_vec().expect("bytes");
    let all = fields(&bytes);
    let cut: Vec<u8> =
        all.iter().enumerate().filter(|(at, _)| *at != 1).flat_map(|(_, field)| field.1.clone()).collect();
    let denial = world.judge_text(&URL_SAFE.encode(cut), now()).expect_err("refused");
    assert_eq!(denial.detail(), "biscuit: a signature does not hold");
}

#[test]
fn agents_block_moved_to_another_token() {
    let world = World::new();
    let signed = sign(&world.alice(), &world.planner, r#"agent("planner");"#).to_vec().expect("bytes");
    let other = append(&world.alice(), "check if true;").to_vec().expect("bytes");
    let (signed, other) = (fields(&signed), fields(&other));
    let forged = [&*other[0].1, &signed[1].1, &other[2].1].concat();
    assert!(world.judge_text(&URL_SAFE.encode(forged), now()).is_err());
}

#[test]
fn too_long_and_too_many() {
    let world = World::new();
    let long = world.alice_with(&format!(r#"note("{}");"#, "x".repeat(16 << 10)));
    assert_eq!(world.flaw(&long), "biscuit: it is not base64, or longer than the limit");
    assert_eq!(
        world.judge_text(&format!("biscuit:{}", "A".repeat(10 << 20)), now()).expect_err("refused").kind(),
        DenialKind::Invalid
    );
    let blocks = (1..token::MAX_BLOCKS).fold(world.alice(), |token, _| append(&token, "check if true;"));
    assert!(world.judge(&blocks).is_ok());
    assert_eq!(world.flaw(&append(&blocks, "check if true;")), "biscuit: it has too many blocks");
    let names: String = (0..520).map(|number| format!("n{number}(1);")).collect();
    assert_eq!(world.flaw(&world.alice_with(&names)), "biscuit: it holds too many names and texts");
}

/// The top-level fields of a protobuf message whose fields are all short of 2^28 bytes, with their tags.
fn fields(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while let [tag, after @ ..] = rest {
        assert_eq!(tag & 7, 2, "bytes");
        let digits = after.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
        let length = after[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let (field, next) = rest.split_at(1 + digits + length);
        found.push((tag >> 3, field.to_vec()));
        rest = next;
    }
    found
}

fn without(bytes: &[u8], number: u8) -> Vec<u8> {
    fields(bytes).into_iter().filter(|field| field.0 != number).flat_map(|field| field.1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn garbage(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let world = World::new();
        for text in [text.clone(), format!("biscuit:{text}"), URL_SAFE.encode(&bytes)] {
            let _ = world.verifier.recognizes(&Credential::Token(Secret::new(text.clone())));
            prop_assert!(world.judge_text(&text, now()).is_err());
        }
    }

    #[test]
    fn damaged(at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
        let world = World::new();
        let token = sign(&world.alice(), &world.planner, r#"agent("planner"); check if time($t), $t < {soon};"#);
        let mut bytes = token.to_vec().expect("bytes");
        prop_assert!(world.judge_text(&URL_SAFE.encode(&bytes[..cut.index(bytes.len())]), now()).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(verified) = world.judge_text(&URL_SAFE.encode(&bytes), now()) {
            // What is not covered by a signature says nothing.
            prop_assert_eq!(verified.principal().subject(), "alice");
            prop_assert_eq!(actors(&verified), ["planner"]);
            prop_assert_eq!(verified.end(), Some(after(10)));
        }
    }
}
