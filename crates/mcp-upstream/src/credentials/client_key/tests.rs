#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};

use super::*;

fn part(assertion: &str, number: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(assertion.split('.').nth(number).unwrap()).unwrap()
}

#[test]
fn a_proof_is_signed_for_one_endpoint_and_a_minute() {
    let table: [(_, _, &'static dyn VerificationAlgorithm); 2] =
        [(&PKCS_ECDSA_P256_SHA256, "ES256", &ECDSA_P256_SHA256_FIXED), (&PKCS_ED25519, "EdDSA", &ED25519)];
    for (kind, name, algorithm) in table {
        let pair = KeyPair::generate_for(kind).unwrap();
        let key = ClientKey::from_pem(pair.serialize_pem().as_bytes()).unwrap().key_id("a\"b");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let proof = key.assertion("gateway", "https://login.example.com/token", now).unwrap();
        let header = String::from_utf8(part(&proof, 0)).unwrap();
        assert_eq!(header, format!(r#"{{"alg":"{name}","typ":"JWT","kid":"a\"b"}}"#));
        let claims = String::from_utf8(part(&proof, 1)).unwrap();
        for claim in [
            r#""iss":"gateway","sub":"gateway","aud":"https://login.example.com/token","jti":""#,
            r#","iat":1000000,"exp":1000060}"#,
        ] {
            assert!(claims.contains(claim), "{claims}");
        }
        let (text, _) = proof.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(algorithm, pair.der_bytes());
        public.verify(text.as_bytes(), &part(&proof, 2)).unwrap();
        let other = key.audience("https://login.example.com").assertion("gateway", "x", now).unwrap();
        assert!(
            String::from_utf8(part(&other, 1)).unwrap().contains(r#""aud":"https://login.example.com","#)
        );
        assert_ne!(part(&proof, 1), part(&other, 1));
    }
}

#[test]
fn what_is_no_key_of_ours_is_refused_without_being_shown() {
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
    for pem in ["", "s3cr3t", "-----BEGIN PRIVATE KEY-----\nczNjcjN0\n-----END PRIVATE KEY-----\n", &other] {
        let error = ClientKey::from_pem(pem.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("client key: is n") && !error.contains("s3cr3t"), "{error}");
    }
}
