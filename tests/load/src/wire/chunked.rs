//! The chunked transfer coding (RFC 9112, section 7.1), read without copying.

/// Where in the coding the next byte stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunked {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    Data { left: u64 },
    AfterData,
    Trailer { blank: bool },
}

/// What to do with the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Skip framing, then take data.
    Data { skip: usize, take: usize },
    /// Skip framing, then come back with more input.
    More { skip: usize },
    /// Skip the last of the framing: the body is over.
    End { skip: usize },
    /// This is not the chunked coding.
    Malformed,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

impl Chunked {
    /// Reads up to the next data, or as far as the input goes.
    pub(super) fn step(&mut self, input: &[u8]) -> Step {
        for (skip, byte) in input.iter().enumerate() {
            *self = match (&mut *self, byte) {
                (Self::Data { left }, _) => {
                    let available = input.len() - skip;
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(available);
                    *left -= take as u64;
                    if *left == 0 {
                        *self = Self::AfterData;
                    }
                    return Step::Data { skip, take };
                }
                (Self::Size { digits: 0, .. }, b'\r' | b'\n' | b';') => return Step::Malformed,
                (Self::Size { value, .. } | Self::Extension { value }, b'\n') => match *value {
                    0 => Self::Trailer { blank: true },
                    left => Self::Data { left },
                },
                (Self::Size { value, .. }, b';' | b'\r') => Self::Extension { value: *value },
                (Self::Size { digits: 15.., .. }, _) => return Step::Malformed,
                (Self::Size { value, digits }, byte) => match char::from(*byte).to_digit(16) {
                    Some(digit) => Self::Size { value: *value * 16 + u64::from(digit), digits: *digits + 1 },
                    None => return Step::Malformed,
                },
                (Self::Extension { value }, _) => Self::Extension { value: *value },
                (Self::AfterData, b'\r') => Self::AfterData,
                (Self::AfterData, b'\n') => Self::default(),
                (Self::AfterData, _) => return Step::Malformed,
                (Self::Trailer { blank }, b'\r') => Self::Trailer { blank: *blank },
                (Self::Trailer { blank: true }, b'\n') => return Step::End { skip: skip + 1 },
                (Self::Trailer { .. }, b'\n') => Self::Trailer { blank: true },
                (Self::Trailer { .. }, _) => Self::Trailer { blank: false },
            };
        }
        Step::More { skip: input.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `wire` fed in pieces of `size` bytes; `None` when malformed or unfinished.
    fn decode(wire: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut chunked = Chunked::default();
        let mut body = Vec::new();
        for mut piece in wire.chunks(size) {
            loop {
                match chunked.step(piece) {
                    Step::Data { skip, take } => {
                        body.extend_from_slice(&piece[skip..skip + take]);
                        piece = &piece[skip + take..];
                    }
                    Step::More { skip } => {
                        assert_eq!(skip, piece.len());
                        break;
                    }
                    Step::End { skip } => {
                        assert_eq!(skip, piece.len());
                        return Some(body);
                    }
                    Step::Malformed => return None,
                }
            }
        }
        None
    }

    #[test]
    fn the_body_is_the_same_however_it_is_cut() {
        let wire = b"5\r\nhello\r\n1;x=\"y\"\r\n,\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n";
        for size in 1..=wire.len() {
            assert_eq!(decode(wire, size).as_deref(), Some(&b"hello,0123456789"[..]), "cut at {size}");
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for wire in ["hello", "\r\n", "5\r\nhelloX", "ffffffffffffffffff\r\n"] {
            assert_eq!(decode(wire.as_bytes(), 64), None, "{wire}");
        }
    }

    #[test]
    fn a_body_cut_short_has_no_end() {
        assert_eq!(decode(b"5\r\nhello\r\n0\r\n", 64), None);
    }
}
