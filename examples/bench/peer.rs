//! The other end of the first table: takes everything that is published and
//! acknowledges it at once, and gives a subscriber as many messages as its filter
//! `bench/COUNT/SIZE` says. A process of its own, so that it shares no memory and
//! no thread with the driver; it tells the driver of each connection in a line.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};

use super::client::{length, put_packet, put_text};

/// How many messages may wait for a subscriber's acknowledgement.
const WINDOW: usize = 1000;

/// What came over one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// Complete PUBLISH packets.
    pub(crate) publishes: u64,
    /// From the first of their bytes to the last.
    pub(crate) time: Duration,
}

/// The peer, as the driver sees it.
pub(crate) struct Peer {
    process: Child,
    tallies: Receiver<Tally>,
    pub(crate) port: u16,
}

impl Peer {
    /// Starts it; with a folder that has the files of [`certificate`], it speaks
    /// TLS.
    pub(crate) fn start(tls: Option<&Path>) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("peer").args(tls);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("the peer has no output")?;
        let mut lines = BufReader::new(output).lines();
        let port = lines.next().context("the peer does not start")??.parse()?;
        let (sender, tallies) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((publishes, micros)) = line.split_once(' ') else {
                    break;
                };
                let (Ok(publishes), Ok(micros)) = (publishes.parse(), micros.parse()) else {
                    break;
                };
                let time = Duration::from_micros(micros);
                if sender.send(Tally { publishes, time }).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, tallies, port })
    }

    /// What came over the connections of a program that has ended: one, as a
    /// rule. One that comes again behind it is counted in.
    pub(crate) fn tally(&mut self) -> anyhow::Result<Tally> {
        let mut all = self
            .tallies
            .recv_timeout(Duration::from_secs(10))
            .context("nothing came")?;
        while let Ok(more) = self.tallies.recv_timeout(Duration::from_millis(2)) {
            all.publishes += more.publishes;
            all.time += more.time;
        }
        Ok(all)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes `cert.pem`, which is its own CA, and `key.pem` for 127.0.0.1.
pub(crate) fn certificate(folder: &Path) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    fs::write(folder.join("cert.pem"), made.cert.pem())?;
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

/// The process itself.
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let acceptor = match arguments.next() {
        None => None,
        Some(folder) => {
            let mut builder = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server())?;
            builder.set_certificate_chain_file(Path::new(&folder).join("cert.pem"))?;
            builder.set_private_key_file(Path::new(&folder).join("key.pem"), SslFiletype::PEM)?;
            Some(builder.build())
        }
    };
    let acceptor = Arc::new(acceptor);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    for stream in listener.incoming() {
        let stream = stream?;
        let acceptor = Arc::clone(&acceptor);
        thread::spawn(move || {
            let tally = stream
                .set_nodelay(true)
                .ok()
                .and_then(|()| match acceptor.as_ref() {
                    None => Some(Session::serve(stream)),
                    Some(acceptor) => acceptor.accept(stream).ok().map(Session::serve),
                })
                .unwrap_or(Tally {
                    publishes: 0,
                    time: Duration::ZERO,
                });
            let _ = writeln!(io::stdout(), "{} {}", tally.publishes, tally.time.as_micros());
        });
    }
    Ok(())
}

/// What a subscriber is still to be given.
struct Supply {
    left: u64,
    qos: u8,
    topic: Vec<u8>,
    payload: Vec<u8>,
    window: usize,
    in_flight: usize,
    mid: u16,
}

/// One connection.
struct Session {
    five: bool,
    receive_maximum: usize,
    publishes: u64,
    span: Option<(Instant, Instant)>,
    /// How much of a large payload is still to come, and what it is then
    /// acknowledged with.
    skip: usize,
    answer: Option<[u8; 4]>,
    out: Vec<u8>,
    supply: Option<Supply>,
    ended: bool,
}

impl Session {
    fn serve(mut stream: impl Read + Write) -> Tally {
        let mut session = Self {
            five: false,
            receive_maximum: WINDOW,
            publishes: 0,
            span: None,
            skip: 0,
            answer: None,
            out: Vec::new(),
            supply: None,
            ended: false,
        };
        let mut bytes = vec![0; 256 * 1024];
        let mut filled = 0;
        while !session.ended {
            let Ok(read @ 1..) = stream.read(&mut bytes[filled..]) else {
                break;
            };
            filled += read;
            let consumed = session.consume(&bytes[..filled]);
            bytes.copy_within(consumed..filled, 0);
            filled -= consumed;
            session.supply();
            if stream.write_all(&session.out).is_err() {
                break;
            }
            session.out.clear();
            if session.blast(&mut stream).is_err() {
                break;
            }
        }
        Tally {
            publishes: session.publishes,
            time: session.span.map_or(Duration::ZERO, |(first, last)| last - first),
        }
    }

