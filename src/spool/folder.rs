//! The files of a spool: segments, which records are added to the end of, the
//! index, and the two locks, which end with the process that has them.

#![expect(clippy::indexing_slicing, reason = "no more bytes are read than the buffer has")]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::index::{self, Index};

/// The file of the index; who changes anything locks it.
const INDEX: &str = "index";
/// Who delivers locks this.
const DELIVERY: &str = "delivery";
/// What may be in a folder that is to become a spool, besides segments: what a
/// spool has whose index is lost, and what a file system has at its root.
const KNOWN: [&str; 4] = [INDEX, DELIVERY, "client", "lost+found"];
/// What the names of segments end with; its last character is the version.
const SUFFIX: &str = ".mq1";
/// What is written in there is for nobody else.
const PRIVATE: u32 = 0o600;

/// Which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// In order, from 1.
    pub(super) number: u64,
    /// A random number, which the checksums cover.
    pub(super) salt: u64,
}

impl Name {
    pub(super) fn new(number: u64) -> Self {
        let salt = fastrand::u64(..);
        Self { number, salt }
    }

    fn text(self) -> String {
        format!("{:016x}-{:016x}{SUFFIX}", self.number, self.salt)
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, salt) = text.strip_suffix(SUFFIX)?.split_once('-')?;
        let hex = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
        let name = Self {
            number: hex(number)?,
            salt: hex(salt)?,
        };
        (name.text() == text).then_some(name)
    }
}

/// The folder of a spool.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    index: File,
}

impl Folder {
    /// Opens the folder, and makes it if `create`.
    ///
    /// # Errors
    /// That of a file.
    pub(super) fn open(path: &Path, create: bool) -> io::Result<Self> {
        if create && !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        if !create && !path.join(INDEX).exists() {
            // What is not there is told from what is no spool.
            fs::metadata(path)?;
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is no spool"));
        }
        if create && !path.join(INDEX).exists() && !is_free(path)? {
            let why = "the folder has other files in it, and is no spool";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let index = file().create(true).truncate(false).open(path.join(INDEX))?;
        let path = path.to_owned();
        Ok(Self { path, index })
    }

    /// Waits until nobody else changes anything, and keeps it so until
    /// [`Folder::unlock`].
    pub(super) fn lock(&self) -> io::Result<()> {
        loop {
            match rustix::fs::flock(&self.index, FlockOperation::LockExclusive) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    pub(super) fn unlock(&self) {
        let _ = rustix::fs::flock(&self.index, FlockOperation::Unlock);
    }

    /// The lock of who delivers; `None` if another process has it.
    pub(super) fn lock_delivery(&self) -> io::Result<Option<File>> {
        let lock = file().create(true).truncate(false).open(self.path.join(DELIVERY))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The index, and whether there has been one at all.
    pub(super) fn read_index(&self) -> io::Result<(Option<Index>, bool)> {
        let mut bytes = [0; 2 * index::SIZE];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match self.index.read_at(rest, length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Index::read(&bytes[..length]), length > 0))
    }

    pub(super) fn write_index(&self, index: &Index) -> io::Result<()> {
        let (place, bytes) = index.write();
        self.index.write_all_at(&bytes, (place * index::SIZE) as u64)
    }

    /// Has the index on the disk, too.
    pub(super) fn sync_index(&self) -> io::Result<()> {
        self.index.sync_data()
    }

    /// The segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().to_str().and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Opens a segment; `None` if it is not there.
    pub(super) fn open_segment(&self, name: Name) -> io::Result<Option<File>> {
        match file().open(self.path.join(name.text())) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a segment, for good if `sync`.
    pub(super) fn create_segment(&self, name: Name, sync: bool) -> io::Result<File> {
        let file = file().create(true).truncate(false).open(self.path.join(name.text()))?;
        if sync {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(file)
    }

    /// Removes the segments before the one with this number.
    pub(super) fn purge(&self, number: u64) -> io::Result<()> {
        for name in self.segments()?.into_iter().filter(|name| name.number < number) {
            fs::remove_file(self.path.join(name.text()))?;
        }
        Ok(())
    }

    /// What a small file of text has in it, which `fresh` makes if it is not there.
    pub(super) fn text(&self, name: &str, fresh: impl FnOnce() -> String) -> io::Result<String> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                let text = fresh();
                let file = file().create(true).truncate(true).open(&path)?;
                file.write_all_at(format!("{text}\n").as_bytes(), 0)?;
                file.sync_all()?;
                Ok(text)
            }
        }
    }
}

/// Whether a folder has nothing in it but what another process that makes a spool
/// of it may have put there by now.
fn is_free(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let known = |name: &str| KNOWN.contains(&name) || Name::parse(name).is_some();
        let ours = name.to_str().is_some_and(known);
        if !ours {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Files are read and written, and nobody else's business.
fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(PRIVATE);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        let error = Folder::open(&path, true).unwrap_err();
        assert_eq!(error.to_string(), "the folder has other files in it, and is no spool");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing was put there");
        // An empty one is made one, and then is one whatever else is there.
        fs::remove_file(path.join("notes.txt")).unwrap();
        assert!(Folder::open(&path, true).is_ok());
        fs::write(path.join("notes.txt"), "mine").unwrap();
        assert!(Folder::open(&path, true).is_ok());
    }

    #[test]
    fn names_are_in_order_and_nothing_else_is_one() {
        let name = Name { number: 10, salt: 255 };
        assert_eq!(name.text(), "000000000000000a-00000000000000ff.mq1");
        assert_eq!(Name::parse(&name.text()), Some(name));
        let upper = name.text().to_uppercase();
        for other in ["index", "a-ff.mq1", "000000000000000a-00000000000000ff.mq2", &upper] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
        assert!(Name { number: 9, salt: 300 } < name);
    }
}
