use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials::{Got, Held, Holder};
use crate::transport::Text;

/// The credential of one request: where it is had, and which was shown.
pub(crate) struct Pass {
    holder: Holder,
    header: HeaderName,
    text: Option<Text>,
    shown: Option<Held<HeaderValue>>,
    renewed: bool,
}

impl Pass {
    /// `text` is what the request is made from once more, should its credential be refused.
    pub(crate) fn new(holder: Holder, header: HeaderName, text: Option<Text>) -> Self {
        Self { holder, header, text, shown: None, renewed: false }
    }

    pub(super) fn header(&self) -> &HeaderName {
        &self.header
    }

    pub(super) fn take_text(&mut self) -> Option<Bytes> {
        self.text.take().map(|Text(text)| text)
    }

    pub(super) fn get(&self) -> Got<HeaderValue> {
        self.holder.get()
    }

    /// Adds the credential to a request.
    pub(super) fn show(&mut self, held: Held<HeaderValue>, headers: &mut HeaderMap) {
        headers.insert(self.header.clone(), held.value.clone());
        self.shown = Some(held);
    }

    pub(super) fn shown(&self) -> Option<&HeaderValue> {
        self.shown.as_ref().map(|held| &held.value)
    }

    /// Another credential, once, if another may be asked for.
    pub(super) fn renew(&mut self) -> Option<Got<HeaderValue>> {
        let shown = self.shown.as_ref().filter(|_| !self.renewed)?;
        self.renewed = true;
        self.holder.renew(shown.generation)
    }
}