    /// Takes what is complete, and makes the answers; how many bytes that were.
    fn consume(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        let before = self.publishes;
        let mut flow = self.skip > 0;
        while at < bytes.len() {
            if self.skip > 0 {
                let here = self.skip.min(bytes.len() - at);
                self.skip -= here;
                at += here;
                if self.skip == 0 {
                    self.published();
                }
                continue;
            }
            let Some((start, body)) = length(&bytes[at..]) else {
                break;
            };
            let here = &bytes[at + start..];
            let first = bytes[at];
            if first >> 4 == 3 {
                let Some(head) = publish_head(first, here) else { break };
                flow = true;
                self.answer = match first >> 1 & 3 {
                    0 => None,
                    1 => Some([0x40, 2, here[head - 2], here[head - 1]]),
                    _ => Some([0x50, 2, here[head - 2], here[head - 1]]),
                };
                self.skip = body - head;
                at += start + head;
                if self.skip == 0 {
                    self.published();
                }
                continue;
            }
            if here.len() < body {
                break;
            }
            self.answer_to(first, &here[..body]);
            at += start + body;
        }
        if flow || self.publishes > before {
            let now = Instant::now();
            self.span.get_or_insert((now, now)).1 = now;
        }
        at
    }

    fn published(&mut self) {
        self.publishes += 1;
        if let Some(answer) = self.answer.take() {
            self.out.extend_from_slice(&answer);
        }
    }

    fn answer_to(&mut self, first: u8, body: &[u8]) {
        match first >> 4 {
            1 => {
                self.five = body[6] == 5;
                if self.five {
                    self.receive_maximum = receive_maximum(&body[10..]).unwrap_or(WINDOW).min(WINDOW);
                }
                let answer: &[u8] = if self.five { &[0, 0, 0] } else { &[0, 0] };
                put_packet(&mut self.out, 0x20, answer);
            }
            6 => put_packet(&mut self.out, 0x70, &body[..2]),
            5 => put_packet(&mut self.out, 0x62, &body[..2]),
            4 | 7 => {
                if let Some(supply) = &mut self.supply {
                    supply.in_flight = supply.in_flight.saturating_sub(1);
                }
            }
            8 => self.subscribe(body),
            12 => put_packet(&mut self.out, 0xd0, &[]),
            14 => self.ended = true,
            _ => {}
        }
    }

    fn subscribe(&mut self, body: &[u8]) {
        let qos = body.last().copied().unwrap_or(0) & 3;
        let mut answer = body[..2].to_vec();
        if self.five {
            answer.push(0);
        }
        answer.push(qos);
        put_packet(&mut self.out, 0x90, &answer);
        let start = 2 + usize::from(self.five) + 2;
        let topic = body[start..body.len() - 1].to_vec();
        let text = String::from_utf8_lossy(&topic).into_owned();
        let mut numbers = text.rsplit('/').filter_map(|part| part.parse::<u64>().ok());
        let size = numbers.next().unwrap_or(0);
        self.supply = Some(Supply {
            left: numbers.next().unwrap_or(0),
            qos,
            topic,
            payload: (b' '..=b'z')
                .filter(|byte| !br#""\"#.contains(byte))
                .cycle()
                .take(usize::try_from(size).unwrap_or(0))
                .collect(),
            window: self.receive_maximum,
            in_flight: 0,
            mid: 0,
        });
    }

    /// Tops the subscriber's window up.
    fn supply(&mut self) {
        let Some(supply) = &mut self.supply else { return };
        while supply.qos > 0 && supply.left > 0 && supply.in_flight < supply.window {
            supply.put(self.five, &mut self.out);
            supply.in_flight += 1;
        }
    }

    /// At QoS 0 everything leaves at once.
    fn blast(&mut self, stream: &mut impl Write) -> io::Result<()> {
        let Some(supply) = self.supply.as_mut().filter(|supply| supply.qos == 0) else {
            return Ok(());
        };
        while supply.left > 0 {
            self.out.clear();
            while supply.left > 0 && self.out.len() < 128 * 1024 {
                supply.put(self.five, &mut self.out);
            }
            stream.write_all(&self.out)?;
        }
        self.out.clear();
        Ok(())
    }
}

impl Supply {
    fn put(&mut self, five: bool, out: &mut Vec<u8>) {
        self.left -= 1;
        let mut body = Vec::with_capacity(self.topic.len() + self.payload.len() + 8);
        put_text(&mut body, &self.topic);
        if self.qos > 0 {
            self.mid = self.mid % u16::MAX + 1;
            body.extend_from_slice(&self.mid.to_be_bytes());
        }
        if five {
            body.push(0);
        }
        body.extend_from_slice(&self.payload);
        put_packet(out, 0x30 | self.qos << 1, &body);
    }
}

/// How long topic and packet identifier are, if they have come.
fn publish_head(first: u8, body: &[u8]) -> Option<usize> {
    let topic = usize::from(u16::from_be_bytes(body.get(..2)?.try_into().ok()?));
    let head = 2 + topic + if first & 6 == 0 { 0 } else { 2 };
    (body.len() >= head).then_some(head)
}

/// The Receive Maximum in the properties of a CONNECT, if it is there; others
/// are skipped as far as the tools use them.
fn receive_maximum(properties: &[u8]) -> Option<usize> {
    let (count, mut left) = properties.split_first()?;
    left = left.get(..usize::from(*count))?;
    while let Some((id, rest)) = left.split_first() {
        match id {
            0x21 => return Some(usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?))),
            0x11 | 0x27 => left = rest.get(4..)?,
            0x22 => left = rest.get(2..)?,
            0x17 | 0x19 => left = rest.get(1..)?,
            _ => return None,
        }
    }
    None
}
