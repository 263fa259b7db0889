//! Two servers of different eras behind one gateway.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use e2e::{PATIENCE, until};
use serde_json::json;

use crate::Era;
use crate::client::{Client, Exchange};
use crate::gateway::{Gateway, http};
use crate::server::WATCHED;
use crate::web::{self, Web};

async fn both() -> (Web, Web, SocketAddr) {
    let (old, new) = (web::serve(Era::Legacy, "old").await, web::serve(Era::Modern, "new").await);
    let gateway = Gateway::default().serve([http("old", old.address), http("new", new.address)]).await;
    (old, new, gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_merged_and_calls_find_their_server() {
    let (_old, _new, gateway) = both().await;
    for era in [Era::Legacy, Era::Modern] {
        let client = Client::connect(gateway, era).await;
        for (method, list, key, expected) in [
            ("tools/list", "tools", "name", ["old_echo", "new_echo"]),
            ("prompts/list", "prompts", "name", ["old_greet", "new_greet"]),
            ("resources/list", "resources", "uri", ["mem://old", "mem://new"]),
        ] {
            let told = client.ask(method, json!({})).await;
            let items = told.result()[list].as_array().unwrap();
            let names: BTreeSet<_> = items.iter().map(|item| item[key].as_str().unwrap()).collect();
            assert!(expected.iter().all(|name| names.contains(name)), "{era:?}: {names:?}");
        }
        for server in ["old", "new"] {
            let params = json!({ "name": format!("{server}_greet"), "arguments": { "whom": "Ann" } });
            let told = client.ask("prompts/get", params).await;
            let text = told.result()["messages"][0]["content"]["text"].as_str().unwrap();
            assert_eq!(text, format!("Hello Ann from {server}"));
            let told =
                client.ask("tools/call", json!({ "name": format!("{server}_form"), "arguments": {} })).await;
            assert!(told.text().contains("Ann"), "{era:?}: {server}");
            let told = client.ask("resources/read", json!({ "uri": format!("mem://{server}") })).await;
            assert!(told.result().to_string().contains(server), "{era:?}: {server}");
        }
    }
}

/// Reads until a change of the tools has come.
async fn changed(stream: &mut Exchange) {
    while stream.next().await.expect("the stream goes on")["method"] != "notifications/tools/list_changed" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_tells_of_both_and_outlives_a_break_of_either() {
    for era in [Era::Legacy, Era::Modern] {
        let (old, new, gateway) = both().await;
        let client = Client::connect(gateway, era).await;
        let mut stream = client.listen(WATCHED).await;
        for server in [&old, &new] {
            until(PATIENCE, "the server is listened to", || server.server.listeners() > 0).await;
            server.server.change("notifications/tools/list_changed", &json!({}));
            changed(&mut stream).await;
        }
        for server in [&old, &new] {
            server.server.hang_up();
            until(Duration::from_secs(30), "the stream is opened again", || server.server.listeners() > 0)
                .await;
            server.server.change("notifications/tools/list_changed", &json!({}));
            changed(&mut stream).await;
        }
        drop(stream);
        if era == Era::Legacy {
            // It might come back otherwise.
            client.delete().await;
        }
        until(PATIENCE, "nobody listens any more", || new.server.listeners() == 0).await;
    }
}
