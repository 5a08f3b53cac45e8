//! Overwrites secrets in the process's own list of arguments, which every user of
//! the machine can read (`ps`, `/proc/PID/cmdline`). On Linux that needs no unsafe
//! code: the kernel says where the list is, and takes what is written there
//! through a file. Nobody has a reference into that list: std copies out of it.
//! Elsewhere, and where that file is not to be had, nothing happens.

#![expect(clippy::indexing_slicing, reason = "behind the position of a byte that was found")]

use std::ffi::OsString;
use std::ops::Range;

/// What stands in the place of each byte.
#[cfg(target_os = "linux")]
const MASK: u8 = b'*';

/// Overwrites parts of arguments: the number of the argument and the bytes of it,
/// the program's name not counted among `arguments`.
pub(crate) fn overwrite(arguments: &[OsString], parts: &[(usize, Range<usize>)]) {
    if !parts.is_empty() {
        #[cfg(target_os = "linux")]
        let _ = linux::overwrite(arguments, parts);
        #[cfg(not(target_os = "linux"))]
        let _ = arguments;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::ops::Range;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::FileExt as _;

    /// The field of /proc/PID/stat that has the address of the first argument,
    /// counted from the one behind the program's name (`proc_pid_stat(5)`: 48).
    const ARG_START: usize = 48 - 3;

    pub(super) fn overwrite(arguments: &[OsString], parts: &[(usize, Range<usize>)]) -> io::Result<()> {
        let list = fs::read("/proc/self/cmdline")?;
        let numbers = fs::read("/proc/self/stat")?;
        let unknown = || io::Error::from(io::ErrorKind::InvalidData);
        // The program's name is in parentheses, and may have some itself.
        let behind = numbers.iter().rposition(|byte| *byte == b')').ok_or_else(unknown)?;
        let fields = String::from_utf8_lossy(&numbers[behind + 1..]);
        let start = fields
            .split_whitespace()
            .nth(ARG_START)
            .and_then(|field| field.parse::<u64>().ok());
        let start = start.filter(|start| *start != 0).ok_or_else(unknown)?;
        let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
        let mut places = Vec::with_capacity(arguments.len());
        let mut at = 0;
        for (number, argument) in list.split(|byte| *byte == 0).enumerate() {
            // The first one is the program's name.
            if number > 0 {
                places.push((at, argument));
            }
            at += argument.len() + 1;
        }
        for (number, part) in parts {
            let (at, argument) = places.get(*number).ok_or_else(unknown)?;
            // Only where it is for certain what we think it is.
            if arguments.get(*number).map(|argument| argument.as_bytes()) != Some(*argument) {
                return Err(unknown());
            }
            let place = u64::try_from(at + part.start).map_err(io::Error::other)?;
            memory.write_all_at(&vec![super::MASK; part.len()], start + place)?;
        }
        Ok(())
    }
}
