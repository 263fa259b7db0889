//! Issuers that change their keys, and issuers that are not there.

use http::StatusCode;

use crate::portal::eventually;
use crate::{Client, Portal, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_and_a_withdrawn_one_stops() {
    let setup = Setup::new().await;
    let (_portal, client) = setup.start("").await;
    let before = client.with(setup.token("alice"));
    assert_eq!(before.status("up_read").await, 200);

    setup.issuer.rotate("second");
    let after = client.with(setup.token("alice"));
    // The issuer is asked at once, unless it was asked within the last second.
    eventually("the new key", async || after.status("up_read").await == 200).await;
    assert_eq!(before.status("up_read").await, 200, "the old key is still published");

    setup.issuer.rotate("third");
    setup.issuer.withdraw();
    let last = client.with(setup.token("alice"));
    eventually("the third key", async || last.status("up_read").await == 200).await;
    for withdrawn in [before, after] {
        assert_eq!(withdrawn.status("up_read").await, 401, "known verdicts end with their key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_keys_serve_while_the_issuer_is_down_and_without_keys_nobody_gets_in() {
    let setup = Setup::new().await;
    let (_portal, client) = setup.start("").await;
    assert_eq!(client.with(setup.token("alice")).status("up_read").await, 200);
    setup.issuer.go_down();
    assert_eq!(client.with(setup.token("bob")).status("up_read").await, 200, "a token never seen before");

    let started = Portal::start(&setup.write(&setup.tables(""))).await;
    let refused = Client::at(started.address).with(setup.token("alice")).call("up_read").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(client.call("up_read").await.status, StatusCode::UNAUTHORIZED, "no token needs no issuer");
}
