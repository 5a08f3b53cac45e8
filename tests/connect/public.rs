//! A broker with a listener of each kind, as the public test brokers are laid
//! out: who gets in where, and what is said to those who do not. Both tools, MQTT
//! 3.1.1 and 5.

use std::path::Path;
use std::thread;

use super::both;
use crate::support::certificates::certificates;
use crate::support::mosquitto::{self, PASSWORD, PSK, PSK_IDENTITY, USER};
use crate::support::runner::{Contains, Tool};
use crate::support::unique_topic;

/// How a row ends.
#[derive(Clone, Copy)]
enum End {
    /// A message goes through.
    In,
    /// This status, these words behind the place, and a hint with this in it.
    Out(i32, &'static str, Option<&'static str>),
}

use End::{In, Out};

/// A port, what is typed, and how it ends.
struct Row {
    name: &'static str,
    port: u16,
    words: String,
    end: End,
    /// `SSL_CERT_FILE`, in the place of the system's store.
    store: Option<&'static Path>,
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn rows() -> Vec<Row> {
    let broker = mosquitto::shared();
    let certificates = certificates();
    let ca = format!("--cafile {}", certificates.ca.display());
    let other = format!("--cafile {}", certificates.other_ca.display());
    let ours = format!(
        "{ca} --cert {} --key {}",
        certificates.client.cert.display(),
        certificates.client.key.display()
    );
    // A certificate that the broker's CA has not issued.
    let foreign = format!(
        "{ca} --cert {} --key {}",
        certificates.unknown_issuer.cert.display(),
        certificates.unknown_issuer.key.display()
    );
    let login = format!("-u {USER} -P {PASSWORD}");
    let wrong = format!("-u {USER} -P wrong");
    let psk = format!("--psk {PSK} --psk-identity {PSK_IDENTITY}");

    let no = "refused by the broker: not authorised\n";
    let no_name = Out(4, no, Some("-u NAME"));
    let no_entry = Out(4, no, None);
    let expired = Out(3, "TLS: certificate of localhost expired on ", None);
    let unknown = "TLS: certificate of localhost was issued by Test CA, which is not trusted\n";
    let unknown = Out(3, unknown, Some("--cafile"));
    let unknown_ca = "TLS: certificate of localhost was issued by Unknown CA, which is not trusted\n";
    let unknown_ca = Out(3, unknown_ca, Some("--cafile"));
    let wrong_host = "TLS: certificate is for wrong.example, not for 127.0.0.1\n";
    let wrong_host = Out(3, wrong_host, None);
    let wants = Out(3, "TLS: the broker wants a client certificate\n", Some("--cert FILE"));
    let not_known = "TLS: the broker does not know who issued our certificate\n";
    let not_known = Out(3, not_known, Some("--cert"));
    let no_tls = |hint| Out(3, "TLS: ", Some(hint));

    let mut rows = Vec::new();
    let mut row = |name, port, words: &[&str], end| {
        rows.push(Row {
            name,
            port,
            words: words.join(" "),
            end,
            store: None,
        });
    };
    let (plain, password) = (broker.tcp(), broker.password());
    row("plain", plain, &[], In);
    row("plain with a name that nobody asks for", plain, &[&login], In);
    row(
        "plain, spoken to in TLS",
        plain,
        &[&ca],
        no_tls("speak TLS on this port"),
    );
    row("password", password, &[&login], In);
    row("password, wrong", password, &[&wrong], no_entry);
    row("password, missing", password, &[], no_name);

    let tls = broker.tls();
    row("TLS", tls, &[&ca], In);
    row("TLS 1.3 alone", tls, &[&ca, "--tls-version TLSv1.3"], In);
    row("TLS, another CA", tls, &[&other], unknown);
    row("TLS, another CA, not verified", tls, &[&other, "--insecure"], In);
    row("TLS, spoken to plainly", tls, &[], Out(3, "", Some("TLS")));
    row("TLS, wrong host", broker.tls_wrong_host(), &[&ca], wrong_host);
    row("TLS, expired", broker.tls_expired(), &[&ca], expired);
    row("TLS, unknown issuer", broker.tls_unknown_issuer(), &[&ca], unknown_ca);

    let mutual = broker.mutual_tls();
    row("client certificate", mutual, &[&ours], In);
    row("client certificate, missing", mutual, &[&ca], wants);
    row("client certificate, wrong", mutual, &[&foreign], not_known);

    let tls_password = broker.tls_password();
    row("TLS with password", tls_password, &[&ca, &login], In);
    row("TLS with password, wrong", tls_password, &[&ca, &wrong], no_entry);
    row("TLS with password, missing", tls_password, &[&ca], no_name);

    row("WebSocket", broker.ws(), &["--ws"], In);
    row(
        "WebSocket, spoken to without",
        broker.ws(),
        &[],
        Out(3, "", Some("--ws")),
    );
    row("WebSocket TLS", broker.wss(), &["--ws", &ca], In);
    row("WebSocket TLS, another CA", broker.wss(), &["--ws", &other], unknown);
    row(
        "WebSocket TLS, wrong host",
        broker.wss_wrong_host(),
        &["--ws", &ca],
        wrong_host,
    );
    row("WebSocket TLS, expired", broker.wss_expired(), &["--ws", &ca], expired);
    row("WebSocket with password", broker.ws_password(), &["--ws", &login], In);
    row(
        "WebSocket with password, wrong",
        broker.ws_password(),
        &["--ws", &wrong],
        no_entry,
    );
    row(
        "WebSocket with password, missing",
        broker.ws_password(),
        &["--ws"],
        no_name,
    );
    let wss = broker.wss_password();
    row("WebSocket TLS with password", wss, &["--ws", &ca, &login], In);
    row(
        "WebSocket TLS with password, wrong",
        wss,
        &["--ws", &ca, &wrong],
        no_entry,
    );
    row("WebSocket TLS with password, missing", wss, &["--ws", &ca], no_name);

    row("pre-shared key", broker.psk(), &[&psk], In);
    let other_psk = format!("--psk ab --psk-identity {PSK_IDENTITY}");
    let another = Out(3, "TLS: the broker has another pre-shared key\n", Some("--psk"));
    row("pre-shared key, wrong", broker.psk(), &[&other_psk], another);
    let nobody = format!("--psk {PSK} --psk-identity nobody");
    let stranger = "TLS: the broker does not know this identity of a pre-shared key\n";
    row(
        "pre-shared key, wrong name",
        broker.psk(),
        &[&nobody],
        Out(3, stranger, Some("--psk-identity")),
    );

    let store = |name, port, words: &str, end, store| Row {
        name,
        port,
        words: words.to_owned(),
        end,
        store: Some(store),
    };
    let system = "--tls-use-os-certs";
    let both = format!("{ours} {system}").replace(&ca, "");
    let (good, bad) = (&*certificates.ca, &*certificates.other_ca);
    rows.extend([
        store("the system's store", tls, system, In, good),
        store("another system's store", tls, system, unknown, bad),
        store(
            "the system's store, our certificate",
            broker.mutual_tls(),
            &both,
            In,
            good,
        ),
        store(
            "the system's store, WebSocket",
            broker.wss(),
            "--ws --tls-use-os-certs",
            In,
            good,
        ),
    ]);
    rows
}

/// Runs both tools at both versions of MQTT, and tells what is not as expected.
fn try_row(row: &Row) {
    for version in ["311", "5"] {
        let equip = |tool: Tool, words: &str| {
            let tool = tool.args(["-h", "127.0.0.1"]).port(row.port);
            let tool = tool.args(words.split_whitespace());
            match row.store {
                Some(store) => tool.env("SSL_CERT_FILE", store).env("SSL_CERT_DIR", "/nonexistent"),
                None => tool,
            }
        };
        let words = format!("{} -V {version}", row.words);
        match row.end {
            In => {
                // Kept by the broker, so that neither tool waits for the other.
                let topic = unique_topic("open");
                let message = format!("{words} -t {topic} -q 1");
                let publish = equip(Tool::mqpub(), &format!("{message} -r -m x"));
                publish.run().expect(0, "", "");
                let subscribe = equip(Tool::mqsub(), &format!("{message} -C 1"));
                subscribe.run().expect(0, "x\n", "");
            }
            Out(status, why, hint) => {
                for (tool, words) in both(&words) {
                    let place = format!("error: cannot connect to 127.0.0.1:{}: {why}", row.port);
                    let ended = equip(tool, &words).run().expect(status, "", Contains(&[&place]));
                    let hints: Vec<&str> = ended.stderr.lines().skip(1).collect();
                    match (hints.as_slice(), hint) {
                        ([], None) => {}
                        ([line], Some(hint)) if line.contains(": hint: ") && line.contains(hint) => {}
                        _ => panic!("{}: a hint with {hint:?}, not {hints:?}", row.name),
                    }
                    assert!(!ended.stderr.contains(PASSWORD) && !ended.stderr.contains("wrong\n"));
                }
            }
        }
    }
}

#[test]
fn who_gets_in_where_and_what_is_said_to_the_others() {
    let rows = rows();
    assert!(rows.len() >= 37, "{} rows", rows.len());
    // Several at once: most of the time of each goes by in waiting.
    thread::scope(|scope| {
        let share = rows.len().div_ceil(4);
        let workers: Vec<_> = rows
            .chunks(share)
            .map(|rows| {
                scope.spawn(move || {
                    let failed = |row: &&Row| thread::scope(|one| one.spawn(|| try_row(row)).join().is_err());
                    rows.iter().filter(failed).map(|row| row.name).collect::<Vec<_>>()
                })
            })
            .collect();
        let failed: Vec<&str> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        assert!(failed.is_empty(), "rows that failed, as said above: {failed:#?}");
    });
}
