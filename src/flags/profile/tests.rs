use super::*;

fn of<F: Flags>(text: &str) -> Result<Vec<String>, Wrong> {
    let layer = parse::<F>(Path::new("c.toml"), text, "home")?;
    let words = |setting: Setting| {
        let words = setting.arguments.iter().map(|word| word.to_str().unwrap().to_owned());
        let off = setting.off.iter().map(|long| format!("no {long}"));
        let words: Vec<String> = words.chain(off).collect();
        format!("{} ({})", words.join(" "), setting.place.replace("c.toml: line ", ""))
    };
    Ok(layer.settings.into_iter().map(words).collect())
}

#[test]
fn options_by_their_long_names() {
    let text = "# mine\n[profile.home]\nhost = \"a\"\nport = 7\nconnect-timeout = 1.5\ndebug = true\nquiet = false\n\
                topic = [\"x\", \"y z\"]\nproperty = [[\"connect\", \"user-property\", \"a\", \"b\"]]\n\
                pw = \"-x\"\n[profile.home.mqpub]\nretain = true\n[profile.home.mqsub]\ncount = 3\n[profile.other]\nnonsense = 1\n";
    let shared = [
        "--host=a (3)",
        "--port=7 (4)",
        "--connect-timeout=1.5 (5)",
        "--debug (6)",
        "no quiet (7)",
        "--topic=x (8)",
        "--topic=y z (8)",
        "--property connect user-property a b (9)",
        "--pw=-x (10)",
    ];
    let with = |last: &str| {
        shared
            .iter()
            .map(|text| (*text).to_owned())
            .chain([last.to_owned()])
            .collect::<Vec<_>>()
    };
    assert_eq!(of::<PublishFlags>(text), Ok(with("--retain (12)")));
    assert_eq!(of::<SubscribeFlags>(text), Ok(with("--count=3 (14)")));
    assert_eq!(
        of::<PublishFlags>("profile.home.port = 1"),
        Ok(vec!["--port=1 (1)".to_owned()])
    );
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    for (text, why, hint) in [
        (
            "[profile.home]\nhots = \"a\"",
            "c.toml: line 2: unknown key 'hots'",
            Some("did you mean 'host'?"),
        ),
        (
            "[profile.home]\nzzzzzz = 1",
            "c.toml: line 2: unknown key 'zzzzzz'",
            None,
        ),
        (
            "[profile.home]\nuntil-retained = true",
            "c.toml: line 2: 'until-retained' is an option of mqsub alone",
            Some("it belongs under [profile.home.mqsub]"),
        ),
        (
            "[profile.home]\nretain = true",
            "c.toml: line 2: 'retain' is an option of mqpub alone",
            Some("it belongs under [profile.home.mqpub]"),
        ),
        (
            "[profile.home.mqpub]\nuntil-retained = true",
            "c.toml: line 2: 'until-retained' is an option of mqsub alone",
            Some("it belongs under [profile.home.mqsub]"),
        ),
        (
            "[profile.home]\ndebug = 1",
            "c.toml: line 2: 'debug' must be true or false",
            None,
        ),
        (
            "[profile.home]\nport = [1]",
            "c.toml: line 2: 'port' must be a string or a number",
            None,
        ),
        (
            "[profile.home]\nport = true",
            "c.toml: line 2: 'port' must be a string or a number",
            None,
        ),
        (
            "[profile.home]\nhost = [true]",
            "c.toml: line 2: 'host' must be a string, a number, or a list of these",
            None,
        ),
        (
            "[profile.home]\nmqpub = 1",
            "c.toml: line 2: 'mqpub' must be a table: [profile.home.mqpub]",
            None,
        ),
        (
            "[profile]\nhome = 1",
            "c.toml: line 2: profile.home must be a table",
            None,
        ),
        (
            "[profiles.home]\nport = 1",
            "c.toml: line 1: unknown key 'profiles'",
            Some("only [profile.NAME] tables may stand at the top"),
        ),
        (
            "[profile.a]\n[profile.b]",
            "c.toml: there is no profile 'home'",
            Some("it has: a, b"),
        ),
        ("", "c.toml: there is no profile 'home'", None),
    ] {
        let wrong = of::<PublishFlags>(text).unwrap_err();
        assert_eq!((wrong.text.as_str(), wrong.hint.as_deref()), (why, hint), "{text}");
    }
    for (text, place) in [
        ("[profile.home]\nport = ", "c.toml: line 2: "),
        ("a\u{0}", "c.toml: line 1: "),
    ] {
        let wrong = of::<PublishFlags>(text).unwrap_err();
        assert!(wrong.text.starts_with(place) && !wrong.text.contains('\n'), "{wrong:?}");
    }
    for (text, part) in [
        ("[profile.home]\nproperty = \"x\"", "must be a list of lists"),
        ("[profile.home]\nconfig = \"x\"", "'config' cannot be used in a profile"),
    ] {
        let wrong = of::<PublishFlags>(text).unwrap_err();
        assert!(wrong.text.contains(part), "{wrong:?}");
    }
}

#[test]
fn places() {
    let of =
        |set: &[(&str, &str)]| path(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()));
    assert_eq!(of(&[("HOME", "/h")]), Some("/h/.config/mqtools/config.toml".into()));
    assert_eq!(
        of(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]),
        Some("/x/mqtools/config.toml".into())
    );
    assert_eq!(of(&[]), None);
}
