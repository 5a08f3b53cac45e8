//! Any format of -F, filled in from any message: the same each time, behind what is
//! there; and what a simple format makes of it is what anybody would.
#![no_main]

#[path = "support/message.rs"]
mod message;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mqtools::clock::Zone;
use mqtools::format::Format;
use mqtools::template::Template;
use serde_json::value::RawValue;

use self::message::Message;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    format: &'a str,
    pretty: bool,
    message: Message,
}

fn render(format: &str, pretty: bool, terminal: bool, message: &Message) -> Option<Vec<u8>> {
    let format = Format::parse(format).ok()?;
    let mut template = Template::new(&format, Zone::utc, pretty, terminal);
    let received = message.received();
    let mut first = b"before".to_vec();
    let misfit = template.render(&mut first, &received);
    let mut second = Vec::new();
    assert_eq!(template.render(&mut second, &received), misfit);
    assert_eq!(first.strip_prefix(b"before"), Some(&second[..]));
    Some(second)
}

fuzz_target!(|input: Input| {
    let Input { format, pretty, message } = &input;
    if let Err(why) = Format::parse(format) {
        assert!(!why.contains('\n'), "{why:?}");
    }
    let Some(rendered) = render(format, *pretty, false, message) else {
        return;
    };
    if !format.contains(['%', '@', '\\']) {
        assert_eq!(rendered, format.as_bytes());
    }
    // Nothing that a terminal acts on comes from the message.
    if !format.contains(['\\', '@']) && !format.chars().any(char::is_control) {
        let shown = render(format, *pretty, true, message).expect("it is one");
        let shown = String::from_utf8_lossy(&shown);
        let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
        assert!(!shown.contains(acts), "{shown:?}");
    }
    let hexadecimal: String = message.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    let length = message.payload.len();
    for (simple, expected) in [
        ("%t", message.topic.clone().into_bytes()),
        ("%p%%", [&message.payload[..], b"%"].concat()),
        ("%x", hexadecimal.into_bytes()),
        ("%010l@@", format!("{length:010}@").into_bytes()),
        ("%q%r", format!("{}{}", message.qos % 3, u8::from(message.retain)).into_bytes()),
    ] {
        assert_eq!(render(simple, *pretty, false, message), Some(expected), "{simple}");
    }
    let object = render("%J", *pretty, false, message).expect("it is one");
    serde_json::from_slice::<&RawValue>(&object).expect("JSON");
});
