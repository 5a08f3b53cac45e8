//! mqsub --output-dir: each message is a file of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{sends, subscribed};
use crate::support::packet::Publish;
use crate::support::runner::Satisfies;
use crate::support::scratch_dir;
use crate::tools::{kinds, mqsub, play};

/// The folders and the contents of all files below a folder, in the order of the
/// messages. No other file may be there.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            let (_, number) = name.strip_prefix('@').unwrap().rsplit_once('-').unwrap();
            let folder = next.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            files.push((number.parse::<u32>().unwrap(), folder, fs::read(path).unwrap()));
        }
    }
    files.sort();
    files.into_iter().map(|(_, folder, bytes)| (folder, bytes)).collect()
}

#[test]
fn each_message_is_a_file() {
    let dir = scratch_dir();
    let folder = dir.path().join("in/here");
    let messages = [
        Publish::new("home/lamp", "on\n"),
        Publish::new("home/lamp", ""),
        Publish::new("/../x", b"\0\xff"),
        Publish::new("home", "x"),
    ];
    let broker = sends(&messages);
    let tool = mqsub(broker.port(), "-t # -C 4 --output-dir").arg(&folder);
    tool.run().expect(0, "", "");
    let expected = [
        ("home/lamp", &b"on\n"[..]),
        ("home/lamp", b""),
        ("%/%2E./x", b"\0\xff"),
        ("home", b"x"),
    ];
    let expected = expected.map(|(folder, bytes)| (folder.to_owned(), bytes.to_vec()));
    assert_eq!(files(&folder), expected);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is outside");
}

#[test]
fn a_file_may_be_what_a_format_makes_of_the_message() {
    for (words, expected) in [("-F %t:%x", "a:78"), ("-F %p -v", "x")] {
        let dir = scratch_dir();
        let broker = sends(&[Publish::new("a", "x")]);
        let tool = mqsub(broker.port(), &format!("-t # -C 1 {words} --output-dir"));
        tool.arg(dir.path()).run().expect(0, "", "");
        assert_eq!(files(dir.path()), [("a".to_owned(), expected.as_bytes().to_vec())]);
    }
}

#[test]
fn a_message_that_cannot_be_written_is_not_acknowledged() {
    let (dir, elsewhere) = (scratch_dir(), scratch_dir());
    symlink(elsewhere.path(), dir.path().join("a")).unwrap();
    let broker = play(|conn| {
        subscribed(conn);
        conn.publish(&Publish::new("a/b", "x").qos(1, 7));
        conn.until_eof();
    });
    let tool = mqsub(broker.port(), "-t # -q 1 --output-dir").arg(dir.path());
    let told = |stderr: &[u8]| {
        let text = String::from_utf8_lossy(stderr);
        text.starts_with("mqsub: error: cannot write below ") && text.ends_with("/a: not a directory\n")
    };
    tool.run().expect(1, "", Satisfies(&told));
    let packets = broker.finish().concat();
    assert_eq!(kinds(&packets), ["CONNECT", "SUBSCRIBE", "DISCONNECT"]);
    assert_eq!(files(elsewhere.path()), []);
}

#[test]
fn a_folder_that_cannot_be_used_is_told_before_anything_else() {
    let dir = scratch_dir();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let told = |stderr: &[u8]| stderr.starts_with(b"mqsub: error: cannot use ");
    let tool = mqsub(1, "-t # --output-dir").arg(&file);
    tool.run().expect(1, "", Satisfies(&told));
}
