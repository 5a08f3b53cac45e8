//! What the variables of the environment mean. Nothing here reads them.

use std::ffi::OsString;

use super::connection::AmbientProxy;

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
