//! Where the brokers of a domain are, by its SRV records (RFC 2782). The system
//! has no safe call for these, so its servers are asked directly; `simple-dns`
//! speaks their language, `resolv-conf` reads which ones they are.

#![expect(clippy::indexing_slicing, reason = "no more bytes are read than the buffer has")]

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use resolv_conf::ScopedIp;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::fail;
use crate::config::connection::Host;
use crate::failure::{Failure, io_reason};

/// The port of DNS.
const PORT: u16 = 53;

/// A record, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    priority: u16,
    weight: u16,
    target: Host,
}

/// Whom to ask.
#[derive(Clone, Debug)]
struct Resolver {
    servers: Vec<SocketAddr>,
    /// How long a server has for its answer.
    patience: Duration,
    /// How often all servers are asked.
    rounds: u32,
    /// Domains that a name may be short for.
    search: Vec<String>,
}

/// The brokers of a domain, in the order in which to try them.
///
/// # Errors
/// Why there are none.
pub(super) fn brokers(domain: &str, tls: bool, deadline: Instant) -> Result<Vec<Host>, Failure> {
    find(&Resolver::of_system(), domain, tls, deadline)
}

fn find(resolver: &Resolver, domain: &str, tls: bool, deadline: Instant) -> Result<Vec<Host>, Failure> {
    let service = if tls { "_secure-mqtt._tcp" } else { "_mqtt._tcp" };
    let names = resolver.names(&format!("{service}.{domain}"));
    for name in &names {
        let mut records = resolver.ask(name, deadline)?;
        // A lone "." says that there is no such service, for certain.
        records.retain(|record| !record.target.name.is_empty());
        if !records.is_empty() {
            return Ok(order(records, |most| fastrand::u32(0..=most)));
        }
    }
    let name = names.first().map_or("", |name| name.trim_end_matches('.'));
    Err(fail(format!("the DNS has no SRV record for {name}")))
}

/// By priority, and within one at random by weight (RFC 2782, "Weight").
fn order(mut records: Vec<Record>, mut random: impl FnMut(u32) -> u32) -> Vec<Host> {
    // Those without weight come first, so that they have a small chance.
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = records.iter().take_while(|record| record.priority == priority);
        let sums: Vec<u32> = equals
            .scan(0, |sum: &mut u32, record| {
                *sum += u32::from(record.weight);
                Some(*sum)
            })
            .collect();
        let chosen = random(sums.last().copied().unwrap_or(0));
        let index = sums.iter().position(|sum| *sum >= chosen).unwrap_or(0);
        ordered.push(records.remove(index).target);
    }
    ordered
}

impl Resolver {
    /// That of the system; without its file, the server on this machine, as the
    /// system's own resolver does it.
    fn of_system() -> Self {
        let text = std::fs::read("/etc/resolv.conf").unwrap_or_default();
        let (config, _) = resolv_conf::Config::parse_with_errors(&text);
        let servers = config.get_nameservers_or_local();
        Self {
            servers: servers.into_iter().map(server).collect(),
            patience: Duration::from_secs(u64::from(config.timeout.max(1))),
            rounds: config.attempts.max(1),
            search: config.get_last_search_or_domain().cloned().collect(),
        }
    }

    /// What a name may mean, absolute: itself first, since it has dots enough.
    fn names(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![format!("{absolute}.")];
        }
        let longer = self.search.iter().map(|domain| domain.trim_end_matches('.'));
        let longer = longer
            .filter(|domain| !domain.is_empty())
            .map(|domain| format!("{name}.{domain}."));
        std::iter::once(format!("{name}.")).chain(longer).collect()
    }

    /// The records of a name; none if it has none.
    fn ask(&self, name: &str, deadline: Instant) -> Result<Vec<Record>, Failure> {
        let wrong = |error| fail(format!("no name for the DNS: {error}")).permanent();
        let relative = name.trim_end_matches('.');
        let question = Question::new(
            Name::new(relative).map_err(wrong)?,
            QTYPE::TYPE(TYPE::SRV),
            QCLASS::CLASS(CLASS::IN),
            false,
        );
        let mut query = Packet::new_query(fastrand::u16(..));
        query.set_flags(PacketFlag::RECURSION_DESIRED);
        query.questions.push(question);
        let query = query.build_bytes_vec().map_err(wrong)?;
        let mut last = fail(format!("timed out looking up the SRV records of {relative}"));
        for _ in 0..self.rounds {
            for server in &self.servers {
                let left = deadline.saturating_duration_since(Instant::now());
                if left < Duration::from_millis(1) {
                    return Err(last);
                }
                match exchange(*server, &query, Instant::now() + self.patience.min(left)) {
                    Ok(records) => return Ok(records),
                    Err(Trouble::Refused(code)) => {
                        last = fail(format!("the DNS server {server} answered {code} for {relative}"));
                    }
                    Err(Trouble::Io(error)) if is_timeout(&error) => {}
                    Err(Trouble::Io(error)) => {
                        last = fail(format!("cannot ask the DNS server {server}: {}", io_reason(&error)));
                    }
                }
            }
        }
        Err(last)
    }
}

