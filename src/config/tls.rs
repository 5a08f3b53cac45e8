//! What the options of TLS mean.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::flags::tls::{KeyForm, TlsFlags, TlsVersion};
use crate::secret::Secret;

/// How to encrypt, whom to trust, who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file of trusted certificates.
    pub ca_file: Option<PathBuf>,
    /// A directory of trusted certificates, hashed as OpenSSL wants it.
    pub ca_path: Option<PathBuf>,
    /// Trust the system's certificates; always so when neither of the two
    /// above is given.
    pub system_trust: bool,
    /// A PEM file of revoked certificates.
    pub crl_file: Option<PathBuf>,
    /// One of these must fit, if there are any.
    pub pins: Vec<Pin>,
    /// Our certificate.
    pub identity: Option<Identity>,
    /// A key that the broker has too, instead of certificates; TLS 1.2.
    pub psk: Option<Psk>,
    /// TLS 1.3 alone, and not 1.2 as well.
    pub only_13: bool,
    /// What to allow of TLS 1.2 and of TLS 1.3, as OpenSSL names it.
    pub ciphers: Ciphers,
    /// The application protocols to ask for, the favourite first; each of 1 to
    /// 255 bytes.
    pub alpn: Vec<String>,
    /// The file to append each connection's secrets to.
    pub key_log: Option<PathBuf>,
    /// Verify nothing at all.
    pub insecure: bool,
}

/// A certificate and its private key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// What the key is encrypted with, if it is.
    pub passphrase: Option<Secret>,
}

/// A pre-shared key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Psk {
    /// What the broker knows it by.
    pub identity: String,
    /// The key, at least one byte.
    pub key: Secret,
}

/// The SHA-256 of a certificate, or of a public key (its `SubjectPublicKeyInfo`,
/// RFC 7469).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// Names of ciphers with colons between; none of a kind means OpenSSL's own
/// choice of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ciphers {
    /// Of TLS 1.2.
    pub tls12: Option<String>,
    /// Of TLS 1.3.
    pub tls13: Option<String>,
}

/// As long as a pre-shared key may be for OpenSSL (`PSK_MAX_PSK_LEN` of its
/// version 1.1).
const LONGEST_PSK: usize = 256;

/// Gives the flags their meaning. `url` says that the URL turns TLS on.
///
/// # Errors
/// [`Exit::Usage`], with the options named.
pub(super) fn resolve(flags: &TlsFlags, url: bool) -> Result<Tls, Failure> {
    check(flags)?;
    let authorities = flags.ca_file.is_some() || flags.ca_path.is_some();
    let pins = flags.pin_sha256.iter().map(|text| pin(text));
    let identity = flags.cert.clone().zip(flags.key.clone());
    let psk = match (&flags.psk, &flags.psk_identity) {
        (Some(key), Some(identity)) => Some(Psk {
            identity: identity.clone(),
            key: key_of(key)?,
        }),
        _ => None,
    };
    Ok(Tls {
        ca_file: flags.ca_file.clone(),
        ca_path: flags.ca_path.clone(),
        system_trust: flags.tls_use_os_certs || !authorities || url,
        crl_file: flags.crl_file.clone(),
        pins: pins.collect::<Result<_, _>>()?,
        identity: identity.map(|(certificate, key)| Identity {
            certificate,
            key,
            passphrase: flags.key_passphrase.clone(),
        }),
        psk,
        only_13: flags.tls_version == Some(TlsVersion::Only13),
        ciphers: ciphers(flags)?,
        alpn: flags.tls_alpn.clone(),
        key_log: flags.tls_keylog.clone(),
        insecure: flags.insecure,
    })
}

/// Whether an option of TLS turns it on by itself.
pub(super) fn is_wanted(flags: &TlsFlags) -> bool {
    flags.ca_file.is_some()
        || flags.ca_path.is_some()
        || flags.cert.is_some()
        || flags.psk.is_some()
        || flags.tls_use_os_certs
        || !flags.pin_sha256.is_empty()
}

