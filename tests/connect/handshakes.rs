//! TLS servers of every kind: what the options of TLS do, and what is said when
//! a handshake comes to nothing. The servers know just enough of MQTT 3.1.1 to
//! take a message.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use openssl::pkey::PKey;
use openssl::ssl::{AlpnError, Ssl, SslAcceptor, SslAcceptorBuilder, SslContext, SslFiletype, SslMethod, SslStream};
use openssl::ssl::{NameType, SslVerifyMode, SslVersion};
use openssl::symm::Cipher;
use openssl::x509::X509;

use super::both;
use crate::support::DEADLINE;
use crate::support::capture::Capture;
use crate::support::certificates::{Chain, certificates};
use crate::support::runner::{Contains, Outcome, Satisfies, Tool};
use crate::tools::at;

/// What a server has seen of a handshake: version, cipher, server name, protocol.
type Seen = (String, String, Option<String>, Option<Vec<u8>>);

/// A server with this certificate, set up further by `set_up`, on this address.
fn serve_on(address: IpAddr, chain: &Chain, set_up: impl FnOnce(&mut SslAcceptorBuilder)) -> (u16, Receiver<Seen>) {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_certificate_chain_file(&chain.cert).unwrap();
    builder.set_private_key_file(&chain.key, SslFiletype::PEM).unwrap();
    set_up(&mut builder);
    let context = builder.build().into_context();
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, heard) = mpsc::channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (context, seen) = (context.clone(), seen.clone());
            thread::spawn(move || talk(&context, socket.unwrap(), &seen));
        }
    });
    (port, heard)
}

fn serve(chain: &Chain, set_up: impl FnOnce(&mut SslAcceptorBuilder)) -> (u16, Receiver<Seen>) {
    serve_on(Ipv4Addr::LOCALHOST.into(), chain, set_up)
}

