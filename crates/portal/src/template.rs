//! Whether a URI can have been made from a URI template (RFC 6570), as far as routing must know.
//!
//! The matcher accepts a little more than the RFC's expansion can give: the server that owns the template has the last
//! word, and a wrong guess costs one error. What it must be is bounded, since templates come from servers and URIs
//! from clients.

#[cfg(test)]
mod tests;

/// Longer templates are not matched.
const MAX_TEMPLATE: usize = 1_024;

/// How many steps one match may take. A template without tricks takes about two for each byte of the URI.
const MAX_STEPS: usize = 64 * 1_024;

/// A URI template, made ready to match.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This byte.
    Byte(u8),
    /// One byte of a value.
    One(Value),
    /// Any number of bytes of a value.
    Any(Value),
}

/// What the value of an expression may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// `{x}`, `{.x}`, `{;x}`: no part of a URI beyond the segment.
    Segment,
    /// `{/x}`: segments.
    Path,
    /// `{?x}`, `{&x}`: a query.
    Query,
    /// `{+x}`, `{#x}`: anything.
    Reserved,
}

/// How exactly a URI must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// As the RFC has it: `{x}` holds no slash.
    Exact,
    /// As many servers have it, and the spec's own example: the `{path}` of `file:///{path}` may hold slashes.
    Loose,
}

impl Template {
    /// Reads a template. `None` if it is none, or too long.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEMPLATE {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            push_literal(&mut parts, literal)?;
            let (expression, after) = after.split_once('}')?;
            push_expression(&mut parts, expression)?;
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        Some(Self { parts })
    }

    /// Whether `uri` can have been made from this template.
    pub(crate) fn matches(&self, uri: &str, how: Match) -> bool {
        let mut states = States::new(self);
        states.enter(0);
        states.swap();
        for byte in uri.bytes() {
            if !states.step(byte, how) {
                return false;
            }
        }
        states.now.contains(&self.parts.len())
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) -> Option<()> {
    parts.extend(literal.bytes().map(Part::Byte));
    (!literal.contains('}')).then_some(())
}

fn push_expression(parts: &mut Vec<Part>, expression: &str) -> Option<()> {
    if expression.contains('{') {
        return None;
    }
    let value = match expression.bytes().next()? {
        b'+' | b'#' => Value::Reserved,
        b'/' => Value::Path,
        b'?' | b'&' => Value::Query,
        b'.' | b';' => Value::Segment,
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%') => Value::Segment,
        // Operators that the RFC reserves for later.
        _ => return None,
    };
    // Only the plain forms stand for something that must be there.
    if matches!(value, Value::Reserved | Value::Segment) && !expression.starts_with(['#', '.', ';']) {
        parts.push(Part::One(value));
    }
    parts.push(Part::Any(value));
    Some(())
}

impl Value {
    fn holds(self, byte: u8, how: Match) -> bool {
        match self {
            Self::Segment => how == Match::Loose || !matches!(byte, b'/' | b'?' | b'#'),
            Self::Path => !matches!(byte, b'?' | b'#'),
            Self::Query => byte != b'#',
            Self::Reserved => true,
        }
    }
}

/// All the places in a template at which a URI may have arrived: no backtracking, whatever the template.
struct States<'a> {
    parts: &'a [Part],
    now: Vec<usize>,
    next: Vec<usize>,
    /// Where each place was last entered, so that none is entered twice.
    entered: Vec<usize>,
    at: usize,
    steps: usize,
}

impl<'a> States<'a> {
    fn new(template: &'a Template) -> Self {
        let parts = &template.parts;
        Self { parts, now: Vec::new(), next: Vec::new(), entered: vec![0; parts.len() + 1], at: 1, steps: 0 }
    }

    /// Arrives at a place, and at those behind it that need no byte.
    fn enter(&mut self, mut place: usize) {
        while let Some(entered) = self.entered.get_mut(place) {
            if *entered == self.at {
                return;
            }
            *entered = self.at;
            self.next.push(place);
            match self.parts.get(place) {
                Some(Part::Any(_)) => place += 1,
                _ => return,
            }
        }
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.now, &mut self.next);
        self.next.clear();
        self.at += 1;
    }

    /// Takes one byte. Whether there is any hope left.
    fn step(&mut self, byte: u8, how: Match) -> bool {
        let now = std::mem::take(&mut self.now);
        self.steps += now.len();
        for &place in &now {
            match self.parts.get(place) {
                Some(Part::Byte(wanted)) if *wanted == byte => self.enter(place + 1),
                Some(Part::One(value)) if value.holds(byte, how) => self.enter(place + 1),
                Some(Part::Any(value)) if value.holds(byte, how) => self.enter(place),
                _ => {}
            }
        }
        self.now = now;
        self.swap();
        !self.now.is_empty() && self.steps <= MAX_STEPS
    }
}
