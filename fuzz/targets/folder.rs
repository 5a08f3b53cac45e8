//! The folders of a topic under --output-dir: each topic has its own, none is
//! outside, and the topic can be told from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtools::output::folders;

/// The topic of these folders.
fn topic(folders: &[String]) -> Option<String> {
    let mut levels = vec![Vec::new()];
    let mut goes_on = true;
    for folder in folders {
        if !goes_on {
            levels.push(Vec::new());
        }
        let level = levels.last_mut()?;
        goes_on = folder.ends_with("%-");
        let mut rest = folder.strip_suffix("%-").unwrap_or(folder).as_bytes();
        if rest == b"%" {
            continue;
        }
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            if *byte == b'%' {
                let (digits, behind) = rest.split_at_checked(2)?;
                level.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = behind;
            } else {
                level.push(*byte);
            }
        }
    }
    String::from_utf8(levels.join(&b'/')).ok()
}

fuzz_target!(|name: &str| {
    let folders = folders(name);
    assert_eq!(topic(&folders).as_deref(), Some(name), "{folders:?}");
    for folder in &folders {
        assert!(!folder.is_empty() && folder.len() < 256, "{folder}");
        assert!(!folder.starts_with(['.', '@']), "{folder}");
        assert!(!folder.contains(|letter: char| letter.is_control() || "/\\".contains(letter)), "{folder:?}");
    }
});
