//! What has come for one reader and was not read yet.

use std::collections::VecDeque;
use std::task::Waker;

use portcullis_mcp_jsonrpc::{FailureKind, Message};

use super::Limits;

#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    end: Option<End>,
    pub(super) waker: Option<Waker>,
    pub(super) is_subscription: bool,
}

/// What comes after the last message.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Nothing: the last message is the answer.
    Answer,
    /// The exchange failed.
    Fail(FailureKind, &'static str),
}

impl Queue {
    pub(super) fn of_subscription(is_subscription: bool) -> Self {
        Self { is_subscription, ..Self::default() }
    }

    pub(super) fn has_room(&self, message: &Message, limits: &Limits) -> bool {
        let bytes = self.bytes.saturating_add(message.text().len());
        self.messages.is_empty() || self.messages.len() < limits.messages && bytes <= limits.bytes
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.text().len();
        self.messages.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.text().len();
        Some(message)
    }

    /// Drops what is held and tells how many bytes that were.
    pub(super) fn clear(&mut self) -> usize {
        self.messages = VecDeque::new();
        std::mem::take(&mut self.bytes)
    }

    /// Nothing more is taken. Gives whom to wake.
    pub(super) fn end(&mut self, end: End) -> Option<Waker> {
        self.end = Some(end);
        self.waker.take()
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.end
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
