//! The options of TLS: whom to trust, who we are, which forms of TLS.

use std::path::PathBuf;

use clap::Args;

use super::value;
use crate::secret::Secret;

/// TLS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsFlags {
    /// Trust the certificates in this PEM file; turns TLS on
    #[arg(long = "cafile", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Trust the certificates in this directory (c_rehash); turns TLS on
    #[arg(long = "capath", value_name = "DIR")]
    pub ca_path: Option<PathBuf>,

    /// Trust the system's certificates; turns TLS on
    #[arg(long)]
    pub tls_use_os_certs: bool,

    /// Refuse the certificates that the revocation list in this PEM file has
    ///
    /// The list has to be that of the issuer of the broker's certificate.
    #[arg(long = "crlfile", value_name = "FILE")]
    pub crl_file: Option<PathBuf>,

    /// Let only a broker in whose certificate, or public key, has this SHA-256; turns TLS on
    ///
    /// In hexadecimal or base64, as -d shows it. May be given several times: one
    /// has to fit. The certificate is verified besides.
    #[arg(long, value_name = "HASH")]
    pub pin_sha256: Vec<String>,

    /// Our certificate, PEM; turns TLS on
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The private key of our certificate, PEM
    ///
    /// The passphrase of an encrypted key is asked for on the terminal, unless
    /// --key-passphrase-file has it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// The file whose first line is the passphrase of our private key
    #[arg(long, value_name = "FILE")]
    pub key_passphrase_file: Option<PathBuf>,

    /// Where our private key is: pem, a file (engines are refused)
    #[arg(long = "keyform", value_name = "FORM", value_parser = key_form)]
    pub key_form: Option<KeyForm>,

    /// The pre-shared key, in hexadecimal; turns TLS on, version 1.2
    #[arg(long, value_name = "HEX", value_parser = value::secret())]
    pub psk: Option<Secret>,

    /// The name that the broker knows the pre-shared key by
    #[arg(long, value_name = "NAME", value_parser = psk_identity)]
    pub psk_identity: Option<String>,

    /// The TLS version: tlsv1.2 is 1.2 and above, tlsv1.3 only that
    #[arg(long, value_name = "TLS-VERSION", value_parser = tls_version)]
    pub tls_version: Option<TlsVersion>,

    /// The ciphers to allow, as OpenSSL names them, with colons between
    ///
    /// Those of TLS 1.3 (TLS_...) limit TLS 1.3 alone, and the others TLS 1.2.
    #[arg(long, value_name = "LIST")]
    pub ciphers: Option<String>,

    /// Ask for this protocol in the handshake; may be given several times, the favourite first
    #[arg(long, value_name = "PROTOCOL", value_parser = alpn)]
    pub tls_alpn: Vec<String>,

    /// Append the secrets of each connection to this file, to decrypt a capture with
    #[arg(long, value_name = "FILE")]
    pub tls_keylog: Option<PathBuf>,

    /// The OpenSSL engine that has our private key (refused: engines are not supported)
    #[arg(long, value_name = "ENGINE")]
    pub tls_engine: Option<String>,

    /// The SHA-1 of the engine's password (refused: engines are not supported)
    #[arg(long, value_name = "HEX", value_parser = value::secret())]
    pub tls_engine_kpass_sha1: Option<Secret>,

    /// Verify neither the broker's certificate nor its name
    #[arg(long)]
    pub insecure: bool,

    /// Use no TLS, whatever else is said
    #[arg(long)]
    pub no_tls: bool,

    /// What is in the file of `--key-passphrase-file`, or was typed.
    #[arg(skip)]
    pub key_passphrase: Option<Secret>,
}

/// Which versions of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2 and above.
    From12,
    /// 1.3 alone.
    Only13,
}

/// Where the private key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// In a PEM file.
    Pem,
    /// In an engine of OpenSSL's.
    Engine,
}

fn tls_version(text: &str) -> Result<TlsVersion, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "tlsv1.2" => Ok(TlsVersion::From12),
        "tlsv1.3" => Ok(TlsVersion::Only13),
        "tlsv1" | "tlsv1.0" | "tlsv1.1" => Err("TLS before 1.2 is not supported; must be tlsv1.2 or tlsv1.3"),
        _ => Err("must be tlsv1.2 or tlsv1.3"),
    }
}

fn key_form(text: &str) -> Result<KeyForm, &'static str> {
    match text {
        "pem" => Ok(KeyForm::Pem),
        "engine" => Ok(KeyForm::Engine),
        _ => Err("must be pem"),
    }
}

/// As long as the name of a pre-shared key may be for OpenSSL
/// (`PSK_MAX_IDENTITY_LEN` of its version 1.1).
const LONGEST_IDENTITY: usize = 128;

fn psk_identity(text: &str) -> Result<String, &'static str> {
    match text.len() {
        1..=LONGEST_IDENTITY if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err("must be of 1 to 128 bytes"),
    }
}

fn alpn(text: &str) -> Result<String, &'static str> {
    match text.len() {
        1..=255 => Ok(text.to_owned()),
        _ => Err("must be of 1 to 255 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_either_case() {
        for text in ["tlsv1.2", "TLSv1.2", "TLSV1.2"] {
            assert_eq!(tls_version(text), Ok(TlsVersion::From12));
        }
        assert_eq!(tls_version("TLSv1.3"), Ok(TlsVersion::Only13));
        assert!(tls_version("tlsv1.1").unwrap_err().contains("before 1.2"));
        assert!(tls_version("1.2").is_err() && tls_version("sslv3").is_err());
    }

    #[test]
    fn names_have_a_length() {
        assert!(psk_identity(&"x".repeat(128)).is_ok());
        assert!(psk_identity("").is_err() && psk_identity(&"x".repeat(129)).is_err());
        assert!(alpn(&"x".repeat(255)).is_ok());
        assert!(alpn("").is_err() && alpn(&"x".repeat(256)).is_err());
        assert!(key_form("der").is_err());
    }
}
