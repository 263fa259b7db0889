//! Where keys come from.

use portcullis_fetch::HttpFetch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test(start_paused = true)]
async fn an_issuer_says_itself_where_its_keys_are() {
    let metadata = |issuer: &str, rest: &str| Answer::Keys(format!(r#"{{"issuer":"{issuer}"{rest}}}"#));
    let named = format!(r#","jwks_uri":"{KEYS}""#);
    let issuer = "https://login.example/tenant";
    let well_known = "https://login.example/.well-known/oauth-authorization-server/tenant";

    let script = Script::new([metadata(issuer, &named), set(&[&key("a")])]);
    let keys = Keys::discover(Endpoint::new(issuer).unwrap(), Arc::clone(&script) as _);
    assert!(ask(&keys, "a").await.is_ok());
    assert_eq!(*script.asked.lock().unwrap(), [well_known, KEYS]);

    for bad in [
        metadata("https://honest.example", &named),
        metadata(issuer, ""),
        metadata(issuer, r#","jwks_uri":"http://login.example/keys""#),
    ] {
        let script = Script::new([bad]);
        let keys = Keys::discover(Endpoint::new(issuer).unwrap(), Arc::clone(&script) as _);
        assert!(matches!(ask(&keys, "a").await, Err(KeysError::Unavailable { .. })));
        assert!(!script.asked.lock().unwrap().iter().any(|url| url.contains("keys")));
    }
}

#[tokio::test]
async fn a_file_serves_what_it_holds() {
    let path = std::env::temp_dir().join(format!("portcullis-keys-{}", std::process::id()));
    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    assert!(Keys::file(&path).unwrap_err().to_string().contains("no key that can be used"));

    std::fs::write(&path, jwks(&[&key("a")])).unwrap();
    let keys = Keys::file(&path).unwrap();
    keys.watch();
    assert!(at_once(&keys, "a"));
    assert_eq!(ask(&keys, "b").await, Err(KeysError::Unknown));

    std::fs::write(path.with_extension("new"), jwks(&[&key("b"), &key("c")])).unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    let seen = async {
        while keys.generation() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the change is seen");
    assert!(at_once(&keys, "b") && !at_once(&keys, "a"));
    std::fs::remove_file(&path).unwrap();
}

/// A real client, and an issuer that goes wrong after the head of its answer.
async fn over_loopback(length: Option<usize>) -> (Keys, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (gone, receiver) = tokio::sync::mpsc::unbounded_channel();
    let serve = async move |mut socket: TcpStream| {
        let _ = socket.read(&mut [0; 4096]).await;
        if let Some(length) = length {
            socket.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
            // The client may well hang up in the middle.
            let _ = socket.write_all(&vec![b' '; length]).await;
        }
        while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    };
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            serve(socket).await;
            let _ = gone.send(());
        }
    });
    let root = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).unwrap().cert.pem();
    let fetch = HttpFetch::builder().timeout(Duration::from_millis(300));
    let fetch = fetch.extra_root_certificates(root.as_bytes()).unwrap().build().unwrap();
    (Keys::at(Endpoint::insecure_http(&url).unwrap(), Arc::new(fetch)), receiver)
}

#[tokio::test]
async fn an_issuer_that_hangs_or_floods_is_given_up() {
    for length in [None, Some(0), Some(10 * 1024 * 1024)] {
        let (keys, mut gone) = over_loopback(length).await;
        let found = tokio::time::timeout(Duration::from_secs(20), ask(&keys, "a")).await;
        assert!(matches!(found.expect("it ends"), Err(KeysError::Unavailable { .. })));
        // In the back-off nobody waits: one poll is enough.
        use futures_util::FutureExt as _;
        assert!(matches!(ask(&keys, "a").now_or_never(), Some(Err(KeysError::Unavailable { .. }))));
        gone.recv().await.expect("the connection is closed");
    }
}
