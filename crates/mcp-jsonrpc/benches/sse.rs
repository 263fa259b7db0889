//! Framing of server-sent events.
fn main() {}
