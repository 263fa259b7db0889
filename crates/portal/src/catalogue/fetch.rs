//! Asks a server for a whole list, page by page.

use std::collections::HashSet;
use std::time::Duration;

use portcullis_core::json;

use super::page::{self, Hints, Page};
use super::{Catalogue, Item};
use crate::ask;
use crate::backend::Backend;
use crate::class::Origin;
use crate::kind::Kind;
use crate::shared::Limits;
use crate::shelf::Fetched;
use crate::trouble::Trouble;

/// How long a server is believed that does not know lists of a kind.
const NOT_OFFERED_TTL: Duration = Duration::from_secs(60);

pub(crate) async fn fetch(
    backend: &Backend,
    origin: &Origin,
    kind: Kind,
    limits: &Limits,
) -> Result<Fetched<Catalogue>, Trouble> {
    // One turn for all pages: a list that has begun is worth more than one that begins.
    let _permit = backend.calls.enter().await?;
    let mut list = List::default();
    loop {
        let cursor = list.cursor.as_deref().map(|cursor| format!(r#","cursor":{}"#, json::quote(cursor)));
        let answer = ask::ask(backend, origin, kind.method(), cursor.as_deref().unwrap_or_default()).await;
        let page = match answer {
            Ok(answer) => page::read(kind, backend.id(), &answer).map_err(Trouble::garbage)?,
            Err(trouble) if list.pages == 0 && trouble.is_unknown_method() => {
                return Ok(Fetched { value: Catalogue::not_offered(), ttl: NOT_OFFERED_TTL, private: true });
            }
            Err(trouble) => return Err(trouble),
        };
        if !list.add(page, limits)? {
            break;
        }
    }
    if list.truncated {
        tracing::warn!(
            server = backend.id(),
            kind = kind.noun(),
            items = list.items.len(),
            "cut a long list"
        );
    }
    let Hints { ttl, private } = list.hints.unwrap_or_default();
    Ok(Fetched { value: Catalogue::new(list.items, true, list.truncated), ttl, private })
}

/// A list that grows by pages.
#[derive(Default)]
struct List {
    items: Vec<Item>,
    keys: HashSet<std::sync::Arc<str>>,
    bytes: usize,
    pages: usize,
    cursor: Option<String>,
    hints: Option<Hints>,
    truncated: bool,
}

impl List {
    /// Adds a page, and says whether there is another one to ask for.
    fn add(&mut self, page: Page, limits: &Limits) -> Result<bool, Trouble> {
        self.pages += 1;
        self.hints = Some(self.hints.map_or(page.hints, |hints| hints.both(page.hints)));
        for item in page.items {
            if self.items.len() >= limits.max_items || self.bytes + item.raw.len() > limits.max_list_bytes {
                self.truncated = true;
                return Ok(false);
            }
            // The first of two is the one that a call has always met.
            if self.keys.insert(std::sync::Arc::clone(&item.key)) {
                self.bytes += item.raw.len();
                self.items.push(item);
            }
        }
        if page.next.is_none() {
            return Ok(false);
        }
        if page.next == self.cursor {
            return Err(Trouble::garbage("the list goes around in a circle"));
        }
        if self.pages >= limits.max_pages {
            self.truncated = true;
            return Ok(false);
        }
        self.cursor = page.next;
        Ok(true)
    }
}