fn talk(context: &SslContext, socket: std::net::TcpStream, seen: &mpsc::Sender<Seen>) {
    let mut stream = SslStream::new(Ssl::new(context).unwrap(), socket).unwrap();
    if stream.accept().is_err() {
        return;
    }
    let ssl = stream.ssl();
    let _ = seen.send((
        ssl.version_str().to_owned(),
        ssl.current_cipher().unwrap().name().to_owned(),
        ssl.servername(NameType::HOST_NAME).map(str::to_owned),
        ssl.selected_alpn_protocol().map(<[u8]>::to_vec),
    ));
    let mut buffer = [0; 1000];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let answer: &[u8] = match buffer[0] {
            0x10 => &[0x20, 2, 0, 0],
            // Whatever came before it in the same record.
            _ if buffer[..count].ends_with(&[0xc0, 0]) => &[0xd0, 0],
            _ => &[],
        };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

fn words_with_ca(words: &str) -> String {
    format!("--cafile {} {words}", certificates().ca.display())
}

#[track_caller]
fn publish(port: u16, words: &str) -> Outcome {
    at(Tool::mqpub(), port, &format!("-t t -m x {words}")).run()
}

/// A message goes through.
#[track_caller]
fn goes(port: u16, words: &str) {
    publish(port, &words_with_ca(words)).expect(0, "", "");
}

/// Both tools fail with these words, which retrying does not mend.
#[track_caller]
fn fails(port: u16, words: &str, why: &str) {
    for (tool, words) in both(&words_with_ca(words)) {
        let why = format!("error: cannot connect to 127.0.0.1:{port}: TLS: {why}");
        let tool = at(tool, port, &words).args(["--retry-for", "1m"]);
        tool.run().expect(3, "", Contains(&[&why]));
    }
}

#[test]
fn versions_and_ciphers_are_those_asked_for() {
    let good = &certificates().good;
    let (old, seen_old) = serve(good, |builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    });
    let (new, seen_new) = serve(good, |builder| {
        builder.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
        let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
        builder.set_ciphersuites(suites).unwrap();
    });
    let list = "--ciphers TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384";
    goes(old, list);
    goes(new, list);
    let (version, cipher, ..) = seen_old.recv().unwrap();
    assert_eq!((&*version, &*cipher), ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"));
    let (version, cipher, ..) = seen_new.recv().unwrap();
    assert_eq!((&*version, &*cipher), ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"));

    // In the names of the standard, and with the lowest version named.
    goes(
        old,
        "--ciphers TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 --tls-version TLSv1.2",
    );
    assert_eq!(seen_old.recv().unwrap().1, "ECDHE-ECDSA-AES128-GCM-SHA256");
    goes(new, "--tls-version tlsv1.2");
    goes(new, "--tls-version tlsv1.3");
    fails(old, "--tls-version tlsv1.3", "the broker does not speak TLS 1.3\n");
    fails(
        old,
        "--ciphers ECDHE-RSA-AES128-GCM-SHA256",
        "the broker refuses the handshake\n",
    );
    for list in ["NONSENSE", "TLS_NONSENSE"] {
        let ended = publish(new, &words_with_ca(&format!("--ciphers {list}")));
        let why = format!("--ciphers '{list}': this OpenSSL knows none of them\n");
        ended.expect(2, "", Contains(&[&why]));
    }
}

#[test]
fn a_server_of_an_old_version_is_named_as_that() {
    let (port, _seen) = serve(&certificates().good, |builder| {
        builder.set_min_proto_version(None).unwrap();
        builder.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
        builder.set_security_level(0);
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    });
    for (tool, words) in both(&words_with_ca("")) {
        let why = "TLS: the broker speaks ";
        let ended = at(tool, port, &words).run().expect(3, "", Contains(&[why]));
        assert!(ended.stderr.contains("version"), "{}", ended.stderr);
    }
}

#[test]
fn the_server_name_is_sent_for_names_alone_and_protocols_by_preference() {
    let good = &certificates().good;
    let (port, seen) = serve(good, |builder| {
        builder.set_alpn_select_callback(|_, offered| {
            openssl::ssl::select_next_proto(b"\x04mqtt\x01x", offered).ok_or(AlpnError::ALERT_FATAL)
        });
    });
    goes(port, "");
    let (_, _, name, protocol) = seen.recv().unwrap();
    assert_eq!((name, protocol), (None, None));
    let tool = Tool::mqpub().args([
        "-h",
        "localhost",
        "-t",
        "t",
        "-m",
        "x",
        "--tls-alpn",
        "y",
        "--tls-alpn",
        "mqtt",
    ]);
    let tool = tool.port(port).arg("--cafile").arg(&good.ca);
    tool.run().expect(0, "", "");
    let (_, _, name, protocol) = seen.recv().unwrap();
    assert_eq!(name.as_deref(), Some("localhost"));
    assert_eq!(protocol.as_deref(), Some(&b"mqtt"[..]));
    fails(
        port,
        "--tls-alpn other",
        "the broker speaks none of the protocols that were asked for\n",
    );
}

#[test]
fn an_ipv6_address_is_looked_for_in_the_certificate() {
    let certificates = certificates();
    let here: IpAddr = std::net::Ipv6Addr::LOCALHOST.into();
    for (chain, status, why) in [
        (&certificates.good, 0, ""),
        (
            &certificates.wrong_host,
            3,
            "certificate is for wrong.example, not for ::1\n",
        ),
    ] {
        let (port, _seen) = serve_on(here, chain, |_| {});
        let tool = Tool::mqpub().args(["-h", "::1", "-t", "t", "-m", "x", "--cafile"]);
        let ended = tool.arg(&certificates.ca).port(port).run();
        ended.expect(
            status,
            "",
            Contains(if why.is_empty() {
                &[]
            } else {
                std::slice::from_ref(&why)
            }),
        );
    }
}

#[test]
fn a_client_certificate_over_tls_1_2() {
    let certificates = certificates();
    let (port, _seen) = serve(&certificates.good, |builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_ca_file(&certificates.ca).unwrap();
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    });
    fails(port, "", "the broker refuses the handshake\n");
    let (cert, key) = (certificates.client.cert.display(), certificates.client.key.display());
    goes(port, &format!("--cert {cert} --key {key}"));
    let (cert, key) = (
        certificates.unknown_issuer.cert.display(),
        certificates.unknown_issuer.key.display(),
    );
    fails(
        port,
        &format!("--cert {cert} --key {key}"),
        "the broker does not know who issued our certificate\n",
    );
}

#[test]
fn a_pin_lets_in_only_whom_it_fits() {
    let good = &certificates().good;
    let (port, _seen) = serve(good, |_| {});
    let certificate = X509::from_pem(&std::fs::read(&good.cert).unwrap()).unwrap();
    let key = certificate.public_key().unwrap().public_key_to_der().unwrap();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat()
    };
    let of_key = hex(&openssl::sha::sha256(&key));
    let of_all = hex(&openssl::sha::sha256(&certificate.to_der().unwrap()));
    let other = "00".repeat(32);
    goes(port, &format!("--pin-sha256 {of_key}"));
    goes(port, &format!("--pin-sha256 {other} --pin-sha256 {of_all}"));
    fails(
        port,
        &format!("--pin-sha256 {other}"),
        "no --pin-sha256 fits the certificate of localhost, whose public key has ",
    );
    // A pin takes nothing away from the verification.
    let ended = publish(port, &format!("--pin-sha256 {of_key}"));
    ended.expect(3, "", Contains(&["Test CA, which is not trusted"]));
}

