//! No token that was changed is accepted, and none makes a verifier panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::ed25519);
static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| verifier(&KEY));
static TOKEN: LazyLock<String> = LazyLock::new(|| KEY.sign(header(), good()));

proptest! {
    #[test]
    fn a_token_with_another_character_is_refused(at: Index, with in "[A-Za-z0-9_.=+/ -]") {
        let at = at.index(TOKEN.len());
        let mut token = TOKEN.clone();
        token.replace_range(at..=at, &with);
        prop_assert_eq!(verify(&VERIFIER, &token).is_ok(), token == *TOKEN);
    }

    #[test]
    fn a_token_with_a_piece_cut_out_or_put_in_is_refused(from: Index, to: Index, with in "[A-Za-z0-9_.-]{0,8}") {
        let (from, to) = (from.index(TOKEN.len()), to.index(TOKEN.len()));
        let mut token = TOKEN.clone();
        token.replace_range(from.min(to)..from.max(to), &with);
        prop_assert_eq!(verify(&VERIFIER, &token).is_ok(), token == *TOKEN);
    }

    #[test]
    fn no_text_makes_a_panic(text in ".{0,64}") {
        prop_assert!(verify(&VERIFIER, &text).is_err());
        prop_assert!(!VERIFIER.recognizes(&Credential::Token(portcullis_core::Secret::new(text))));
    }

    #[test]
    fn no_claims_make_a_panic(header in ".{0,32}", claims in ".{0,64}") {
        let token = KEY.sign_text("", &header, &claims);
        prop_assert!(verify(&VERIFIER, &token).is_err());
        let token = KEY.sign_text("", r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &claims);
        prop_assert!(verify(&VERIFIER, &token).is_err());
    }

    #[test]
    fn no_value_of_a_claim_makes_a_panic(
        name in "iss|aud|sub|exp|nbf|iat|auth_time|cnf|act|scope|scp|groups|amr|acr|client_id|idtyp",
        value in r#"null|true|-?[0-9]{1,25}(\.[0-9]{1,5})?(e[+-]?[0-9]{1,4})?|"[a-z ]{0,9}"|\[("a",)*1?\]|\{("sub":1)?\}"#,
    ) {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(&name);
        let text = claims.to_string();
        let text = format!(r#"{},"{name}":{value}}}"#, text.strip_suffix('}').unwrap());
        let _either = verify(&VERIFIER, &KEY.sign_text("", r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &text));
    }
}
