//! Attacks on Biscuits.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use portcullis_authn::biscuit::{
    Attenuation, BiscuitVerifier, Grant, Mint, RootKeys, SigningKey, revocation_ids,
};
use portcullis_authn::{PermitLayer, Verifier};
use portcullis_core::{Kind, Principal, Secret};

use crate::world::*;

fn mint() -> (Mint, RootKeys) {
    let key = SigningKey::generate();
    let roots = key.public().to_string().parse().unwrap();
    (Mint::new(key), roots)
}

fn alice(mint: &Mint) -> Secret {
    let alice = Principal::new(Kind::User, "alice").with_issuer(ISSUER).with_scope("mcp");
    mint.mint(&Grant::new(&alice, RESOURCE), now()).unwrap()
}

#[tokio::test]
async fn biscuit_whose_attenuation_was_removed() {
    let (mint, roots) = mint();
    let (portal, clock) = Portal::with_clock(settings().verifier(BiscuitVerifier::new(roots)));
    let whole = alice(&mint);
    let narrow = Attenuation::new().expires(now() + Duration::from_secs(10));
    let sealed = narrow.clone().sealed().append(&whole).unwrap();
    let narrow = narrow.append(&whole).unwrap();
    for token in [&whole, &narrow, &sealed] {
        assert_eq!(portal.admits(bearer(token.expose())).await.subject(), "alice");
    }

    // What was narrowed down to ten seconds has ended; what it was made of has not, and was never given away.
    clock.advance(Duration::from_secs(10));
    portal.admits(bearer(whole.expose())).await;
    for token in [&narrow, &sealed] {
        portal.refuses("narrow", bearer(token.expose())).await;
        let bytes = URL_SAFE.decode(token.expose()).unwrap();
        let numbers: Vec<u8> = fields(&bytes).iter().map(|field| field.0).collect();
        assert_eq!(numbers, [2, 3, 4], "authority, block, proof");
        portal.refuses("cut", bearer(&URL_SAFE.encode(without(&bytes, 3)))).await;
        portal
            .refuses("cut, prefixed", bearer(&format!("biscuit:{}", URL_SAFE.encode(without(&bytes, 3)))))
            .await;
        // With the proof of a token whose last block it fits: another one of alice.
        let other = URL_SAFE.decode(alice(&mint).expose()).unwrap();
        let mut swapped = without(&without(&bytes, 3), 4);
        swapped.extend(fields(&other).pop().unwrap().1);
        portal.refuses("swapped", bearer(&URL_SAFE.encode(swapped))).await;
        portal.refuses("no proof", bearer(&URL_SAFE.encode(without(&bytes, 4)))).await;
    }
}

#[tokio::test]
async fn revoked_block() {
    let (mint, roots) = mint();
    let path = std::env::temp_dir().join(format!("portcullis-authn-revoked-{}", std::process::id()));
    std::fs::write(&path, "").unwrap();
    let verifier = Arc::new(BiscuitVerifier::new(roots).revocations_file(&path).unwrap());
    let portal = Portal::new(settings().shared_verifier(Arc::clone(&verifier) as Arc<dyn Verifier>));
    let (whole, other) = (alice(&mint), alice(&mint));
    let narrow = Attenuation::new().expires(now() + Duration::from_secs(60)).append(&whole).unwrap();
    let ids = revocation_ids(&narrow).unwrap();
    let all = [&whole, &narrow, &other];
    for token in all {
        portal.admits(bearer(token.expose())).await;
    }
    for (revoked, left) in [(&ids[1], [true, false, true]), (&ids[0], [false, false, true])] {
        std::fs::write(&path, revoked).unwrap();
        verifier.reload().unwrap();
        for (token, good) in all.into_iter().zip(left) {
            if good {
                portal.admits(bearer(token.expose())).await;
            } else {
                portal.refuses("revoked", bearer(token.expose())).await;
            }
        }
    }
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn biscuit_of_another_root() {
    let ((ours, roots), (theirs, _)) = (mint(), mint());
    let portal = Portal::new(settings().verifier(BiscuitVerifier::new(roots)));
    portal.admits(bearer(alice(&ours).expose())).await;
    portal.refuses("another root", bearer(alice(&theirs).expose())).await;
}

#[tokio::test]
async fn narrowed_biscuit_where_nobody_asks_what_for() {
    let (mint, roots) = mint();
    let verifier = BiscuitVerifier::new(roots);
    let narrow = Attenuation::new().tools(["echo"]).append(&alice(&mint)).unwrap();
    let portal = Portal::new(settings().verifier(verifier.clone()));
    assert_eq!(portal.stops(bearer(narrow.expose())).await.status, http::StatusCode::FORBIDDEN);
    let (layer, _permit): (_, PermitLayer) = settings().verifier(verifier).build_with_permit().unwrap();
    Portal::of(&layer).admits(bearer(narrow.expose())).await;
}

/// The top-level fields of a protobuf message, with their tags.
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