/// What the options of a TLS that nothing turns on come to: those that are
/// mosquitto's too are told of, as it passes them over.
///
/// # Errors
/// [`Exit::Usage`], with an option named that must not be passed over.
pub(super) fn without_tls(flags: &TlsFlags) -> Result<Vec<String>, Failure> {
    if flags.no_tls {
        return Ok(Vec::new());
    }
    let way = "--cafile, --tls-use-os-certs or mqtts://";
    if flags.crl_file.is_some() {
        return Err(usage(format!("--crlfile needs TLS: {way}")));
    }
    let idle = [
        (flags.insecure, "--insecure"),
        (flags.tls_version.is_some(), "--tls-version"),
        (flags.ciphers.is_some(), "--ciphers"),
        (!flags.tls_alpn.is_empty(), "--tls-alpn"),
        (flags.tls_keylog.is_some(), "--tls-keylog"),
    ];
    let idle = idle.into_iter().filter(|(given, _)| *given);
    let warning = |(_, option)| format!("{option} has no effect: the connection is not encrypted, which takes {way}");
    Ok(idle.map(warning).collect())
}

/// The relations between the options of TLS.
fn check(flags: &TlsFlags) -> Result<(), Failure> {
    engine(flags)?;
    identity(flags)?;
    pre_shared_key(flags)?;
    let insecure = (flags.insecure, "--insecure");
    apart((!flags.pin_sha256.is_empty(), "--pin-sha256"), insecure)?;
    apart((flags.crl_file.is_some(), "--crlfile"), insecure)
}

/// OpenSSL's engines are on their way out (deprecated in 3.0, gone in 4.0), and
/// the crate that we use OpenSSL through has no call for them.
fn engine(flags: &TlsFlags) -> Result<(), Failure> {
    let option = match flags {
        TlsFlags {
            tls_engine: Some(name), ..
        } => format!("--tls-engine {name}"),
        TlsFlags {
            key_form: Some(KeyForm::Engine),
            ..
        } => "--keyform engine".to_owned(),
        TlsFlags {
            tls_engine_kpass_sha1: Some(_),
            ..
        } => "--tls-engine-kpass-sha1".to_owned(),
        _ => return Ok(()),
    };
    let why = format!("{option}: OpenSSL's engines are not supported (OpenSSL itself has given them up)");
    Err(usage(why).hint("the private key has to be a PEM file: --key FILE"))
}

fn identity(flags: &TlsFlags) -> Result<(), Failure> {
    match (&flags.cert, &flags.key) {
        (Some(_), None) => return Err(usage("--cert needs --key")),
        (None, Some(_)) => return Err(usage("--key needs --cert")),
        _ => {}
    }
    if flags.key.is_some() {
        Ok(())
    } else if flags.key_passphrase_file.is_some() {
        Err(usage("--key-passphrase-file needs --key"))
    } else if flags.key_form.is_some() {
        Err(usage("--keyform needs --key"))
    } else {
        Ok(())
    }
}

/// With a pre-shared key there are no certificates.
fn pre_shared_key(flags: &TlsFlags) -> Result<(), Failure> {
    match (&flags.psk, &flags.psk_identity) {
        (Some(_), None) => return Err(usage("--psk needs --psk-identity")),
        (None, Some(_)) => return Err(usage("--psk-identity needs --psk")),
        _ => {}
    }
    let psk = (flags.psk.is_some(), "--psk");
    apart(psk, (flags.ca_file.is_some(), "--cafile"))?;
    apart(psk, (flags.ca_path.is_some(), "--capath"))?;
    apart(psk, (flags.tls_use_os_certs, "--tls-use-os-certs"))?;
    apart(psk, (flags.cert.is_some(), "--cert"))?;
    apart(psk, (flags.crl_file.is_some(), "--crlfile"))?;
    apart(psk, (!flags.pin_sha256.is_empty(), "--pin-sha256"))?;
    if psk.0 && flags.tls_version == Some(TlsVersion::Only13) {
        return Err(usage(
            "--psk and --tls-version tlsv1.3 cannot be used together: a pre-shared key is for TLS 1.2",
        ));
    }
    Ok(())
}

