//! The official Rust SDK, as a client (`call`) and as a server (`serve PORT`).

#[allow(deprecated, reason = "sampling is, in rmcp; servers of 2025 still ask for it")]
mod call;
mod serve;

/// What either half may end with.
type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["call"] => call::run().await,
        ["serve", port] => serve::run(port.parse()?).await,
        _ => Err("call, or serve PORT".into()),
    }
}
