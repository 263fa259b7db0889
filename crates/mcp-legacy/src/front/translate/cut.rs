use std::ops::Range;

use bytes::Bytes;

/// Takes members out of one object, with the commas that belong to them, while a reader goes over it.
#[derive(Debug, Default)]
pub(super) struct Cut {
    ranges: Vec<Range<usize>>,
    /// Where a run of members begins that are to go and that nothing stands before.
    leading: Option<usize>,
    /// The end of the last member.
    end: usize,
    kept: usize,
}

impl Cut {
    /// The next member of the object: from its name's quote to the end of its value.
    pub(super) fn member(&mut self, start: usize, end: usize, keep: bool) {
        if keep {
            if let Some(from) = self.leading.take() {
                self.ranges.push(from..start);
            }
            self.kept += 1;
        } else if self.kept > 0 {
            self.ranges.push(self.end..end);
        } else {
            self.leading.get_or_insert(start);
        }
        self.end = end;
    }

    /// Cuts inside of the member that was last kept.
    pub(super) fn within(&mut self, inner: Vec<Range<usize>>) {
        self.ranges.extend(inner);
    }

    /// How many members stay.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// What to take out, in order.
    pub(super) fn finish(mut self) -> Vec<Range<usize>> {
        self.ranges.extend(self.leading.map(|from| from..self.end));
        self.ranges
    }
}

/// The text without these ranges, which are in order: one allocation, one copy.
pub(super) fn without(text: &[u8], ranges: &[Range<usize>]) -> Bytes {
    let gone: usize = ranges.iter().map(Range::len).sum();
    let mut left = Vec::with_capacity(text.len().saturating_sub(gone));
    let mut copied = 0;
    for range in ranges {
        left.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
        copied = range.end;
    }
    left.extend_from_slice(text.get(copied..).unwrap_or_default());
    left.into()
}
