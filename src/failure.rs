//! What can end a run: what was being done, why it failed, what to do about it,
//! and the exit status that says so to a script. It prints nothing.

use std::fmt;

use crate::exit::Exit;

/// A failure in words for a person and a status for a script.
///
/// Shown as `what: why` on one line; the hint is for the line after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    text: String,
    hint: Option<String>,
    permanent: bool,
    nobody_listens: bool,
    code: Option<u8>,
}

impl Failure {
    /// A failure with the exit status that it ends the run with.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
            hint: None,
            permanent: matches!(exit, Exit::Usage | Exit::Refused),
            nobody_listens: false,
            code: None,
        }
    }

    /// The same failure with a line that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure, marked as one that trying again cannot mend (a
    /// certificate that does not fit, a file that is not there).
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// The same failure with the broker's code for it (or that of mosquitto's
    /// library), which is the exit status under mosquitto's names.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = Some(code);
        self
    }

    /// The code that [`Failure::code`] has set.
    pub fn code_number(&self) -> Option<u8> {
        self.code
    }

    /// The same failure, marked as one that says that no broker is running.
    #[must_use]
    pub fn nobody_listening(mut self) -> Self {
        self.nobody_listens = true;
        self
    }

    /// Whether it says that no broker is running.
    pub fn says_nobody_listens(&self) -> bool {
        self.nobody_listens
    }

    /// The same failure, marked as one that may pass (a server that is busy).
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.permanent = false;
        self
    }

    /// The same failure with ` (words)` behind its text.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.text = format!("{} ({words})", self.text);
        self
    }

    /// The same failure with `prefix: ` before its text.
    #[must_use]
    pub fn context(mut self, prefix: impl fmt::Display) -> Self {
        self.text = format!("{prefix}: {}", self.text);
        self
    }

    /// What a connection that cannot be made is to a run that had one: it is lost for
    /// good.
    #[must_use]
    pub fn for_good(self) -> Self {
        if self.exit != Exit::NoConnection {
            return self;
        }
        Self {
            exit: Exit::Undelivered,
            code: None,
            ..self.context("connection lost for good")
        }
    }

    /// What several failures come to, if there are any: told one after the other,
    /// with the status and the hint of the last one; for good only if each is.
    pub fn all(failures: Vec<Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let first = failures.next()?;
        Some(failures.fold(first, |before, last| Self {
            text: format!("{}; {}", before.text, last.text),
            permanent: before.permanent && last.permanent,
            nobody_listens: before.nobody_listens || last.nobody_listens,
            ..last
        }))
    }

    /// The status that this failure ends the run with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it, if there is a good guess.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether trying again cannot help.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// The operating system's words for an error, without Rust's `(os error 111)`.
///
/// `connection refused`, not `Connection refused (os error 111)`: the text
/// stands in the middle of a sentence.
pub fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            let rest = &text[first.len_utf8()..];
            first.to_lowercase().chain(rest.chars()).collect()
        }
        _ => text.to_owned(),
    }
}

/// How many characters [`quote`] shows.
const QUOTED: usize = 60;

/// Foreign text for the middle of a message: in quotes, on one line whatever it
/// has in it, and cut off where it would be the longer part.
pub fn quote(text: &str) -> String {
    format!("'{}'", in_line(text))
}

/// As [`quote`], for text that stands between other signs than quotes.
pub fn in_line(text: &str) -> String {
    let mut letters = text.chars();
    let mut quoted = String::new();
    for letter in letters.by_ref().take(QUOTED) {
        match letter {
            '"' => quoted.push(letter),
            _ => quoted.extend(letter.escape_debug()),
        }
    }
    if letters.next().is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_reason_has_no_error_number_and_no_capital() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(io_reason(&refused), "connection refused");
        assert_eq!(io_reason(&io::Error::other("TLS is off")), "TLS is off");
        assert_eq!(io_reason(&io::Error::other("")), "");
    }

    #[test]
    fn several_failures_are_told_one_after_the_other() {
        assert_eq!(Failure::all(Vec::new()), None);
        let first = Failure::new(Exit::NoConnection, "a: refused").nobody_listening();
        let last = Failure::new(Exit::Refused, "b: bad password").hint("try -u");
        assert_eq!(Failure::all(vec![first.clone()]), Some(first.clone()));
        let both = Failure::all(vec![first, last.clone()]).unwrap();
        assert_eq!(both.to_string(), "a: refused; b: bad password");
        assert_eq!((both.exit(), both.hint_text()), (Exit::Refused, Some("try -u")));
        assert!(both.says_nobody_listens() && !both.is_permanent());
        assert!(Failure::all(vec![last.clone(), last]).unwrap().is_permanent());
    }

    #[test]
    fn context_goes_before_the_text() {
        let failure = Failure::new(Exit::NoConnection, "refused").context("localhost:1883");
        assert_eq!(failure.to_string(), "localhost:1883: refused");
        assert_eq!(failure.exit(), Exit::NoConnection);
    }
    #[test]
    fn what_is_quoted_stays_on_one_line() {
        assert_eq!(quote("a b \"c\" é"), "'a b \"c\" é'");
        assert_eq!(quote("it's\n\0\u{1b}[1m"), r"'it\'s\n\0\u{1b}[1m'");
        assert_eq!(quote(&"x".repeat(60)), format!("'{}'", "x".repeat(60)));
        assert_eq!(quote(&"x".repeat(61)), format!("'{}…'", "x".repeat(60)));
    }
}