#[test]
fn the_key_log_has_the_secrets_and_is_for_its_owner_alone() {
    let (port, _seen) = serve(&certificates().good, |_| {});
    let dir = crate::support::scratch_dir();
    let path = dir.path().join("keys");
    for runs in 1..=2 {
        publish(
            port,
            &format!("--insecure --tls-use-os-certs --tls-keylog {}", path.display()),
        )
        .expect(0, "", "");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), runs, "{text}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ended = publish(port, &words_with_ca("--tls-keylog /nonexistent/keys"));
    ended.expect(
        1,
        "",
        Contains(&["key log /nonexistent/keys: no such file or directory"]),
    );
}

/// The key of the client's certificate, encrypted.
fn encrypted_key(dir: &Path) -> std::path::PathBuf {
    let text = std::fs::read(&certificates().client.key).unwrap();
    let key = PKey::private_key_from_pem(&text).unwrap();
    let pem = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"open sesame")
        .unwrap();
    let path = dir.join("encrypted.key");
    std::fs::write(&path, pem).unwrap();
    path
}

#[test]
fn an_encrypted_key_takes_its_passphrase_from_a_file() {
    let certificates = certificates();
    let (port, _seen) = serve(&certificates.good, |builder| {
        builder.set_ca_file(&certificates.ca).unwrap();
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    });
    let dir = crate::support::scratch_dir();
    let key = encrypted_key(dir.path());
    let words = words_with_ca(&format!(
        "--cert {} --key {}",
        certificates.client.cert.display(),
        key.display()
    ));
    let (right, wrong) = (dir.path().join("right"), dir.path().join("wrong"));
    std::fs::write(&right, "open sesame\nnot this line\n").unwrap();
    std::fs::write(&wrong, "open barley\n").unwrap();
    let with = |file: &Path| publish(port, &format!("{words} --key-passphrase-file {}", file.display()));
    with(&right).expect(0, "", "");
    let ended = with(&wrong).expect(1, "", Contains(&["encrypted.key: the passphrase is wrong\n"]));
    assert!(!ended.stderr.contains("barley"));
    with(Path::new("/nonexistent")).expect(1, "", Contains(&["--key-passphrase-file /nonexistent: no such file"]));
    // In a session of its own the tool has no terminal.
    let tool = Tool::new("setsid")
        .args(["-w"])
        .arg(assert_cmd::cargo::cargo_bin!("mqpub"));
    let tool = at(tool, port, &format!("-t t -m x {words}"));
    tool.run().expect(
        1,
        "",
        Contains(&[
            "is encrypted, and there is no terminal",
            "hint: name a file that has it: --key-passphrase-file",
        ]),
    );
    // Where nothing is connected nobody is asked, terminal or not.
    let told = "encrypted.key the passphrase was not asked\n";
    let rehearsal = publish(port, &format!("{words} --dry-run"));
    rehearsal.expect(0, Contains(&[told, "would publish 1 message"]), "");
    let rehearsal = publish(
        port,
        &format!("{words} --dry-run --key-passphrase-file {}", wrong.display()),
    );
    rehearsal.expect(1, "", Contains(&["encrypted.key: the passphrase is wrong\n"]));
}

