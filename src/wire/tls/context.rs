//! What a handshake needs of OpenSSL's, made from the configuration: trust,
//! identity, versions and ciphers. Only files of ours are read here.

#![expect(
    clippy::indexing_slicing,
    reason = "the place was made as long as the name and its NUL"
)]

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslVerifyMode, SslVersion};
use openssl::x509::store::X509Lookup;
use openssl::x509::verify::X509VerifyFlags;
use openssl_probe::ProbeResult;

use super::certificate::complaint;
use super::words::{fail, reason};
use super::{Finding, checked_name};
use crate::config::connection::{Host, Identity, Psk, Tls};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};
use crate::secret::Secret;

/// The ciphers for a pre-shared key: none that would need a certificate as well,
/// none without encryption.
const PSK_CIPHERS: &str = "PSK:!kRSAPSK:!eNULL";

/// Trust, identity and protocol limits.
///
/// # Errors
/// What is wrong with a file of ours, or with a list of ciphers.
pub(super) fn context(config: &Tls, host: &Host, finding: &Finding) -> Result<SslContext, Failure> {
    let failed = |error: ErrorStack| fail(&reason(&error));
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(failed)?;
    builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::AUTO_RETRY);
    let lowest = if config.only_13 {
        SslVersion::TLS1_3
    } else {
        SslVersion::TLS1_2
    };
    builder.set_min_proto_version(Some(lowest)).map_err(failed)?;
    ciphers(&mut builder, config)?;
    alpn(&mut builder, &config.alpn)?;
    if let Some(path) = &config.key_log {
        key_log(&mut builder, path)?;
    }
    if let Some(psk) = &config.psk {
        builder.set_verify(SslVerifyMode::NONE);
        pre_shared_key(&mut builder, psk)?;
        return Ok(builder.build());
    }
    if config.insecure {
        builder.set_verify(SslVerifyMode::NONE);
    } else {
        trust(&mut builder, config)?;
        let finding = Arc::clone(finding);
        let host = checked_name(host).to_owned();
        builder.set_verify_callback(SslVerifyMode::PEER, move |good, chain| {
            if !good {
                let mut note = finding.lock().unwrap_or_else(PoisonError::into_inner);
                note.get_or_insert_with(|| complaint(chain, &host));
            }
            good
        });
    }
    if let Some(identity) = &config.identity {
        identify(&mut builder, identity)?;
    }
    Ok(builder.build())
}

/// Whom to believe.
fn trust(builder: &mut SslContextBuilder, config: &Tls) -> Result<(), Failure> {
    if let Some(file) = &config.ca_file {
        readable(file, "CA file")?;
        builder
            .set_ca_file(file)
            .map_err(|error| file_failure(file, "CA file", &error))?;
    }
    if let Some(directory) = &config.ca_path {
        // OpenSSL looks into it only in the handshake.
        std::fs::read_dir(directory).map_err(|error| unreadable(directory, "CA directory", &error))?;
        builder
            .load_verify_locations(None, Some(directory))
            .map_err(|error| file_failure(directory, "CA directory", &error))?;
    }
    if config.system_trust || (config.ca_file.is_none() && config.ca_path.is_none()) {
        system(builder).map_err(|error| fail(&reason(&error)))?;
    }
    if let Some(file) = &config.crl_file {
        readable(file, "revocation list")?;
        let store = builder.cert_store_mut();
        store
            .add_lookup(X509Lookup::file())
            .and_then(|lookup| lookup.load_crl_file(file, SslFiletype::PEM))
            .and_then(|_| store.set_flags(X509VerifyFlags::CRL_CHECK))
            .map_err(|error| file_failure(file, "revocation list", &error))?;
    }
    Ok(())
}

/// Believes whom the system believes. The OpenSSL that is linked in does not know where
/// that is written down, unless `SSL_CERT_FILE` or `SSL_CERT_DIR` says so.
fn system(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_default_verify_paths()?;
    if !cfg!(feature = "vendored") || openssl_probe::has_ssl_cert_env_vars() {
        return Ok(());
    }
    let store = openssl_probe::probe();
    let (file, directory) = store_to_load(&store);
    if file.is_some() || directory.is_some() {
        builder.load_verify_locations(file, directory)?;
    }
    Ok(())
}

/// What to load of a store: a directory whose names are hashes costs nothing before a
/// certificate is looked for, and a file is read at once.
fn store_to_load(store: &ProbeResult) -> (Option<&Path>, Option<&Path>) {
    let hashed = |directory: &&PathBuf| {
        let mut entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.any(|entry| entry.path().extension().is_some_and(|extension| extension == "0"))
    };
    match store.cert_dir.iter().find(hashed) {
        Some(directory) => (None, Some(directory)),
        None => (store.cert_file.as_deref(), None),
    }
}

/// Who we are.
fn identify(builder: &mut SslContextBuilder, identity: &Identity) -> Result<(), Failure> {
    let Identity {
        certificate,
        key,
        passphrase,
    } = identity;
    readable(certificate, "certificate file")?;
    builder
        .set_certificate_chain_file(certificate)
        .map_err(|error| file_failure(certificate, "certificate file", &error))?;
    let private = private_key(key, passphrase.as_ref())?;
    builder
        .set_private_key(&private)
        .and_then(|()| builder.check_private_key())
        .map_err(|error| file_failure(key, "key file", &error))
}

