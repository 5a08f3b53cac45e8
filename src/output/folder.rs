//! A file for each message, below one folder: the levels of its topic are
//! folders ([`path`](super::path)), and its name is when it came and its number
//! in this run, as in `@20261122T202326.036183Z-000001`. A file is written under
//! another name and then renamed: whoever sees its name sees all of it. What is
//! there already is never overwritten, and no symbolic link below the folder is
//! followed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::path;
use crate::clock::{Zone, since_1970};
use crate::failure::io_reason;

/// As of any file, before the umask.
const FILE: Mode = Mode::from_raw_mode(0o666);
const FOLDER: Mode = Mode::from_raw_mode(0o777);

/// A folder to write messages below.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    root: OwnedFd,
    /// The topic of the last message, and its folder.
    last: Option<(String, OwnedFd)>,
    /// How many messages there were.
    number: u64,
}

impl Folder {
    /// Opens a folder; makes it if it is not there.
    ///
    /// # Errors
    /// That it cannot be used, and why, as a sentence.
    pub fn open(path: &Path) -> Result<Self, String> {
        let root = std::fs::create_dir_all(path).and_then(|()| {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(rustix::fs::open(path, flags, Mode::empty())?)
        });
        match root {
            Ok(root) => Ok(Self {
                path: path.to_owned(),
                root,
                last: None,
                number: 0,
            }),
            Err(error) => Err(format!("cannot use {}: {}", path.display(), io_reason(&error))),
        }
    }

    /// Writes the file of a message.
    ///
    /// # Errors
    /// That it cannot be written, and why, as a sentence. Nothing is left of it.
    pub fn write(&mut self, topic: &str, time: SystemTime, bytes: &[u8]) -> Result<(), String> {
        let again = self.last.as_ref().is_some_and(|(last, _)| last == topic);
        let mut outcome = self.try_write(topic, time, bytes);
        if again && matches!(&outcome, Err((_, error)) if error.kind() == io::ErrorKind::NotFound) {
            // Somebody has removed the folder of the last message.
            self.last = None;
            outcome = self.try_write(topic, time, bytes);
        }
        outcome.map_err(|(place, error)| {
            let place = self.path.join(place);
            format!("cannot write below {}: {}", place.display(), io_reason(&error))
        })
    }

    fn try_write(&mut self, topic: &str, time: SystemTime, bytes: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        let folder = match self.last.take().filter(|(last, _)| last == topic) {
            Some((_, folder)) => folder,
            None => descend(self.root.as_fd(), topic)?,
        };
        let written = self.write_in(folder.as_fd(), time, bytes);
        self.last = Some((topic.to_owned(), folder));
        written.map_err(|error| (path::folders(topic).iter().collect(), error))
    }

    fn write_in(&mut self, folder: BorrowedFd<'_>, time: SystemTime, bytes: &[u8]) -> io::Result<()> {
        self.number += 1;
        // No level of a topic begins with a dot.
        let draft = format!(".mqsub-{}-{}", std::process::id(), self.number);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || rustix::fs::openat(folder, &draft, flags, FILE);
        let file = match create() {
            // A process with our number did not come to its end.
            Err(Errno::EXIST) => rustix::fs::unlinkat(folder, &draft, AtFlags::empty()).and_then(|()| create())?,
            other => other?,
        };
        let written = File::from(file).write_all(bytes).and_then(|()| {
            let (second, nanos) = since_1970(time);
            let time = Zone::utc().format(second, "%Y%m%dT%H%M%S");
            loop {
                let name = format!("@{time}.{:06}Z-{:06}", nanos / 1000, self.number);
                match rename(folder, &draft, &name) {
                    // Another process had the same at the same time.
                    Err(Errno::EXIST) => self.number += 1,
                    other => return Ok(other?),
                }
            }
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(folder, &draft, AtFlags::empty());
        }
        written
    }
}

/// The folder of a topic; what is missing on the way is made.
fn descend(root: BorrowedFd<'_>, topic: &str) -> Result<OwnedFd, (PathBuf, io::Error)> {
    let mut way = PathBuf::new();
    let mut here: Option<OwnedFd> = None;
    for name in path::folders(topic) {
        way.push(&name);
        let parent = here.as_ref().map_or(root, OwnedFd::as_fd);
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(parent, &name, flags, Mode::empty());
        let opened = open().or_else(|error| match error {
            Errno::NOENT => match rustix::fs::mkdirat(parent, &name, FOLDER) {
                Ok(()) | Err(Errno::EXIST) => open(),
                Err(error) => Err(error),
            },
            error => Err(error),
        });
        match opened {
            Ok(folder) => here = Some(folder),
            Err(error) => return Err((way, error.into())),
        }
    }
    // A topic has one level at least.
    here.ok_or_else(|| (way, io::ErrorKind::NotFound.into()))
}

/// Gives a file its name, unless there is one of that name.
fn rename(folder: BorrowedFd<'_>, old: &str, new: &str) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    match rustix::fs::renameat_with(folder, old, folder, new, rustix::fs::RenameFlags::NOREPLACE) {
        // Not every file system can do that.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        other => return other,
    }
    rustix::fs::linkat(folder, old, folder, new, AtFlags::empty())?;
    rustix::fs::unlinkat(folder, old, AtFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn time() -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456)
    }

    /// The files below a folder, with what is in them.
    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    files.push((name, std::fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    #[test]
    fn each_message_is_a_file_that_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("new/folder");
        let mut folder = Folder::open(&below).unwrap();
        folder.write("a/b", time(), b"1").unwrap();
        folder.write("a/b", time(), b"").unwrap();
        folder.write("../../x", time(), b"\0\xff").unwrap();
        folder.write("a", time(), b"4").unwrap();
        // Another run, at the same time.
        let mut other = Folder::open(&below).unwrap();
        other.write("a/b", time(), b"5").unwrap();
        let name = |folder: &str, number: u32| format!("{folder}/@20231114T221320.123456Z-{number:06}");
        let expected = [
            (name("%2E./%2E./x", 3), b"\0\xff".to_vec()),
            (name("a", 4), b"4".to_vec()),
            (name("a/b", 1), b"1".to_vec()),
            (name("a/b", 2), Vec::new()),
            (name("a/b", 3), b"5".to_vec()),
        ];
        assert_eq!(files(&below), expected);
        assert_eq!(files(dir.path()).len(), expected.len(), "nothing is outside");
    }

    #[test]
    fn a_folder_that_was_removed_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        folder.write("a/b", time(), b"1").unwrap();
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        folder.write("a/b", time(), b"2").unwrap();
        let contents: Vec<Vec<u8>> = files(dir.path()).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(contents, [b"2"]);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        for topic in ["a/b", "a", "file/b"] {
            let error = folder.write(topic, time(), b"1").unwrap_err();
            assert!(error.starts_with("cannot write below "), "{error}");
            assert!(error.ends_with(": not a directory"), "{error}");
        }
        assert_eq!(files(elsewhere.path()), []);
        // The folder itself may be one.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        Folder::open(&link).unwrap().write("a", time(), b"1").unwrap();
        assert_eq!(files(elsewhere.path()).len(), 1);
    }

    #[test]
    fn a_very_long_and_very_deep_topic_has_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        let topic = ["level/".repeat(1500), "x".repeat(3000)].concat();
        folder.write(&topic, time(), b"1").unwrap();
        folder.write(&topic, time(), b"2").unwrap();
    }

    #[test]
    fn what_is_no_folder_cannot_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Folder::open(&file).unwrap_err();
        assert!(error.starts_with("cannot use "), "{error}");
    }
}