/// Takes apart what is of TLS 1.3, whose names begin with `TLS_`, and what is not;
/// a name of TLS 1.2 in the form of its standard has `_WITH_` in it.
fn ciphers(flags: &TlsFlags) -> Result<Ciphers, Failure> {
    let Some(list) = &flags.ciphers else {
        return Ok(Ciphers::default());
    };
    let names = list.split([':', ',', ' ']).filter(|name| !name.is_empty());
    let (tls13, tls12): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.starts_with("TLS_") && !name.contains("_WITH_"));
    let joined = |names: &[&str]| (!names.is_empty()).then(|| names.join(":"));
    let ciphers = Ciphers {
        tls12: joined(&tls12),
        tls13: joined(&tls13),
    };
    if tls12.is_empty() && tls13.is_empty() {
        Err(usage("--ciphers: the list is empty"))
    } else if tls13.is_empty() && flags.tls_version == Some(TlsVersion::Only13) {
        Err(
            usage("--ciphers and --tls-version tlsv1.3: none of these ciphers is of TLS 1.3")
                .hint("those of TLS 1.3 begin with TLS_, such as TLS_AES_256_GCM_SHA384"),
        )
    } else {
        Ok(ciphers)
    }
}

/// A hash in hexadecimal, with or without colons, or in base64 with or without
/// the `sha256//` of others.
fn pin(text: &str) -> Result<Pin, Failure> {
    let hash = text
        .strip_prefix("sha256//")
        .or_else(|| text.strip_prefix("sha256/"))
        .unwrap_or(text);
    let digits: String = hash.chars().filter(|letter| *letter != ':').collect();
    let bytes = hexadecimal(digits.as_bytes())
        .filter(|bytes| bytes.len() == 32)
        .or_else(|| STANDARD.decode(hash).ok())
        .or_else(|| STANDARD_NO_PAD.decode(hash).ok());
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(hash) => Ok(Pin(hash)),
        None => Err(usage(format!(
            "--pin-sha256 '{text}': must be the 32 bytes of a SHA-256, in hexadecimal or base64"
        ))),
    }
}

