//! What is tested: the front over a portal over clients of servers, on a socket.

use std::net::SocketAddr;

use http::Request;
use hyper::body::Incoming;
use portcullis_core::{Kind, Principal, Secret};
use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_mcp_legacy::front::FrontLayer;
use portcullis_mcp_upstream::HttpUpstream;
use portcullis_portal::{Builder, Portal, Server};
use portcullis_seal::{Key, KeyRing};
use tower::{Layer, ServiceExt};

use crate::{Era, child, web};

/// Keys, others for each letter of `0-9a-f`.
pub(crate) fn keys(letter: char) -> KeyRing {
    let key = Key::parse(&Secret::new(format!("{}00", letter.to_string().repeat(62)))).unwrap();
    KeyRing::new(vec![key]).unwrap()
}

/// A portal on a socket, with a name and a route of its own.
pub(crate) struct Gateway {
    pub(crate) name: &'static str,
    pub(crate) route: &'static str,
    pub(crate) keys: KeyRing,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { name: "acme", route: "/mcp", keys: keys('a') }
    }
}

impl Gateway {
    /// Serves these. Who a caller is stands in the header `x-user`, in place of an authentication layer.
    pub(crate) async fn serve(&self, servers: impl IntoIterator<Item = Server>) -> SocketAddr {
        let builder = Portal::builder(self.name).keys(self.keys.clone());
        let portal = servers.into_iter().fold(builder, Builder::server).build().unwrap();
        let front =
            FrontLayer::new(DecodeLayer::new()).portal(self.name).route(self.route).keys(self.keys.clone());
        let front = front.layer(portal);
        e2e::serve(tower::service_fn(move |mut request: Request<Incoming>| {
            let user = request.headers_mut().remove("x-user");
            if let Some(user) = user {
                let principal = Principal::new(Kind::User, user.to_str().unwrap());
                request.extensions_mut().insert(principal);
            }
            front.clone().oneshot(request)
        }))
        .await
    }
}

/// The server at an address, found out about by asking.
pub(crate) fn http(id: &str, address: SocketAddr) -> Server {
    let builder = HttpUpstream::builder(&e2e::url(address)).unwrap().keys(keys('a'));
    Server::new(id, builder.build().unwrap()).unwrap()
}

/// A gateway in front of one server named `up`.
pub(crate) struct Pair {
    pub(crate) gateway: SocketAddr,
    /// None behind pipes.
    pub(crate) server: Option<web::Web>,
}

/// A server of this era behind HTTP or pipes, and a gateway in front of it.
pub(crate) async fn pair(era: Era, pipes: bool) -> Pair {
    if pipes {
        let upstream = child::builder(era).keys(keys('a')).build().unwrap();
        let server = Server::new("up", upstream).unwrap();
        return Pair { gateway: Gateway::default().serve([server]).await, server: None };
    }
    let server = web::serve(era, "up").await;
    let gateway = Gateway::default().serve([http("up", server.address)]).await;
    Pair { gateway, server: Some(server) }
}
