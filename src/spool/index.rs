//! What is known of a spool besides its records: where the first one stands that
//! is not delivered, where the last one ends, what was lost. Pure: bytes in, bytes
//! out.
//!
//! It is a help, not the truth: what is on the disk of it may be older than the
//! records, or damaged, and is then made anew from them. It is written in turns to
//! two places, so that a write that breaks off leaves the one before.

use super::record::Place;

/// What each place begins with; its last byte is the version of the format.
const MARK: [u8; 8] = *b"mqindex\x01";

/// How many bytes a place has.
pub(super) const SIZE: usize = 128;

/// How many numbers there are in it, the count of writes included.
const NUMBERS: usize = 13;

/// A place in a spool: before it, or at it, a record begins, or the last one has
/// ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The number of the segment.
    pub(super) segment: u64,
    /// In bytes.
    pub(super) offset: u64,
}

/// What a spool could not keep, or the broker did not take, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Messages that were dropped to stay within the limit of size.
    pub dropped: u64,
    /// Messages that were older than the limit of age, or than they say themselves.
    pub expired: u64,
    /// Messages that the broker refused.
    pub refused: u64,
    /// Bytes that were no records any more.
    pub damaged: u64,
}

/// What is known of a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// How often it has been written.
    pub(super) turn: u64,
    /// Before this, everything is delivered or given up.
    pub(super) start: Position,
    /// Where the next record is put.
    pub(super) end: Position,
    /// The random number of the segment that this is in.
    pub(super) salt: u64,
    /// How many messages there are between the two.
    pub(super) messages: u64,
    /// One of these, now or before, is of QoS 2.
    pub(super) exactly_once: bool,
    /// One of these, now or before, has properties of MQTT 5.
    pub(super) five: bool,
    pub(super) losses: Losses,
    /// How many bytes lie between the two.
    pub(super) bytes: u64,
}

impl Index {
    /// As it is written to the disk, and which of the two places it goes to.
    pub(super) fn write(&self) -> (usize, [u8; SIZE]) {
        let Losses {
            dropped,
            expired,
            refused,
            damaged,
        } = self.losses;
        let numbers: [u64; NUMBERS] = [
            self.turn,
            self.start.segment,
            self.start.offset,
            self.end.segment,
            self.end.offset,
            self.salt,
            self.messages,
            self.bytes,
            u64::from(self.exactly_once) | u64::from(self.five) << 1,
            dropped,
            expired,
            refused,
            damaged,
        ];
        let mut bytes = [0; SIZE];
        let (mark, rest) = bytes.split_at_mut(MARK.len());
        mark.copy_from_slice(&MARK);
        for (place, number) in rest.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[..SIZE - 4]).to_le_bytes();
        bytes[SIZE - 4..].copy_from_slice(&checksum);
        (usize::from(self.turn % 2 == 1), bytes)
    }

    /// The newest one that these two places have, if one is whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let places = bytes.chunks_exact(SIZE).take(2);
        places.filter_map(Self::read_place).max_by_key(|index| index.turn)
    }

    fn read_place(bytes: &[u8]) -> Option<Self> {
        let (rest, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(rest).to_le_bytes() != *checksum {
            return None;
        }
        let numbers = rest.strip_prefix(&MARK)?.chunks_exact(8).take(NUMBERS);
        let numbers = numbers.filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        let numbers: [u64; NUMBERS] = numbers.collect::<Vec<u64>>().try_into().ok()?;
        let [
            turn,
            s1,
            s2,
            e1,
            e2,
            salt,
            messages,
            bytes,
            flags,
            dropped,
            expired,
            refused,
            damaged,
        ] = numbers;
        let position = |segment, offset| Position { segment, offset };
        Some(Self {
            turn,
            start: position(s1, s2),
            end: position(e1, e2),
            salt,
            messages,
            bytes,
            exactly_once: flags & 1 != 0,
            five: flags & 2 != 0,
            losses: Losses {
                dropped,
                expired,
                refused,
                damaged,
            },
        })
    }

    /// What checksums at the end cover.
    pub(super) fn place(&self) -> Place {
        Place {
            salt: self.salt,
            offset: self.end.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(turn: u64) -> Index {
        Index {
            turn,
            start: Position { segment: 1, offset: 2 },
            end: Position { segment: 3, offset: 4 },
            salt: u64::MAX,
            messages: 6,
            bytes: 7,
            exactly_once: true,
            five: false,
            losses: Losses {
                dropped: 8,
                expired: 9,
                refused: 10,
                damaged: 11,
            },
        }
    }

    /// Both places, each with what was written to it last.
    fn written(turns: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0; 2 * SIZE];
        for turn in turns {
            let (place, text) = index(*turn).write();
            bytes[place * SIZE..][..SIZE].copy_from_slice(&text);
        }
        bytes
    }

    #[test]
    fn the_newest_is_read_back() {
        assert_eq!(Index::read(&written(&[])), None);
        assert_eq!(Index::read(b""), None);
        for turns in [&[0][..], &[1], &[0, 1], &[0, 1, 2], &[7, 8]] {
            assert_eq!(Index::read(&written(turns)), turns.last().map(|turn| index(*turn)));
        }
    }

    #[test]
    fn a_damaged_one_leaves_the_one_before() {
        let bytes = written(&[4, 5]);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let expected = if at < SIZE { 5 } else { 4 };
            assert_eq!(Index::read(&bytes), Some(index(expected)), "{at}");
        }
        for length in 0..bytes.len() {
            let expected = (length >= SIZE).then(|| index(4));
            assert_eq!(Index::read(&bytes[..length]), expected, "{length}");
        }
    }
}
