use std::net::SocketAddr;

/// The other end of the connection that a request came on.
///
/// Whoever accepts connections puts it into the extensions of each request. It is what the operating system says, not
/// what a header says: behind a proxy it is the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Address and port.
    pub address: SocketAddr,
}
