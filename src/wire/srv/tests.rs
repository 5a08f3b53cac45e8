use std::net::TcpListener;
use std::thread;

use simple_dns::ResourceRecord;
use simple_dns::rdata::SRV;

use super::*;

/// What a scripted server does with a question.
#[derive(Clone)]
enum Script {
    /// Answers with these: priority, weight, port, target.
    Records(Vec<(u16, u16, u16, &'static str)>),
    /// Answers with an error.
    Code(RCODE),
    /// Says over UDP that the answer is too long, and gives it over TCP.
    Long(Vec<(u16, u16, u16, &'static str)>),
    /// Answers another question first, and with another number, and with nonsense.
    Noise(Vec<(u16, u16, u16, &'static str)>),
    /// Says nothing.
    Silent,
}

fn answer(query: &[u8], name: &str, records: &[(u16, u16, u16, &'static str)], code: RCODE) -> Vec<u8> {
    let query = Packet::parse(query).unwrap();
    let mut reply = Packet::new_reply(query.id());
    *reply.rcode_mut() = code;
    let name = Name::new(name).unwrap();
    let class = QCLASS::CLASS(CLASS::IN);
    let question = Question::new(name.clone(), QTYPE::TYPE(TYPE::SRV), class, false);
    reply.questions.push(question);
    for (priority, weight, port, target) in records {
        let srv = SRV {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: Name::new(target).unwrap(),
        };
        let record = ResourceRecord::new(name.clone(), CLASS::IN, 60, RData::SRV(srv));
        reply.answers.push(record);
    }
    reply.build_bytes_vec().unwrap()
}

/// A server that knows this name, and no other.
fn server(known: &'static str, script: Script) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    if let Script::Long(records) = script.clone() {
        thread::spawn(move || {
            let (mut socket, _) = tcp.accept().unwrap();
            let mut length = [0; 2];
            socket.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            socket.read_exact(&mut query).unwrap();
            let reply = answer(&query, known, &records, RCODE::NoError);
            socket
                .write_all(&u16::try_from(reply.len()).unwrap().to_be_bytes())
                .unwrap();
            socket.write_all(&reply).unwrap();
        });
    }
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut query) {
            let query = &query[..length];
            let asked = Packet::parse(query).unwrap().questions[0].qname.to_string();
            let send = |bytes: &[u8]| assert_eq!(udp.send_to(bytes, from).unwrap(), bytes.len());
            match &script {
                Script::Silent => {}
                _ if asked != known => send(&answer(query, &asked, &[], RCODE::NameError)),
                Script::Code(code) => send(&answer(query, known, &[], *code)),
                Script::Records(records) => send(&answer(query, known, records, RCODE::NoError)),
                Script::Long(_) => {
                    let mut reply = answer(query, known, &[], RCODE::NoError);
                    reply[2] |= 2;
                    send(&reply[..12]);
                }
                Script::Noise(records) => {
                    send(b"");
                    send(b"nonsense");
                    send(query);
                    send(&answer(query, "other.example", &[(0, 0, 1, "wrong")], RCODE::NoError));
                    let mut reply = answer(query, known, &[(0, 0, 1, "wrong")], RCODE::NoError);
                    reply[1] ^= 1;
                    send(&reply);
                    send(&answer(query, known, records, RCODE::NoError));
                }
            }
        }
    });
    address
}

fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver {
        servers: servers.to_vec(),
        patience: Duration::from_millis(200),
        rounds: 1,
        search: Vec::new(),
    }
}

fn ask(resolver: &Resolver, domain: &str, tls: bool) -> Result<String, String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let hosts = find(resolver, domain, tls, deadline).map_err(|failure| failure.to_string())?;
    Ok(hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(" "))
}

const PLAIN: &str = "_mqtt._tcp.example.org";

#[test]
fn the_records_of_a_domain_in_order() {
    let records = vec![
        (20, 0, 3, "c.example.org"),
        (10, 0, 1, "a.example.org"),
        (15, 9, 2, "b"),
    ];
    let expected = Ok("a.example.org:1 b:2 c.example.org:3".to_owned());
    for script in [
        Script::Records(records.clone()),
        Script::Long(records.clone()),
        Script::Noise(records.clone()),
    ] {
        let plain = resolver(&[server(PLAIN, script)]);
        assert_eq!(ask(&plain, "example.org", false), expected);
    }
    let secure = resolver(&[server("_secure-mqtt._tcp.example.org", Script::Records(records))]);
    assert_eq!(ask(&secure, "example.org.", true), expected);
    let why = ask(&secure, "example.org", false).unwrap_err();
    assert_eq!(why, format!("the DNS has no SRV record for {PLAIN}"));
}

#[test]
fn no_service_is_no_service() {
    for records in [vec![], vec![(0, 0, 1, ".")], vec![(0, 0, 0, "a.example.org")]] {
        let resolver = resolver(&[server(PLAIN, Script::Records(records))]);
        let why = ask(&resolver, "example.org", false).unwrap_err();
        assert_eq!(why, format!("the DNS has no SRV record for {PLAIN}"));
    }
}

#[test]
fn the_next_server_is_asked_when_one_does_not_know() {
    let good = || server(PLAIN, Script::Records(vec![(0, 0, 1, "a")]));
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for bad in [
        server(PLAIN, Script::Silent),
        server(PLAIN, Script::Code(RCODE::ServerFailure)),
        nobody,
    ] {
        let resolver = resolver(&[bad, good()]);
        assert_eq!(ask(&resolver, "example.org", false), Ok("a:1".to_owned()));
    }
}

#[test]
fn a_server_that_fails_is_named() {
    let silent = resolver(&[server(PLAIN, Script::Silent)]);
    let why = ask(&silent, "example.org", false).unwrap_err();
    assert_eq!(why, format!("timed out looking up the SRV records of {PLAIN}"));
    let address = server(PLAIN, Script::Code(RCODE::Refused));
    let why = ask(&resolver(&[address]), "example.org", false).unwrap_err();
    assert_eq!(why, format!("the DNS server {address} answered Refused for {PLAIN}"));
    let long = format!("{}.org", "x".repeat(64));
    let why = ask(&silent, &long, false).unwrap_err();
    assert!(why.starts_with("no name for the DNS: "), "{why}");
}

#[test]
fn a_short_name_is_looked_for_in_the_domains_of_the_system() {
    let mut resolver = resolver(&[server(PLAIN, Script::Records(vec![(0, 0, 1, "a")]))]);
    assert!(ask(&resolver, "example", false).is_err());
    resolver.search = vec!["elsewhere.net".to_owned(), "org".to_owned()];
    assert_eq!(ask(&resolver, "example", false), Ok("a:1".to_owned()));
    assert!(ask(&resolver, "example.", false).is_err(), "absolute");
}

#[test]
fn weights_are_chances() {
    let record = |priority, weight, port| Record {
        priority,
        weight,
        target: Host {
            name: "h".to_owned(),
            port,
        },
    };
    let ports = |records: &[Record], numbers: &[u32]| -> Vec<u16> {
        let mut numbers = numbers.iter();
        let hosts = order(records.to_vec(), |most| (*numbers.next().unwrap()).min(most));
        hosts.iter().map(|host| host.port).collect()
    };
    let records = [record(1, 10, 1), record(1, 0, 2), record(1, 30, 3), record(0, 5, 4)];
    assert_eq!(ports(&records, &[0, 0, 0, 0]), [4, 2, 1, 3]);
    assert_eq!(ports(&records, &[5, 1, 0, 0]), [4, 1, 2, 3]);
    assert_eq!(ports(&records, &[5, 11, 1, 0]), [4, 3, 1, 2]);
    assert_eq!(ports(&records, &[u32::MAX; 4]), [4, 3, 1, 2]);
}

#[test]
fn the_file_of_the_system_is_read() {
    assert!(!Resolver::of_system().servers.is_empty());
    assert_eq!(scope_of(Some("3")), 3);
    assert_eq!(scope_of(None), 0);
    #[cfg(target_os = "linux")]
    assert_eq!(scope_of(Some("lo")), 1);
}
