//! Certificates: what is wrong with one is refused and named, over TLS and over
//! WebSocket alike, unless that is asked to be let pass.

use std::path::Path;

use super::both;
use crate::support::broker::{Broker, Inbox, Transport, sink};
use crate::support::certificates::certificates;
use crate::support::mosquitto;
use crate::support::runner::{Contains, Tool};
use crate::tools::at;

/// A server, and what is said of it to a client that trusts the CA `ca`.
struct Case<'a> {
    port: u16,
    ws: &'a str,
    ca: &'a Path,
    why: &'a str,
}

fn faulty() -> Vec<Case<'static>> {
    let certificates = certificates();
    let broker = mosquitto::shared();
    let expired = "TLS: certificate of localhost expired on ";
    let wrong_host = "TLS: certificate is for wrong.example, not for 127.0.0.1\n";
    let unknown = "TLS: certificate of localhost was issued by Unknown CA, which is not trusted\n";
    let not_ours = "TLS: certificate of localhost was issued by Test CA, which is not trusted\n";
    let (ca, other) = (&*certificates.ca, &*certificates.other_ca);
    let cases = [
        (broker.tls_expired(), "", ca, expired),
        (broker.wss_expired(), "--ws", ca, expired),
        (broker.tls_wrong_host(), "", ca, wrong_host),
        (broker.wss_wrong_host(), "--ws", ca, wrong_host),
        (broker.tls_unknown_issuer(), "", ca, unknown),
        (broker.tls(), "", other, not_ours),
        (broker.wss(), "--ws", other, not_ours),
    ];
    let case = |(port, ws, ca, why)| Case { port, ws, ca, why };
    cases.map(case).into()
}

#[test]
fn a_certificate_with_a_fault_is_refused_and_the_fault_is_named() {
    for Case { port, ws, ca, why } in faulty() {
        for (tool, words) in both(ws) {
            let tool = at(tool, port, &words).arg("--cafile").arg(ca);
            let place = format!("error: cannot connect to 127.0.0.1:{port}: {why}");
            let ended = tool.run().expect(3, "", Contains(&[&place]));
            let hinted = ended
                .stderr
                .contains("hint: name its CA with --cafile, or verify nothing with --insecure");
            assert_eq!(hinted, why.contains("not trusted"), "{}", ended.stderr);
        }
    }
}

#[test]
fn insecure_lets_every_certificate_pass() {
    for Case { port, ws, ca, .. } in faulty() {
        let tool = at(Tool::mqpub(), port, &format!("-t t -m x --insecure {ws}"));
        tool.arg("--cafile").arg(ca).run().expect(0, "", "");
    }
}

#[test]
fn other_faults_are_named_too() {
    let certificates = certificates();
    let early = "TLS: certificate of localhost is not valid before ";
    let own = "TLS: certificate of localhost is self-signed and not trusted";
    for (chain, why) in [(&certificates.not_yet_valid, early), (&certificates.self_signed, own)] {
        for (transport, ws) in [(Transport::Tls(chain), ""), (Transport::Wss(chain), "--ws")] {
            let broker = Broker::start_on(transport, sink(&Inbox::default()));
            let tool = at(Tool::mqpub(), broker.port(), &format!("-t t -m x {ws} --cafile"));
            tool.arg(&certificates.ca).run().expect(3, "", Contains(&[why]));
            assert_eq!(
                broker.finish(),
                [[]],
                "it said something to a broker that it does not trust"
            );
        }
    }
}

#[test]
fn a_certificate_that_signed_itself_can_be_trusted() {
    let chain = &certificates().self_signed;
    let broker = Broker::start_tls(chain, sink(&Inbox::default()));
    let tool = at(Tool::mqpub(), broker.port(), "-t t -m x --cafile");
    tool.arg(&chain.ca).run().expect(0, "", "");
}