fn server(address: ScopedIp) -> SocketAddr {
    match address {
        ScopedIp::V4(address) => SocketAddr::new(IpAddr::V4(address), PORT),
        ScopedIp::V6(address, scope) => SocketAddr::V6(SocketAddrV6::new(address, PORT, 0, scope_of(scope.as_deref()))),
    }
}

/// The number of an interface, which may be written as one or by its name.
fn scope_of(scope: Option<&str>) -> u32 {
    let index = |name: &str| std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok();
    let number = |text: &str| text.trim().parse().ok();
    scope
        .and_then(|scope| number(scope).or_else(|| number(&index(scope)?)))
        .unwrap_or(0)
}

/// Why a server gave no records.
enum Trouble {
    /// It says that it cannot or will not.
    Refused(String),
    /// It did not answer, or not with an answer.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Asks one server: over UDP, and over TCP if the answer does not fit there.
fn exchange(server: SocketAddr, query: &[u8], until: Instant) -> Result<Vec<Record>, Trouble> {
    let local: IpAddr = if server.is_ipv4() {
        [0, 0, 0, 0].into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    // Connected, so that nobody else's datagram is an answer, and a port where
    // nobody listens is told at once.
    let socket = UdpSocket::bind((local, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let mut answer = [0; 4096];
    loop {
        socket.set_read_timeout(Some(left(until)?))?;
        let length = socket.recv(&mut answer)?;
        match read(&answer[..length], query) {
            Some(Answer::Records(records)) => return Ok(records),
            Some(Answer::Refused(code)) => return Err(Trouble::Refused(code)),
            Some(Answer::Truncated) => return over_tcp(server, query, until),
            // Not an answer to this question.
            None => {}
        }
    }
}

fn over_tcp(server: SocketAddr, query: &[u8], until: Instant) -> Result<Vec<Record>, Trouble> {
    let mut socket = TcpStream::connect_timeout(&server, left(until)?)?;
    socket.set_write_timeout(Some(left(until)?))?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    socket.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut hear = |buffer: &mut [u8]| -> io::Result<()> {
        let mut got = 0;
        while got < buffer.len() {
            socket.set_read_timeout(Some(left(until)?))?;
            match socket.read(&mut buffer[got..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => got += count,
            }
        }
        Ok(())
    };
    let mut length = [0; 2];
    hear(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    hear(&mut answer)?;
    match read(&answer, query) {
        Some(Answer::Records(records)) => Ok(records),
        Some(Answer::Refused(code)) => Err(Trouble::Refused(code)),
        Some(Answer::Truncated) | None => Err(io::Error::other("the answer makes no sense").into()),
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// What a server said.
enum Answer {
    Records(Vec<Record>),
    Refused(String),
    Truncated,
}

/// Reads an answer to this query; `None` if it is none.
fn read(answer: &[u8], query: &[u8]) -> Option<Answer> {
    let query = Packet::parse(query).ok()?;
    if answer.get(..2)? != query.id().to_be_bytes() {
        return None;
    }
    // A truncated answer may end anywhere; the flags are in the third byte.
    let flags = *answer.get(2)?;
    if flags & 0x80 == 0 {
        return None;
    }
    if flags & 0x02 != 0 {
        return Some(Answer::Truncated);
    }
    let packet = Packet::parse(answer).ok()?;
    let asked = query.questions.first()?;
    if !packet
        .questions
        .iter()
        .any(|question| is_same(&question.qname, &asked.qname))
    {
        return None;
    }
    match packet.rcode() {
        RCODE::NoError | RCODE::NameError => {}
        other => return Some(Answer::Refused(format!("{other:?}"))),
    }
    let records = packet.answers.iter().filter_map(|answer| match &answer.rdata {
        RData::SRV(srv) => Some(Record {
            priority: srv.priority,
            weight: srv.weight,
            target: Host {
                name: srv.target.to_string(),
                port: srv.port,
            },
        }),
        _ => None,
    });
    // Port 0 would mean a path.
    Some(Answer::Records(
        records.filter(|record| record.target.port != 0).collect(),
    ))
}

fn is_same(one: &Name<'_>, other: &Name<'_>) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

/// The brokers of an answer to the question with this number, in the order in which
/// they are tried.
#[cfg(fuzzing)]
pub(super) fn answered(id: u16, answer: &[u8]) -> Option<Vec<Host>> {
    let mut query = Packet::new_query(id);
    let name = Name::new("_mqtt._tcp.example").ok()?;
    let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
    query.questions.push(Question::new(name, kind, class, false));
    match read(answer, &query.build_bytes_vec().ok()?)? {
        Answer::Records(records) => Some(order(records, |most| most / 2)),
        Answer::Refused(_) | Answer::Truncated => None,
    }
}

#[cfg(test)]
mod tests;
