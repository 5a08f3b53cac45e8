//! What is wrong with a command line, in a line and a hint: clap's words, and ours
//! where clap cannot know what was meant.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::Tool;
use crate::flags::explain::Explained;

/// Names that other programs have for an option that asks for TLS.
const TLS: [&str; 5] = ["--tls", "--ssl", "--secure", "--use-tls", "--use-ssl"];

/// What is wrong, without clap's list of usages.
pub(super) fn in_one_line(tool: Tool, error: &clap::Error) -> Failure {
    let program = tool.program();
    let unknown = error.kind() == ErrorKind::UnknownArgument;
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg).filter(|_| unknown) {
        if TLS.contains(&word.as_str()) {
            let hint = "for TLS: -p 8883, mqtts:// in -L, --cafile FILE or --tls-use-os-certs";
            return Failure::new(Exit::Usage, format!("unexpected argument {} found", quote(word))).hint(hint);
        }
        if !word.starts_with('-') {
            let options = match tool {
                Tool::Publish => "a topic is -t TOPIC, a payload -m TEXT",
                Tool::Subscribe => "a topic is -t FILTER",
            };
            let why = format!("{} stands behind no option", quote(word));
            return Failure::new(Exit::Usage, why).hint(format!("{options}; a value with blanks needs quotes"));
        }
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The sentence ends at the first empty line; a list below it is part of it.
    let sentence = text.split("\n\n").next().unwrap_or_default();
    let sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    let hint = tip.map_or_else(|| format!("try {program} --help"), str::to_owned);
    Failure::new(Exit::Usage, sentence).hint(hint)
}

/// Where the options stand that a message names, if that is not on the command
/// line.
pub(super) fn origins(message: &str, options: &[Explained]) -> Option<String> {
    let mut origins = Vec::new();
    for word in message.split(|letter: char| letter.is_whitespace() || ",:;".contains(letter)) {
        let is_word = |option: &&Explained| {
            let short = option.short.map(|letter| format!("-{letter}"));
            short.as_deref() == Some(word) || word.strip_prefix("--") == Some(&option.long)
        };
        let option = options.iter().find(is_word);
        for (_, place) in option.map(|option| option.values.as_slice()).unwrap_or_default() {
            let origin = format!("{word} is from {place}");
            if !["command line", "default"].contains(&place.as_str()) && !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    (!origins.is_empty()).then(|| origins.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_from_words_that_look_like_them() {
        let option = |short, long: &str, place: &str| Explained {
            id: long.to_owned(),
            short,
            long: long.to_owned(),
            is_list: false,
            is_typed: false,
            values: vec![(Vec::new(), place.to_owned())],
            default: None,
        };
        let options = [
            option(Some('v'), "verbose", "file: line 1"),
            option(None, "watch", "command line"),
            option(None, "json", "$MQTT_JSON"),
        ];
        for (message, expected) in [
            (
                "--watch and -v cannot be used together",
                Some("-v is from file: line 1"),
            ),
            ("--json: wrong", Some("--json is from $MQTT_JSON")),
            ("--json, -v", Some("--json is from $MQTT_JSON; -v is from file: line 1")),
            ("--watch and --verbosely", None),
            ("'v'", None),
        ] {
            assert_eq!(origins(message, &options).as_deref(), expected, "{message}");
        }
    }
}