#[test]
fn the_name_is_verified_as_it_was_typed() {
    let broker = mosquitto::shared();
    for (port, host, status) in [
        (broker.tls(), "localhost", 0),
        (broker.tls_wrong_host(), "localhost", 3),
    ] {
        let tool = Tool::mqpub().args(["-h", host, "-t", "t", "-m", "x", "--cafile"]);
        let ended = tool.arg(&certificates().ca).port(port).run();
        let stderr: &[&str] = if status == 0 { &[] } else { &["not for localhost\n"] };
        ended.expect(status, "", Contains(stderr));
    }
}

#[test]
fn the_systems_trust_does_not_reach_to_our_own_ca() {
    let broker = mosquitto::shared();
    for (port, ws) in [(broker.tls(), ""), (broker.wss(), "--ws")] {
        for (tool, words) in both(&format!("--tls-use-os-certs {ws}")) {
            at(tool, port, &words)
                .run()
                .expect(3, "", Contains(&["which is not trusted"]));
        }
    }
}

#[test]
fn a_directory_of_certificates_is_trusted() {
    let dir = crate::support::scratch_dir();
    let certificate = std::fs::read(&certificates().ca).unwrap();
    let hash = openssl::x509::X509::from_pem(&certificate).unwrap().subject_name_hash();
    // As c_rehash names it.
    std::fs::write(dir.path().join(format!("{hash:08x}.0")), certificate).unwrap();
    let tool = at(Tool::mqpub(), mosquitto::shared().tls(), "-t t -m x --capath");
    tool.arg(dir.path()).run().expect(0, "", "");
}

#[test]
fn a_broker_may_want_our_certificate() {
    let certificates = certificates();
    let port = mosquitto::shared().mutual_tls();
    for version in ["311", "5"] {
        for (tool, words) in both(&format!("-V {version}")) {
            let tool = at(tool, port, &words).arg("--cafile").arg(&certificates.ca);
            // TLS 1.3 tells it only after the handshake.
            let ended = tool.run().expect(3, "", Contains(&["certificate"]));
            assert!(ended.stderr.lines().count() <= 2, "{}", ended.stderr);
        }
        let tool = at(Tool::mqpub(), port, &format!("-t t -m x -V {version}"));
        let tool = tool.arg("--cafile").arg(&certificates.ca);
        let tool = tool.arg("--cert").arg(&certificates.client.cert);
        let tool = tool.arg("--key").arg(&certificates.client.key);
        tool.run().expect(0, "", "");
    }
}

#[test]
fn files_that_do_not_fit_are_told_before_the_broker_is_troubled() {
    let certificates = certificates();
    let broker = Broker::start_tls(&certificates.good, sink(&Inbox::default()));
    let (garbage, _dir) = crate::tools::file("no certificate");
    let client = &certificates.client;
    let nowhere = Path::new("/nonexistent.pem");
    let cases: [(&[(&str, &Path)], &str); 6] = [
        (
            &[("--capath", nowhere)],
            "--capath /nonexistent.pem: no such file or directory\n",
        ),
        (
            &[("--cafile", nowhere)],
            "--cafile /nonexistent.pem: no such file or directory",
        ),
        (&[("--cafile", &garbage)], "CA file "),
        (
            &[("--cert", nowhere), ("--key", &client.key)],
            "--cert /nonexistent.pem: no such file",
        ),
        (
            &[("--cert", &client.cert), ("--key", nowhere)],
            "--key /nonexistent.pem: no such file",
        ),
        (
            &[("--cert", &client.cert), ("--key", &certificates.good.key)],
            "key file ",
        ),
    ];
    for (files, why) in cases {
        let mut tool = at(Tool::mqpub(), broker.port(), "-t t -m x");
        for (option, path) in files {
            tool = tool.arg(option).arg(path);
        }
        tool.run().expect(1, "", Contains(&["mqpub: error: ", why]));
    }
    assert!(broker.finish().is_empty(), "it connected");
}
