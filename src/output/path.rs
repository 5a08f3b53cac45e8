//! A topic as the path of a folder, and back: each level is a folder. No topic
//! leads out of the folder that it is below, and no two lead to the same one.
//!
//! A level stands there as it is, but for these:
//!
//! - `%`, `\` and control characters, and `.` and `@` at its beginning, are the
//!   bytes of UTF-8 as `%2E`. So nothing is hidden, nothing is `..`, and a name
//!   that begins with `@` is that of a message.
//! - An empty level is `%`.
//! - A level too long for a file name goes on in the folder below: all its parts
//!   but the last end in `%-`.

use std::fmt::Write as _;

/// The longest part of a level, in bytes, without the mark that it goes on. File
/// systems allow 255.
const LONGEST: usize = 200;

/// The names of the folders that a topic's messages are below.
pub(super) fn folders(topic: &str) -> Vec<String> {
    let mut folders = Vec::new();
    for level in topic.split('/') {
        if level.is_empty() {
            folders.push("%".to_owned());
            continue;
        }
        let mut name = String::new();
        for letter in level.chars() {
            if name.len() + 4 > LONGEST {
                name.push_str("%-");
                folders.push(std::mem::take(&mut name));
            }
            let special = matches!(letter, '%' | '\\') || letter.is_control();
            if special || (name.is_empty() && matches!(letter, '.' | '@')) {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(name, "%{byte:02X}");
                }
            } else {
                name.push(letter);
            }
        }
        folders.push(name);
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use percent_encoding::percent_decode_str;

    /// The topic whose messages are below these folders.
    fn topic(folders: &[String]) -> String {
        let mut topic = String::new();
        let mut goes_on = true;
        for folder in folders {
            if !std::mem::replace(&mut goes_on, folder.ends_with("%-")) {
                topic.push('/');
            }
            let part = folder.strip_suffix("%-").unwrap_or(folder);
            if part != "%" {
                topic.push_str(&percent_decode_str(part).decode_utf8().unwrap());
            }
        }
        topic
    }

    #[test]
    fn a_level_is_a_folder() {
        for (topic, path) in [
            ("home/lamp", "home/lamp"),
            ("a b/ü €/$x/+=,;:'\"-", "a b/ü €/$x/+=,;:'\"-"),
            ("/a//b/", "%/a/%/b/%"),
            ("/", "%/%"),
            ("../.ssh/./a.b", "%2E./%2Essh/%2E/a.b"),
            ("@x/a@b/~/*", "%40x/a@b/~/*"),
            ("50%\\\n\u{7f}\u{9b}", "50%25%5C%0A%7F%C2%9B"),
        ] {
            assert_eq!(folders(topic).join("/"), path);
        }
        let long = format!("a/{}/b", "x".repeat(500));
        let lengths: Vec<usize> = folders(&long).iter().map(String::len).collect();
        assert_eq!(lengths, [1, 199, 199, 106, 1]);
    }

    #[test]
    fn every_topic_has_a_path_of_its_own_that_stays_below() {
        let mut random = Rng::with_seed(7);
        let pieces = [
            "/", "/", ".", "..", "%", "%-", "%2E", "@", "\\", "\n", "a", "é", "€", "😀", "\u{85}", "~", "-", "x",
        ];
        for _ in 0..20_000 {
            let count = random.usize(1..40);
            let name: String = (0..count)
                .map(|_| {
                    let piece = pieces[random.usize(..pieces.len())];
                    piece.repeat(if random.u8(..30) == 0 { random.usize(1..300) } else { 1 })
                })
                .collect();
            let folders = folders(&name);
            assert_eq!(topic(&folders), name);
            for folder in folders {
                assert!(!folder.is_empty() && folder.len() < 256, "{folder}");
                assert!(!folder.starts_with(['.', '@']), "{folder}");
                assert!(!folder.contains(['/', '\0', '\\']), "{folder}");
            }
        }
    }
}
