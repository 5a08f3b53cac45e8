//! `--ws-header`: what the request of a WebSocket says besides.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Secret;

/// The headers that make the request what it is (RFC 6455, 4.1).
const OWN: [&str; 2] = ["connection", "upgrade"];

/// Takes `NAME:VALUE` apart. The value may be a secret (`Authorization`), so no
/// error shows it.
///
/// # Errors
/// [`Exit::Usage`], with what is wrong.
pub(super) fn parse(text: &str) -> Result<(String, Secret), Failure> {
    let wrong = |why: String| Failure::new(Exit::Usage, format!("--ws-header: {why}"));
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| wrong("not NAME:VALUE: the ':' is missing".to_owned()))?;
    let (name, value) = (name.trim(), value.trim());
    // A token (RFC 9110, 5.6.2).
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(wrong("the name may have only letters, digits and '-'".to_owned()));
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(wrong(format!("the value of {name} must be one line of text")));
    }
    let lower = name.to_ascii_lowercase();
    if OWN.contains(&&*lower) || lower.starts_with("sec-websocket-") {
        return Err(wrong(format!("{name} belongs to the WebSocket handshake itself")));
    }
    Ok((name.to_owned(), Secret::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_value() {
        for (text, name, value) in [
            ("Authorization: Bearer a:b", "Authorization", "Bearer a:b"),
            ("Host:broker", "Host", "broker"),
            ("x-empty:", "x-empty", ""),
            ("X: \u{e9}", "X", "\u{e9}"),
        ] {
            assert_eq!(parse(text), Ok((name.to_owned(), Secret::from(value))), "{text}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        for text in [
            "secret",
            ": secret",
            "a b: secret",
            "X: secret\r\nY: z",
            "X: secret\0",
            "Upgrade: secret",
            "connection:secret",
            "Sec-WebSocket-Key: secret",
        ] {
            let failure = parse(text).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{text:?}");
            assert!(!failure.to_string().contains("secret"), "{text:?}");
        }
    }
}
