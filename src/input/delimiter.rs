//! What stands between two records: one byte or several, and how a person
//! writes them.

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// The bytes between two records; at least one.
#[derive(Clone, Debug)]
pub struct Delimiter(Kind);

#[derive(Clone, Debug)]
enum Kind {
    One(u8),
    Many(Box<Finder<'static>>),
}

impl Default for Delimiter {
    /// A newline.
    fn default() -> Self {
        Self(Kind::One(b'\n'))
    }
}

impl Delimiter {
    /// `None` for no bytes at all, which stand everywhere.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => None,
            [byte] => Some(Self(Kind::One(*byte))),
            many => Some(Self(Kind::Many(Box::new(Finder::new(many).into_owned())))),
        }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::One(_) => 1,
            Kind::Many(finder) => finder.needle().len(),
        }
    }

    /// Where the first one begins.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::One(byte) => memchr(*byte, bytes),
            Kind::Many(finder) => finder.find(bytes),
        }
    }

    /// Where the last one ends, as seen by who takes one after the other from
    /// the beginning: of `xxx` the first two are the delimiter `xx`.
    pub(super) fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::One(byte) => memrchr(*byte, bytes).map(|at| at + 1),
            Kind::Many(finder) => finder.find_iter(bytes).last().map(|at| at + finder.needle().len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_delimits_nothing() {
        assert!(Delimiter::new(b"").is_none());
    }

    #[test]
    fn overlapping_delimiters_are_taken_from_the_beginning() {
        let delimiter = Delimiter::new(b"xx").unwrap();
        assert_eq!(delimiter.find(b"axxx"), Some(1));
        assert_eq!(delimiter.last_end(b"axxx"), Some(3));
        assert_eq!(delimiter.last_end(b"axxxx"), Some(5));
        assert_eq!(Delimiter::default().last_end(b"a\nb\nc"), Some(4));
    }
}
