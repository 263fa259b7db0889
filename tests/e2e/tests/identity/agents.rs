//! A user's token becomes a Biscuit, which agents narrow down and hand on.

use std::time::{Duration, Instant};

use http::StatusCode;
use portcullis_authn::biscuit::{Attenuation, SigningKey, revocation_ids};
use portcullis_core::Secret;
use serde_json::json;

use crate::portal::eventually;
use crate::{Client, Portal, Setup, authn, issuer};

const FORM: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";

struct Agents {
    setup: Setup,
    planner: SigningKey,
    executor: SigningKey,
    portal: Portal,
}

impl Agents {
    /// A portal that knows two agents, with more keys for `[portal.authn]`.
    async fn start(more: &str) -> Self {
        let setup = Setup::new().await;
        let [root, planner, executor] = [(); 3].map(|()| SigningKey::generate());
        setup.folder.put("root.key", root.to_text().expose());
        setup.folder.put("roots", &format!("7 {}\n", root.public()));
        setup
            .folder
            .put("agents", &format!("planner {}\nexecutor {}\n", planner.public(), executor.public()));
        setup.folder.put("revoked", "# none\n");
        let biscuits = "[[issuer]]\nid = 'agents'\nkind = 'biscuit'\nroots = 'roots'\nagents = 'agents'\n\
                        revocations = 'revoked'\n";
        let more = format!("{more}\nexchange = {{ key = {{ file = 'root.key' }}, key_id = 7 }}");
        let portal = authn("acme", "/mcp", "['staff', 'agents']", &more);
        let tables = [issuer("staff", &setup.issuer), biscuits.to_owned(), portal, setup.server()];
        let portal = Portal::start(&setup.write(&tables)).await;
        Self { setup, planner, executor, portal }
    }

    fn client(&self) -> Client {
        Client::at(self.portal.address)
    }

    /// A token of Alice's, for the planner.
    async fn exchange(&self) -> Secret {
        let user = self.client().with(self.setup.token("alice"));
        let answer = user.form("/oauth/exchange", &format!("{FORM}&actor=planner")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
        let answer = answer.json().await;
        assert_eq!(answer["token_type"], "Bearer", "{answer}");
        Secret::new(answer["access_token"].as_str().unwrap())
    }

    async fn status(&self, token: &Secret, tool: &str) -> u16 {
        self.client().with(token.expose()).status(tool).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_an_agent_narrowed_down_is_good_for_what_is_left() {
    let agents = Agents::start("").await;
    let token = agents.exchange().await;
    assert_eq!(agents.status(&token, "up_write").await, 200, "as it was made, it is as good as the user's");

    let narrowed = Attenuation::new().tools(["up_read"]).sign(&token, "planner", &agents.planner).unwrap();
    let caller = agents.client().with(narrowed.expose());
    assert!(caller.passes("up_read").await);
    assert!(!caller.passes("up_write").await);

    // The same in a session, as agents of 2025 have it.
    let session = caller.open().await;
    assert!(session.passes("up_read").await);
    assert!(!session.passes("up_write").await);

    // In another's name, or with a key that is nobody's.
    for (name, key) in [("executor", &agents.planner), ("planner", &SigningKey::generate())] {
        let forged = Attenuation::new().sign(&token, name, key).unwrap();
        assert_eq!(agents.status(&forged, "up_read").await, 401, "{name}");
    }
    assert_eq!(agents.setup.upstream.seen().iter().filter(|call| call.tool == "write").count(), 1);
}

/// How long the chain may be is for the portal to say, and it counts what the token says of itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_agents_is_known_to_policy() {
    let agents = Agents::start("require.max_actors = 1").await;
    let token = agents.exchange().await;
    assert_eq!(agents.status(&token, "up_read").await, 200, "for Alice, the planner");
    let handed_on = Attenuation::new().delegate("executor").sign(&token, "planner", &agents.planner).unwrap();
    assert_eq!(agents.status(&handed_on, "up_read").await, 403, "and through it the executor");
    let signed = Attenuation::new().sign(&handed_on, "executor", &agents.executor).unwrap();
    assert_eq!(agents.status(&signed, "up_read").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_whole_token_of_a_user_is_exchanged() {
    let agents = Agents::start("").await;
    let client = agents.client();
    assert_eq!(client.form("/oauth/exchange", FORM).await.status, StatusCode::UNAUTHORIZED);
    let elsewhere = agents.setup.issuer.token("alice", "https://elsewhere.example.com", &json!({}));
    assert_eq!(client.with(elsewhere).form("/oauth/exchange", FORM).await.status, StatusCode::UNAUTHORIZED);
    let token = agents.exchange().await;
    let again = client.with(token.expose()).form("/oauth/exchange", FORM).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a Biscuit is narrowed down, not exchanged");
    let user = client.with(agents.setup.token("alice"));
    let more = user.form("/oauth/exchange", &format!("{FORM}&scope=admin")).await;
    assert_eq!(more.json().await["error"], "invalid_scope");
    assert_eq!(user.get("/oauth/exchange").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_block_stops_its_tokens_and_no_others() {
    let agents = Agents::start("").await;
    let token = agents.exchange().await;
    let narrowed = Attenuation::new().tools(["up_read"]).sign(&token, "planner", &agents.planner).unwrap();
    assert_eq!(agents.status(&narrowed, "up_read").await, 200);

    let ids = revocation_ids(&narrowed).unwrap();
    agents.setup.folder.put("revoked", &format!("{}\n", ids[1]));
    let begun = Instant::now();
    eventually("the revocation", async || agents.status(&narrowed, "up_read").await == 401).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(agents.status(&token, "up_read").await, 200, "what it was made of is still good");

    agents.setup.folder.put("revoked", &format!("{}\n{}\n", ids[0], ids[1]));
    eventually("the second revocation", async || agents.status(&token, "up_read").await == 401).await;
}
