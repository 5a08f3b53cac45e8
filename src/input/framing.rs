//! What sets records apart, and where in a buffer they begin and end.

use std::ops::Range;

use super::Delimiter;

/// How many bytes a length has.
pub(super) const LENGTH: usize = 4;

/// What sets records apart.
#[derive(Clone, Debug)]
pub enum Framing {
    /// A delimiter after each record; after the last it may be absent.
    Delimited(Delimiter),
    /// The record's length before each, as four bytes, big end first.
    LengthPrefixed,
}

impl Default for Framing {
    /// Lines.
    fn default() -> Self {
        Self::Delimited(Delimiter::default())
    }
}

/// A record in a buffer.
pub(super) struct Place {
    pub(super) payload: Range<usize>,
    /// Where the next record begins.
    pub(super) end: usize,
}

impl Framing {
    /// The record that begins at `start`, if its end is there; no delimiter
    /// begins before `scanned`.
    #[inline]
    pub(super) fn record(&self, bytes: &[u8], start: usize, scanned: usize) -> Option<Place> {
        match self {
            Self::Delimited(delimiter) => {
                let from = start.max(scanned);
                let end = from + delimiter.find(bytes.get(from..)?)?;
                Some(Place {
                    payload: start..end,
                    end: end + delimiter.len(),
                })
            }
            Self::LengthPrefixed => {
                let length = length(bytes.get(start..)?)?;
                let start = start + LENGTH;
                if bytes.len() - start < length {
                    return None;
                }
                let end = start + length;
                Some(Place {
                    payload: start..end,
                    end,
                })
            }
        }
    }

    /// Where the last complete record ends; 0 if there is none.
    pub(super) fn complete(&self, bytes: &[u8], scanned: usize) -> usize {
        match self {
            Self::Delimited(delimiter) => {
                let ends = bytes.get(scanned..).and_then(|new| delimiter.last_end(new));
                ends.map_or(0, |end| scanned + end)
            }
            Self::LengthPrefixed => {
                let mut end = 0;
                while let Some(place) = self.record(bytes, end, 0) {
                    end = place.end;
                }
                end
            }
        }
    }
}

/// The length at the beginning of a frame, if all of it is there.
pub(super) fn length(frame: &[u8]) -> Option<usize> {
    let length = frame.first_chunk::<LENGTH>()?;
    // Where a usize has fewer bits, the largest is still above the limit.
    Some(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(framing: &Framing, bytes: &[u8]) -> (Vec<Range<usize>>, usize) {
        let mut places = Vec::new();
        let mut start = 0;
        while let Some(place) = framing.record(bytes, start, 0) {
            places.push(place.payload);
            start = place.end;
        }
        assert_eq!(framing.complete(bytes, 0), start);
        (places, start)
    }

    #[test]
    fn records_stand_where_they_begin_and_end() {
        let lines = Framing::default();
        assert_eq!(records(&lines, b"ab\n\nc"), (vec![0..2, 3..3], 4));
        assert_eq!(records(&lines, b"ab"), (vec![], 0));
        let several = Framing::Delimited(Delimiter::new(b"--").unwrap());
        assert_eq!(records(&several, b"a---b--c-"), (vec![0..1, 3..5], 7));
        let framed = Framing::LengthPrefixed;
        assert_eq!(
            records(&framed, b"\0\0\0\x01a\0\0\0\0\0\0\0\x02b"),
            (vec![4..5, 9..9], 9)
        );
        assert_eq!(records(&framed, b"\0\0\0"), (vec![], 0));
        assert_eq!(records(&framed, b"\xff\xff\xff\xffabc"), (vec![], 0));
    }

    #[test]
    fn what_was_searched_is_not_searched_again() {
        let lines = Framing::default();
        assert!(lines.record(b"a\nb", 0, 2).is_none());
        assert_eq!(lines.complete(b"a\nb", 2), 0);
    }
}
