//! Which hosts: what `-h`, `-p`, `-L` and `--unix` say together. The later of two
//! that overrule one another wins, as with mosquitto's clients.

use super::connection::Host;
use super::url::{self, Url};
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::connection::ConnectionFlags;

/// The first host to try, and those to try after it.
///
/// # Errors
/// [`Exit::Usage`], with the options named.
pub(super) fn resolve(
    flags: &ConnectionFlags,
    url: Option<&Url>,
    default_port: u16,
) -> Result<(Host, Vec<Host>), Failure> {
    let mut hosts = all(flags, url, default_port)?.into_iter();
    let first = hosts.next().ok_or_else(|| usage("-h: the host is empty"))?;
    Ok((first, hosts.collect()))
}

fn all(flags: &ConnectionFlags, url: Option<&Url>, default_port: u16) -> Result<Vec<Host>, Failure> {
    if let Some(path) = flags.unix.as_deref().filter(|_| flags.order.unix_last) {
        if flags.order.port_after_unix && flags.port != Some(0) {
            return Err(usage("--unix and -p cannot be used together"));
        }
        return Ok(vec![Host::socket(path)]);
    }
    let url = url.filter(|_| !flags.after_url.host);
    if flags.srv && url.is_some_and(|url| url.port.is_some()) {
        return Err(usage("-L: a port makes no sense with -S, which looks it up"));
    }
    // The scheme brings a port with it even where the URL names none.
    let typed_port = match url {
        Some(url) if !flags.after_url.port => url.port,
        _ => flags.port,
    };
    if typed_port == Some(0) {
        return sockets(flags, url);
    }
    let port = typed_port.unwrap_or(default_port);
    if let Some(url) = url {
        let name = url.host.clone();
        return Ok(vec![Host { name, port }]);
    }
    if flags.host.is_empty() {
        let name = "localhost".to_owned();
        return Ok(vec![Host { name, port }]);
    }
    let texts = flags.host.iter().flat_map(|list| list.split(','));
    texts.map(|text| host(text, port, flags.srv)).collect()
}

/// Port 0 makes paths of the hosts, which may have colons and commas.
fn sockets(flags: &ConnectionFlags, url: Option<&Url>) -> Result<Vec<Host>, Failure> {
    if url.is_some() {
        return Err(usage("-p 0 makes -h the path of a socket: it cannot be used with -L"));
    }
    if flags.host.is_empty() {
        return Err(usage("-p 0 makes -h the path of a socket: -h PATH is needed"));
    }
    let paths = flags.host.iter().map(|path| match path.as_str() {
        "" => Err(usage("-h: the path is empty")),
        path => Ok(Host::socket(path)),
    });
    paths.collect()
}

/// `name`, `name:port`, `[v6]`, `[v6]:port`, or an IPv6 address as it is.
fn host(text: &str, default_port: u16, srv: bool) -> Result<Host, Failure> {
    let bare_v6 = !text.starts_with('[') && text.matches(':').count() > 1;
    let (name, port) = if bare_v6 {
        (text.to_owned(), None)
    } else {
        url::host_and_port(text).map_err(|why| usage(format!("-h {}: {why}", quote(text))))?
    };
    if srv && port.is_some() {
        return Err(usage(format!(
            "-h {}: a port makes no sense with -S, which looks it up",
            quote(text)
        )));
    }
    Ok(Host {
        name,
        port: port.unwrap_or(default_port),
    })
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, PublishFlags};

    fn hosts(line: &str) -> Result<String, String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        let flags = flags.shared.connection;
        let url = flags.url.last().map(|url| url::parse(url).unwrap());
        let (first, others) = resolve(&flags, url.as_ref(), 1883).map_err(|failure| failure.to_string())?;
        let texts: Vec<String> = std::iter::once(&first).chain(&others).map(Host::to_string).collect();
        Ok(texts.join(" "))
    }

    #[test]
    fn one_host_or_several() {
        for (line, expected) in [
            ("mqpub", "localhost:1883"),
            ("mqpub -p 7", "localhost:7"),
            ("mqpub -h a", "a:1883"),
            ("mqpub -h a:7", "a:7"),
            ("mqpub -h ::1", "[::1]:1883"),
            ("mqpub -h [::1]", "[::1]:1883"),
            ("mqpub -h [::1]:7", "[::1]:7"),
            ("mqpub -h fe80::1%eth0 -p 7", "[fe80::1%eth0]:7"),
            (
                "mqpub -h a -h b:1884 -h c,d,[::1]:9,::2 -p 7",
                "a:7 b:1884 c:7 d:7 [::1]:9 [::2]:7",
            ),
            ("mqpub -h a -L mqtt://u/t", "u:1883"),
            ("mqpub -L mqtt://u:7/t -h a", "a:1883"),
            ("mqpub -L mqtt://u:7/t -p 8", "u:8"),
            ("mqpub -L mqtt://u:7/t -h a -p 8", "a:8"),
        ] {
            assert_eq!(hosts(line).as_deref(), Ok(expected), "{line}");
        }
        for (line, part) in [
            ("mqpub -h a,,b", "the host is missing"),
            ("mqpub -h a,", "the host is missing"),
            ("mqpub --host=", "the host is missing"),
            ("mqpub -h a:x", "the port is no number from 1 to 65535"),
            ("mqpub -h a:0", "the port is no number from 1 to 65535"),
            ("mqpub -h a:", "the port is no number from 1 to 65535"),
            ("mqpub -h [::1", "a ']' is missing"),
            ("mqpub -h a%20b", "the host has a space or a control character"),
            ("mqpub -h a%0d%0ab:7", "the host has a space or a control character"),
            ("mqpub -S -h a:7", "a port makes no sense with -S"),
        ] {
            let why = hosts(line).unwrap_err();
            assert!(why.starts_with("-h '") && why.contains(part), "{line}: {why}");
        }
    }

    #[test]
    fn sockets_by_path() {
        for (line, expected) in [
            ("mqpub --unix /run/m.sock", "/run/m.sock"),
            ("mqpub -p 0 -h /run/a,b:c", "/run/a,b:c"),
            ("mqpub -p 0 -h /a -h /b", "/a /b"),
            ("mqpub -h a -p 7 --unix /m", "/m"),
            ("mqpub -L mqtt://u/t --unix /m", "/m"),
            ("mqpub --unix /m -p 0", "/m"),
            ("mqpub --unix /m -h a", "a:1883"),
            ("mqpub --unix /m -h a -p 7", "a:7"),
            ("mqpub --unix /m -L mqtt://u/t", "u:1883"),
            ("mqpub -L mqtt://u/t -p 0 -h /m", "/m"),
        ] {
            assert_eq!(hosts(line).as_deref(), Ok(expected), "{line}");
        }
        for (line, part) in [
            ("mqpub --unix /m -p 7", "--unix and -p"),
            ("mqpub -p 0", "-h PATH is needed"),
            ("mqpub -L mqtt://u/t -p 0", "cannot be used with -L"),
            ("mqpub -p 0 --host=", "the path is empty"),
        ] {
            let why = hosts(line).unwrap_err();
            assert!(why.contains(part), "{line}: {why}");
        }
    }
}
