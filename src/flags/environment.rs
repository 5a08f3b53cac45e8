//! What the variables of the environment mean. Nothing here reads them.

use std::ffi::OsString;

use super::connection::AmbientProxy;
use super::layers::{Kind, Layer, Setting};

/// The variables that stand for an option each, with its long name.
pub const OPTIONS: [(&str, &str); 9] = [
    ("MQTT_HOST", "host"),
    ("MQTT_PORT", "port"),
    ("MQTT_USERNAME", "username"),
    ("MQTT_PASSWORD", "pw"),
    ("MQTT_PASSWORD_FILE", "password-file"),
    ("MQTT_CLIENT_ID", "id"),
    ("MQTT_CAFILE", "cafile"),
    ("MQTT_CERT", "cert"),
    ("MQTT_KEY", "key"),
];

/// The variable that names the file of profiles.
pub const CONFIG: &str = "MQTOOLS_CONFIG";
/// The variable that names the profile.
pub const PROFILE: &str = "MQTOOLS_PROFILE";

/// The options that the environment gives. An empty variable is none.
pub fn layer(variable: impl Fn(&str) -> Option<OsString>) -> Layer {
    let setting = |(name, long): (&str, &str)| {
        let value = variable(name).filter(|value| !value.is_empty())?;
        // Kubernetes sets this for a service that is called mqtt.
        if name == "MQTT_PORT" && value.as_encoded_bytes().starts_with(b"tcp://") {
            return None;
        }
        let mut argument = OsString::from(format!("--{long}="));
        argument.push(value);
        Some(Setting {
            place: name.to_owned(),
            arguments: vec![argument],
            off: None,
        })
    };
    Layer {
        kind: Kind::Environment,
        settings: OPTIONS.into_iter().filter_map(setting).collect(),
    }
}

/// The value of a variable, unless that is empty or no text.
fn text(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<String> {
    let value = variable(name)?.into_string().ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// The proxy that the environment names. In lower case, as curl(1) has it, a
/// variable comes first.
pub fn ambient_proxy(variable: impl Fn(&str) -> Option<OsString>) -> Option<AmbientProxy> {
    let either = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, text(&variable, name)?)));
    let (name, url) = either(["all_proxy", "ALL_PROXY"])?;
    // Here the two are used for one another; names are looked up by the proxy.
    let url = match url.split_once("://") {
        Some(("socks5" | "socks", rest)) => format!("socks5h://{rest}"),
        Some(_) => url,
        None => format!("http://{url}"),
    };
    Some(AmbientProxy {
        variable: name,
        url,
        except: either(["no_proxy", "NO_PROXY"])
            .map(|(_, list)| list)
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_options_and_in_the_manual() {
        use super::super::{PublishFlags, SubscribeFlags, manual};
        use clap::CommandFactory as _;
        for (name, long) in OPTIONS {
            for command in [PublishFlags::command(), SubscribeFlags::command()] {
                assert!(
                    command.get_arguments().any(|option| option.get_long() == Some(long)),
                    "{long}"
                );
            }
            assert!(manual::ENVIRONMENT.iter().any(|entry| entry.name == name), "{name}");
        }
        for name in [CONFIG, PROFILE] {
            assert!(manual::ENVIRONMENT.iter().any(|entry| entry.name == name), "{name}");
        }
    }

    #[test]
    fn the_options_of_the_environment() {
        let of = |set: &[(&str, &str)]| {
            let layer = layer(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()));
            let words = layer
                .settings
                .into_iter()
                .map(|setting| format!("{} {:?}", setting.place, setting.arguments));
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(&[("MQTT_HOST", ""), ("MQTT_PORT", "tcp://10.0.0.1:1883"), ("OTHER", "x")]),
            ""
        );
        let expected = "MQTT_HOST [\"--host=a\"] MQTT_PASSWORD [\"--pw=-x\"]";
        assert_eq!(of(&[("MQTT_PASSWORD", "-x"), ("MQTT_HOST", "a")]), expected);
    }

    #[test]
    fn the_proxy_of_the_environment() {
        let of = |set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
            ambient_proxy(value).map(|proxy| format!("{} {} {}", proxy.variable, proxy.url, proxy.except))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("ALL_PROXY", ""), ("NO_PROXY", "a")]), None);
        assert_eq!(of(&[("http_proxy", "http://a"), ("HTTPS_PROXY", "http://a")]), None);
        for (set, expected) in [
            (&[("ALL_PROXY", "socks5://a:1")][..], "ALL_PROXY socks5h://a:1 "),
            (
                &[("ALL_PROXY", "a:3128"), ("NO_PROXY", "x,y")],
                "ALL_PROXY http://a:3128 x,y",
            ),
            (
                &[
                    ("ALL_PROXY", "b"),
                    ("all_proxy", "socks5h://a"),
                    ("no_proxy", "z"),
                    ("NO_PROXY", "x"),
                ],
                "all_proxy socks5h://a z",
            ),
        ] {
            assert_eq!(of(set).as_deref(), Some(expected));
        }
    }
}
