//! What the two eras say differently, as pure functions: bytes in, bytes out.

pub(super) mod capabilities;
mod cut;
pub(super) mod input;
pub(super) mod notification;
mod pick;
pub(super) mod request;
pub(super) mod result;
pub(super) mod task;

use self::cut::Cut;
pub(super) use self::pick::{pick, string};

/// The members of `_meta` that say what 2025 said once per session.
const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
pub(super) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Which task a message of 2025-11-25 belongs to.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The extension that tasks are in 2026-07-28.
const TASKS: &str = "io.modelcontextprotocol/tasks";
