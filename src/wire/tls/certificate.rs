//! The broker's certificate: what it is, what is wrong with it, and whether one
//! of the pins fits.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef};

use crate::config::connection::Pin;

/// How many names of a certificate are shown.
const SHOWN: usize = 8;

/// Says what is wrong with the certificate that the verification stopped at.
pub(super) fn complaint(chain: &X509StoreContextRef, host: &str) -> String {
    let error = chain.error();
    let Some(certificate) = chain.current_cert() else {
        return format!("certificate refused: {}", error.error_string());
    };
    let subject = name(certificate.subject_name());
    // The numbers are those of X509_V_ERR_… in OpenSSL's x509_vfy.h.
    match error.as_raw() {
        10 => format!("certificate of {subject} expired on {}", certificate.not_after()),
        9 => format!(
            "certificate of {subject} is not valid before {}",
            certificate.not_before()
        ),
        62 | 64 => format!("certificate is for {}, not for {host}", names(certificate)),
        18 => format!("certificate of {subject} is self-signed and not trusted"),
        19 => format!("certificate issuer {subject} is not trusted"),
        2 | 20 | 21 => {
            let issuer = name(certificate.issuer_name());
            format!("certificate of {subject} was issued by {issuer}, which is not trusted")
        }
        23 => format!("certificate of {subject} was revoked"),
        3 => format!(
            "--crlfile has no revocation list of {}",
            name(certificate.issuer_name())
        ),
        12 => format!(
            "the revocation list of {} in --crlfile is out of date",
            name(certificate.issuer_name())
        ),
        26 => format!("certificate of {subject} is not one for a server"),
        _ => format!("certificate of {subject}: {}", error.error_string()),
    }
}

/// Why none of the pins fits, if there are some. Where there are none, nothing is done:
/// to write a key down as DER, OpenSSL makes ready all the forms that it can write.
pub(super) fn unpinned(certificate: &X509Ref, pins: &[Pin]) -> Result<Option<String>, ErrorStack> {
    if pins.is_empty() {
        return Ok(None);
    }
    let key = key_hash(certificate)?;
    let whole = certificate.digest(MessageDigest::sha256())?;
    let fits = |pin: &Pin| pin.0[..] == key[..] || pin.0[..] == whole[..];
    Ok((!pins.iter().any(fits)).then(|| {
        format!(
            "no --pin-sha256 fits the certificate of {}, whose public key has {}",
            name(certificate.subject_name()),
            STANDARD.encode(key)
        )
    }))
}

/// The SHA-256 of the public key (RFC 7469, 2.4).
fn key_hash(certificate: &X509Ref) -> Result<Vec<u8>, ErrorStack> {
    let key = certificate.public_key()?.public_key_to_der()?;
    Ok(openssl::hash::hash(MessageDigest::sha256(), &key)?.to_vec())
}

/// What a certificate is, for the debug output.
pub(super) fn describe(certificate: &X509Ref) -> Vec<String> {
    let mut lines = vec![format!(
        "certificate of {}, for {}, issued by {}, valid from {} to {}",
        name(certificate.subject_name()),
        names(certificate),
        name(certificate.issuer_name()),
        certificate.not_before(),
        certificate.not_after()
    )];
    if let Ok(hash) = key_hash(certificate) {
        lines.push(format!("public key for --pin-sha256: {}", STANDARD.encode(hash)));
    }
    lines
}

/// The common name, or all of the name where it has none. Control characters of
/// a foreign certificate are not shown as they are.
fn name(name: &X509NameRef) -> String {
    let mut text = String::new();
    for entry in name.entries() {
        let Ok(value) = entry.data().to_string() else { continue };
        let value = value.escape_debug();
        if entry.object().nid() == openssl::nid::Nid::COMMONNAME {
            return value.to_string();
        }
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{value}");
    }
    text
}

/// The names that a certificate is for.
fn names(certificate: &X509Ref) -> String {
    let mut all = Vec::new();
    for entry in certificate.subject_alt_names().into_iter().flatten() {
        if let Some(dns) = entry.dnsname() {
            all.push(dns.escape_debug().to_string());
        } else if let Some(bytes) = entry.ipaddress() {
            let address = <[u8; 4]>::try_from(bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            all.extend(address.map(|address| address.to_string()).ok());
        }
    }
    if all.is_empty() {
        return name(certificate.subject_name());
    }
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let mut text = all.join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