#[test]
fn an_encrypted_key_asks_on_the_terminal_and_shows_nothing() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let certificates = certificates();
    let (port, _seen) = serve(&certificates.good, |builder| {
        builder.set_ca_file(&certificates.ca).unwrap();
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    });
    let dir = crate::support::scratch_dir();
    let key = encrypted_key(dir.path());
    let words = words_with_ca(&format!(
        "--cert {} --key {}",
        certificates.client.cert.display(),
        key.display()
    ));
    // What is typed, the status, and what stderr has.
    for (typed, status, why) in [
        ("open sesamx\u{7f}e\r", 0, ""),
        ("open\x15open sesame\n", 0, ""),
        ("open barley\r", 1, "the passphrase is wrong\n"),
        ("\x03", 1, "encrypted.key: no passphrase was given\n"),
    ] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let other_end = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
        // Makes what is stdin the terminal of the session, too.
        let tool = Tool::new("setsid")
            .args(["-c", "-w"])
            .arg(assert_cmd::cargo::cargo_bin!("mqpub"));
        let tool = at(tool, port, &format!("-t t -m x {words}")).stdin_from(other_end.try_clone().unwrap());
        let running = tool.spawn();
        let mut keys = std::fs::File::from(terminal.try_clone().unwrap());
        let shown = Capture::start(terminal);
        if !shown.wait_contains("encrypted.key: ", 0, Instant::now() + DEADLINE) {
            let ended = running.wait();
            panic!("it did not ask: {}, {}", ended.status, ended.stderr);
        }
        keys.write_all(typed.as_bytes()).unwrap();
        let ended = running.wait();
        ended.expect(
            status,
            "",
            Satisfies(&|stderr: &[u8]| {
                let text = String::from_utf8_lossy(stderr);
                text.ends_with(why) && (why.is_empty() == text.is_empty())
            }),
        );
        drop(other_end);
        assert!(shown.wait_end(Instant::now() + DEADLINE), "somebody has the terminal");
        let shown = String::from_utf8(shown.all()).unwrap();
        assert!(!shown.contains("open") && shown.ends_with("\r\n"), "{shown:?}");
    }
}

#[test]
fn a_revoked_certificate_is_named() {
    let certificates = certificates();
    let (port, _seen) = serve(&certificates.good, |_| {});
    let list = |file: &Path| format!("--crlfile {}", file.display());
    goes(port, &list(&certificates.crl));
    fails(
        port,
        &list(&certificates.crl_of_good),
        "certificate of localhost was revoked\n",
    );
    fails(
        port,
        &list(&certificates.other_crl),
        "--crlfile has no revocation list of Test CA\n",
    );
    let ended = publish(port, &words_with_ca("--crlfile /nonexistent"));
    ended.expect(1, "", Contains(&["--crlfile /nonexistent: no such file or directory"]));
}

#[test]
fn debug_tells_of_the_encryption_and_of_the_certificate() {
    let (port, _seen) = serve(&certificates().good, |_| {});
    let ended = publish(port, &words_with_ca("-d"));
    let place = format!("mqpub: debug: connected: 127.0.0.1:{port}, MQTT 3.1.1\n");
    ended.expect(0, "", Contains(&[
        &place,
        "mqpub: debug: TLS: TLSv1.3, TLS_",
        "mqpub: debug: TLS: certificate of localhost, for localhost, 127.0.0.1, ::1, issued by Test CA, valid from ",
        "mqpub: debug: TLS: public key for --pin-sha256: ",
    ]));
    let ended = publish(port, "-d --insecure --tls-use-os-certs");
    ended.expect(
        0,
        "",
        Contains(&["mqpub: debug: TLS: the certificate was not verified (--insecure)\n"]),
    );
}