/// A pre-shared key, which no message shows.
fn key_of(text: &Secret) -> Result<Secret, Failure> {
    match hexadecimal(text.reveal()) {
        Some(key) if (1..=LONGEST_PSK).contains(&key.len()) => Ok(Secret::from(key)),
        _ => Err(usage("--psk must be 1 to 256 bytes in hexadecimal, two digits each")),
    }
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// Two options, each with whether it was given, that exclude one another.
fn apart(one: (bool, &str), other: (bool, &str)) -> Result<(), Failure> {
    super::check::apart(one, other)
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{self, PublishFlags};

    fn flags(line: &str) -> TlsFlags {
        let flags: PublishFlags = flags::parse(format!("mqpub {line}").split(' ').map(Into::into)).unwrap();
        flags.shared.tls
    }

    fn tls(line: &str) -> Result<Tls, String> {
        resolve(&flags(line), false).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_goes_together() {
        for line in [
            "--cafile a --tls-version TLSv1.3 --tls-alpn mqtt --tls-alpn x --tls-keylog k",
            "--capath a --cert c --key k --keyform pem --key-passphrase-file p --crlfile r",
            "--tls-use-os-certs --cafile a",
            "--psk ab --psk-identity i --ciphers PSK-AES128-CBC-SHA --tls-version tlsv1.2",
            "--insecure --cert c --key k",
        ] {
            assert!(tls(line).is_ok(), "{line}: {:?}", tls(line));
        }
    }

    #[test]
    fn what_does_not_names_the_options() {
        for (line, why) in [
            ("--cert a", "--cert needs --key"),
            ("--key a", "--key needs --cert"),
            ("--keyform pem", "--keyform needs --key"),
            ("--key-passphrase-file p", "--key-passphrase-file needs --key"),
            ("--psk ab", "--psk needs --psk-identity"),
            ("--psk-identity i", "--psk-identity needs --psk"),
            (
                "--psk ab --psk-identity i --cafile a",
                "--psk and --cafile cannot be used together",
            ),
            (
                "--psk ab --psk-identity i --cert c --key k",
                "--psk and --cert cannot be used together",
            ),
            (
                "--psk ab --psk-identity i --tls-version tlsv1.3",
                "--psk and --tls-version tlsv1.3 cannot be used together: a pre-shared key is for TLS 1.2",
            ),
            (
                "--psk secret! --psk-identity i",
                "--psk must be 1 to 256 bytes in hexadecimal, two digits each",
            ),
            (
                "--insecure --crlfile r",
                "--crlfile and --insecure cannot be used together",
            ),
            (
                "--tls-engine pkcs11 --keyform engine --cert c --key k",
                "--tls-engine pkcs11: OpenSSL's engines are not supported (OpenSSL itself has given them up)",
            ),
            ("--ciphers :", "--ciphers: the list is empty"),
            (
                "--ciphers HIGH --tls-version tlsv1.3",
                "--ciphers and --tls-version tlsv1.3: none of these ciphers is of TLS 1.3",
            ),
            (
                "--pin-sha256 abc",
                "--pin-sha256 'abc': must be the 32 bytes of a SHA-256, in hexadecimal or base64",
            ),
        ] {
            assert_eq!(tls(line), Err(why.to_owned()), "{line}");
        }
        let why = tls(&format!("--insecure --pin-sha256 {}", "ab".repeat(32))).unwrap_err();
        assert_eq!(why, "--pin-sha256 and --insecure cannot be used together");
        for option in ["--keyform engine", "--tls-engine-kpass-sha1 ab"] {
            assert!(tls(option).unwrap_err().contains("not supported"), "{option}");
        }
    }

    #[test]
    fn ciphers_by_version() {
        let of = |list: &str| tls(&format!("--ciphers {list}")).unwrap().ciphers;
        let both = of("ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256,HIGH");
        assert_eq!(both.tls12.as_deref(), Some("ECDHE-RSA-AES128-GCM-SHA256:HIGH"));
        assert_eq!(both.tls13.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(of("TLS_AES_128_GCM_SHA256").tls12, None);
        assert_eq!(of("TLS_RSA_WITH_AES_128_CBC_SHA").tls13, None);
    }

    #[test]
    fn a_pin_in_any_of_its_forms() {
        let hash: Vec<u8> = (0..32).collect();
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        let base64 = STANDARD.encode(&hash);
        for text in [
            hex.join(""),
            hex.join(":").to_lowercase(),
            base64.clone(),
            format!("sha256//{base64}"),
            base64.trim_end_matches('=').to_owned(),
        ] {
            assert_eq!(pin(&text).unwrap().0, *hash, "{text}");
        }
        assert!(pin(&hex[..31].join("")).is_err());
    }

    #[test]
    fn a_pre_shared_key_and_what_is_secret() {
        let tls = tls("--psk 00fFa1 --psk-identity i").unwrap();
        assert_eq!(tls.psk.as_ref().unwrap().key.reveal(), [0, 255, 0xa1]);
        assert!(!format!("{tls:?}").contains("255"));
    }

    #[test]
    fn options_without_tls_are_told_of_or_refused() {
        let warnings = without_tls(&flags("--insecure --tls-alpn a")).unwrap();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].starts_with("--insecure has no effect"));
        assert!(without_tls(&flags("--crlfile a")).is_err());
        assert!(without_tls(&flags("--insecure --no-tls")).unwrap().is_empty());
    }
}