/// The private key; OpenSSL would ask for a passphrase on the terminal by
/// itself, at the wrong time and for each connection.
fn private_key(path: &Path, passphrase: Option<&Secret>) -> Result<PKey<Private>, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, "key file", &error))?;
    let asked = Cell::new(false);
    let key = PKey::private_key_from_pem_callback(&text, |buffer| {
        asked.set(true);
        let Some(passphrase) = passphrase.map(Secret::reveal) else {
            return Err(ErrorStack::get());
        };
        let place = buffer.get_mut(..passphrase.len());
        place.ok_or_else(ErrorStack::get)?.copy_from_slice(passphrase);
        Ok(passphrase.len())
    });
    key.map_err(|error| match (asked.get(), passphrase) {
        (true, Some(_)) => permanent(format!("key file {}: the passphrase is wrong", path.display())),
        (true, None) => permanent(format!("key file {}: it is encrypted", path.display())),
        (false, _) => file_failure(path, "key file", &error),
    })
}

fn ciphers(builder: &mut SslContextBuilder, config: &Tls) -> Result<(), Failure> {
    let unknown = |list: &str| {
        let why = format!("--ciphers '{list}': this OpenSSL knows none of them");
        Failure::new(Exit::Usage, why)
    };
    if let Some(list) = &config.ciphers.tls12 {
        // The names of the standard, in OpenSSL's own.
        let names = list.split(':').map(|name| match openssl::ssl::cipher_name(name) {
            "(NONE)" => name,
            own => own,
        });
        let names: Vec<&str> = names.collect();
        builder.set_cipher_list(&names.join(":")).map_err(|_| unknown(list))?;
    } else if config.psk.is_some() {
        builder
            .set_cipher_list(PSK_CIPHERS)
            .map_err(|error| fail(&reason(&error)))?;
    }
    if let Some(list) = &config.ciphers.tls13 {
        builder.set_ciphersuites(list).map_err(|_| unknown(list))?;
    }
    Ok(())
}

/// The names as the handshake has them, each behind its length (RFC 7301, 3.1).
fn alpn(builder: &mut SslContextBuilder, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    let mut list = Vec::new();
    for name in names {
        list.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        list.extend_from_slice(name.as_bytes());
    }
    builder
        .set_alpn_protos(&list)
        .map_err(|error| fail(&format!("--tls-alpn: {}", reason(&error))))
}

/// Appends the secrets of connections to a file that nobody else can read.
fn key_log(builder: &mut SslContextBuilder, path: &Path) -> Result<(), Failure> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let file = file.map_err(|error| unreadable(path, "key log", &error))?;
    let file = Mutex::new(file);
    builder.set_keylog_callback(move |_, line| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // It is an aid, and nobody is there to be told.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    });
    Ok(())
}

/// As with mosquitto's clients: TLS 1.2, whose pre-shared keys brokers know.
fn pre_shared_key(builder: &mut SslContextBuilder, psk: &Psk) -> Result<(), Failure> {
    builder
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .map_err(|error| fail(&reason(&error)))?;
    let psk = psk.clone();
    builder.set_psk_client_callback(move |_, _, identity, key| {
        let name = psk.identity.as_bytes();
        let secret = psk.key.reveal();
        // The name ends with a NUL.
        let (Some(place), Some(room)) = (identity.get_mut(..=name.len()), key.get_mut(..secret.len())) else {
            return Err(ErrorStack::get());
        };
        place[..name.len()].copy_from_slice(name);
        place[name.len()] = 0;
        room.copy_from_slice(secret);
        Ok(secret.len())
    });
    Ok(())
}

/// Opens a file just to have the operating system's own words when it cannot
/// be: OpenSSL's are `no such file` at best.
fn readable(path: &Path, what: &str) -> Result<(), Failure> {
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(unreadable(path, what, &error)),
    }
}

fn unreadable(path: &Path, what: &str, error: &io::Error) -> Failure {
    permanent(format!("{what} {}: {}", path.display(), io_reason(error)))
}

fn file_failure(path: &Path, what: &str, error: &ErrorStack) -> Failure {
    let why = match reason(error).as_str() {
        "no start line" | "no certificate or crl found" => "there is none in it (PEM)".to_owned(),
        "key values mismatch" => "it is not the key of the certificate".to_owned(),
        "ee key too small" => "its key is too small".to_owned(),
        other => other.to_owned(),
    };
    permanent(format!("{what} {}: {why}", path.display()))
}

/// What is wrong with a file of ours, and no fault of the broker's.
fn permanent(why: String) -> Failure {
    Failure::new(Exit::Failed, why).permanent()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_hashes_goes_before_a_file() {
        let place = tempfile::tempdir().unwrap();
        let (plain, hashed) = (place.path().join("plain"), place.path().join("hashed"));
        std::fs::create_dir(&plain).unwrap();
        std::fs::write(plain.join("ca.pem"), "").unwrap();
        std::fs::create_dir(&hashed).unwrap();
        std::fs::write(hashed.join("0123abcd.0"), "").unwrap();
        let file = place.path().join("bundle.pem");
        let mut store = ProbeResult {
            cert_file: Some(file.clone()),
            cert_dir: vec![place.path().join("none"), plain, hashed.clone()],
        };
        assert_eq!(store_to_load(&store), (None, Some(&*hashed)));
        store.cert_dir.pop();
        assert_eq!(store_to_load(&store), (Some(&*file), None));
        store.cert_file = None;
        assert_eq!(store_to_load(&store), (None, None));
    }
}
