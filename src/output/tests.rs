//! What is written, in every form and framing.

use std::time::UNIX_EPOCH;

use super::*;
use crate::format;
use crate::message::{Decoding, Properties, Qos};

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Received<'a> {
    Received {
        time: UNIX_EPOCH,
        topic,
        payload,
        decoding: Decoding::None,
        qos: Qos::AtMostOnce,
        retain: false,
        dup: false,
        mid: 0,
        properties: Properties::default(),
    }
}

fn form(format: &str) -> Form {
    Form::Format {
        format: format::Format::parse(format).unwrap(),
        pretty: false,
    }
}

#[track_caller]
fn printed(form: Form, framing: Framing, terminal: bool, messages: &[Received<'_>]) -> Vec<u8> {
    let output = Output {
        form,
        framing,
        decode: None,
        folder: None,
    };
    let mut written = Vec::new();
    let mut printer = Printer::new(&mut written, terminal, output, Zone::utc);
    for message in messages {
        assert_eq!(printer.print(message), Ok(None));
    }
    printer.flush().unwrap();
    written
}

fn plain(form: Form, framing: Framing) -> Vec<u8> {
    let payloads: [&[u8]; 4] = [b"x", b"", b"y\n", b"\0\xff"];
    printed(form, framing, false, &payloads.map(|payload| message("a/b c", payload)))
}

#[test]
fn the_bytes_are_those_of_mosquitto_sub() {
    use Framing::{Newline, Nothing};
    assert_eq!(plain(Form::Payload, Newline), b"x\ny\n\n\0\xff\n");
    assert_eq!(plain(Form::Payload, Nothing), b"xy\n\0\xff");
    assert_eq!(
        plain(Form::Verbose, Newline),
        b"a/b c x\na/b c (null)\na/b c y\n\na/b c \0\xff\n"
    );
    assert_eq!(plain(Form::Verbose, Nothing), b"a/b c xa/b c y\na/b c \0\xff");
    assert_eq!(plain(form("<%p>"), Newline), b"<x>\n<>\n<y\n>\n<\0\xff>\n");
    assert_eq!(plain(form("<%p>"), Nothing), b"<x><><y\n><\0\xff>");
}

#[test]
fn a_framing_loses_no_message() {
    let nul = || Framing::Delimiter(vec![0]);
    let long = || Framing::Delimiter(b"--".to_vec());
    assert_eq!(plain(Form::Payload, nul()), b"x\0\0y\n\0\0\xff\0");
    assert_eq!(plain(Form::Payload, long()), b"x----y\n--\0\xff--");
    assert_eq!(
        plain(Form::Verbose, nul()),
        b"a/b c x\0a/b c \0a/b c y\n\0a/b c \0\xff\0"
    );
    assert_eq!(plain(form("%l"), long()), b"1--0--2--2--");
    let length = || Framing::Length;
    assert_eq!(
        plain(Form::Payload, length()),
        b"\0\0\0\x01x\0\0\0\0\0\0\0\x02y\n\0\0\0\x02\0\xff"
    );
    assert_eq!(
        plain(Form::Verbose, length()),
        b"\0\0\0\x07a/b c x\0\0\0\x06a/b c \0\0\0\x08a/b c y\n\0\0\0\x08a/b c \0\xff"
    );
    assert_eq!(
        plain(form("%l"), length()),
        b"\0\0\0\x011\0\0\0\x010\0\0\0\x012\0\0\0\x012"
    );
}

#[test]
fn a_large_payload_is_as_it_is_in_every_framing() {
    let large = vec![b'x'; 3 * BUFFER];
    let messages = [message("t", b"1"), message("t", &large), message("t", b"2")];
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    for terminal in [false, true] {
        let of = |form, framing| printed(form, framing, terminal, &messages);
        assert_eq!(
            of(Form::Payload, Framing::Newline),
            [b"1\n", &large[..], b"\n2\n"].concat()
        );
        assert_eq!(
            of(Form::Payload, Framing::Length),
            [&length(1)[..], b"1", &length(large.len()), &large, &length(1), b"2"].concat()
        );
        let behind_topic = [&length(3)[..], b"t 1", &length(large.len() + 2), b"t ", &large];
        let behind_topic = [&behind_topic.concat()[..], &length(3), b"t 2"].concat();
        assert_eq!(of(Form::Verbose, Framing::Length), behind_topic);
        assert_eq!(of(form("%p"), Framing::Length), of(Form::Payload, Framing::Length));
    }
}

#[test]
fn a_terminal_is_sent_nothing_that_controls_it() {
    let hostile = [message("t\u{1b}\n", b"\x1b[2J\r\n\xffz\xc2\x9b")];
    let on = |form, terminal| {
        let bytes = printed(form, Framing::Newline, terminal, &hostile);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let shown = "\\x1b[2J\\x0d\n\\xffz\\x9b";
    assert_eq!(on(Form::Payload, true), format!("{shown}\n"));
    assert_eq!(on(Form::Verbose, true), format!("t\\x1b\\x0a {shown}\n"));
    assert_eq!(
        on(form(r"\e[1m%t"), true),
        "\u{1b}[1mt\\x1b\\x0a\n",
        "the user's own text is hers"
    );
    let safe = [message("\u{7f}", "\u{9b}".as_bytes())];
    for form in [Form::Json { parse: true }, form("%j")] {
        let line = printed(form, Framing::Newline, true, &safe);
        let line = String::from_utf8(line).unwrap();
        assert!(
            line.contains(r#""topic":"\u007f""#) && line.contains(r#""payload":"\u009b""#),
            "{line}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
    }
    for form in [Form::Payload, Form::Verbose] {
        let piped = printed(form, Framing::Newline, false, &hostile);
        assert!(piped.ends_with(b"\x1b[2J\r\n\xffz\xc2\x9b\n"));
    }
}

#[test]
fn a_number_that_is_none_is_left_out_and_reported() {
    let output = Output {
        form: form("%t %f"),
        framing: Framing::Newline,
        decode: None,
        folder: None,
    };
    let mut written = Vec::new();
    let mut printer = Printer::new(&mut written, false, output, Zone::utc);
    let misfit = printer.print(&message("t", b"12345")).unwrap();
    assert_eq!(misfit.map(|misfit| (misfit.specifier, misfit.wanted)), Some(("%f", 4)));
    assert_eq!(printer.print(&message("t", &1.5_f32.to_ne_bytes())), Ok(None));
    printer.flush().unwrap();
    assert_eq!(written, b"t \nt 1.500000\n");
}

#[test]
fn a_file_has_what_would_be_printed() {
    let dir = tempfile::tempdir().unwrap();
    for (name, form, expected) in [
        ("payload", Form::Payload, &b"a\n\xff"[..]),
        ("format", form("%x"), b"610aff"),
        ("json", Form::Json { parse: false }, b"\"payload_base64\":\"YQr/\"}\n"),
    ] {
        let path = dir.path().join(name);
        let output = Output {
            form,
            framing: Framing::Newline,
            decode: None,
            folder: None,
        };
        let folder = Folder::open(&path).unwrap();
        let mut printer = Printer::<Vec<u8>>::to_folder(folder, output, Zone::utc);
        assert_eq!(printer.print(&message("a/b", b"a\n\xff")), Ok(None));
        printer.flush().unwrap();
        let file = std::fs::read(path.join("a/b/@19700101T000000.000000Z-000001")).unwrap();
        assert!(file.ends_with(expected), "{}", file.escape_ascii());
    }
}

#[test]
fn a_full_device_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Output {
        form: Form::Payload,
        framing: Framing::Newline,
        decode: None,
        folder: None,
    };
    let mut printer = Printer::new(full, false, output, Zone::utc);
    printer.print(&message("t", b"x")).unwrap();
    let why = "cannot write to stdout: no space left on device".to_owned();
    assert_eq!(printer.flush(), Err(Trouble::Broken(why)));
}
