//! Small proxies, as firewalls have them: SOCKS 5 and HTTP's CONNECT, with or
//! without a password. Every name leads to 127.0.0.1.
//!
//! [`proxy`](super::proxy) is another thing: it breaks connections, and nobody
//! speaks to it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;

/// What a client asked a gateway for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The host, a colon, the port.
    pub target: String,
    /// User name and password with a colon, if the client gave them.
    pub login: Option<String>,
    /// Other lines of the request, if it has such.
    pub lines: Vec<String>,
}

/// A proxy on 127.0.0.1.
pub struct Gateway {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Gateway {
    /// A SOCKS 5 proxy, for whoever knows this user name and password, with a
    /// colon between them, or for anybody.
    pub fn socks(login: Option<&'static str>) -> Self {
        Self::start(move |client| socks(client, login))
    }

    /// An HTTP proxy, as [`socks`](Self::socks).
    pub fn http(login: Option<&'static str>) -> Self {
        Self::start(move |client| http(client, login))
    }

    fn start(greet: impl Fn(&mut TcpStream) -> io::Result<(Request, bool)> + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let noted = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let noted = Arc::clone(&noted);
                thread::spawn(move || {
                    let Ok((request, welcome)) = greet(&mut client) else {
                        return;
                    };
                    let port = request.target.rsplit(':').next().unwrap().parse::<u16>().unwrap();
                    noted.lock().unwrap().push(request);
                    if welcome {
                        let broker = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                        forward(&client, &broker);
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// A proxy that does this with each client, and closes the connection.
    pub fn scripted(script: impl Fn(&mut TcpStream) + Copy + Send + 'static) -> Self {
        Self::start(move |client| {
            script(client);
            Err(io::ErrorKind::Other.into())
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked for, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn forward(client: &TcpStream, broker: &TcpStream) {
    let copy = |from: &TcpStream, to: &TcpStream| {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    let there = copy(client, broker);
    let back = copy(broker, client);
    let _ = (there.join(), back.join());
}

fn take<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_string(client: &mut TcpStream) -> io::Result<String> {
    let [length] = take(client)?;
    let mut text = vec![0; usize::from(length)];
    client.read_exact(&mut text)?;
    Ok(String::from_utf8(text).unwrap())
}

/// RFC 1928 and RFC 1929, checked strictly.
fn socks(client: &mut TcpStream, login: Option<&str>) -> io::Result<(Request, bool)> {
    let [version, count] = take(client)?;
    assert_eq!(version, 5);
    let mut methods = vec![0; usize::from(count)];
    client.read_exact(&mut methods)?;
    let method = if login.is_some() { 2 } else { 0 };
    let refused = |given| {
        let request = Request {
            target: "nowhere:0".to_owned(),
            login: given,
            lines: Vec::new(),
        };
        Ok((request, false))
    };
    if !methods.contains(&method) {
        client.write_all(&[5, 0xff])?;
        return refused(None);
    }
    client.write_all(&[5, method])?;
    let mut given = None;
    if login.is_some() {
        assert_eq!(take(client)?, [1]);
        let (name, password) = (take_string(client)?, take_string(client)?);
        given = Some(format!("{name}:{password}"));
        let welcome = given.as_deref() == login;
        client.write_all(&[1, u8::from(!welcome)])?;
        if !welcome {
            return refused(given);
        }
    }
    let [version, command, reserved, kind] = take(client)?;
    assert_eq!([version, command, reserved], [5, 1, 0]);
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(client)?).to_string(),
        3 => take_string(client)?,
        4 => Ipv6Addr::from(take::<16>(client)?).to_string(),
        _ => panic!("no kind of address: {kind}"),
    };
    let port = u16::from_be_bytes(take(client)?);
    // From an address of the longest form.
    client.write_all(&[5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 1])?;
    let request = Request {
        target: format!("{host}:{port}"),
        login: given,
        lines: Vec::new(),
    };
    Ok((request, true))
}

/// RFC 9110, 9.3.6.
fn http(client: &mut TcpStream, login: Option<&str>) -> io::Result<(Request, bool)> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let target = first
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let target = target.unwrap_or_else(|| panic!("no CONNECT: {first}")).to_owned();
    let mut rest = Vec::new();
    for line in lines {
        match line? {
            line if line.is_empty() => break,
            line => rest.push(line),
        }
    }
    let basic = rest
        .iter()
        .find_map(|line| line.strip_prefix("Proxy-Authorization: Basic "));
    let given = basic.map(|text| {
        let pair = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        String::from_utf8(pair).unwrap()
    });
    let welcome = login.is_none() || given.as_deref() == login;
    client.write_all(if welcome {
        b"HTTP/1.1 200 Connection established\r\nVia: 1.1 gateway\r\n\r\n"
    } else {
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    })?;
    let request = Request {
        target,
        login: given,
        lines: rest,
    };
    Ok((request, welcome))
}
