//! Certificates and keys, made for each run of the tests: good ones, and one
//! with each fault that a client has to notice.
//!
//! It makes files and knows nothing of who uses them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// A certificate, its key, and who issued it, as PEM files.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The certificate of the CA that signed `cert`.
    pub ca: PathBuf,
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificates of a run. Except where a name says otherwise, they are
/// those of a server at localhost, 127.0.0.1 and `::1`, issued by [`ca`](Self::ca).
#[derive(Debug)]
pub struct Certificates {
    /// The certificate of the CA that clients are told to trust.
    pub ca: PathBuf,
    /// The certificate of the CA that they are not told to trust.
    pub other_ca: PathBuf,
    /// Nothing is wrong with this one.
    pub good: Chain,
    /// It was valid until yesterday.
    pub expired: Chain,
    /// It is valid from tomorrow on.
    pub not_yet_valid: Chain,
    /// It is for `wrong.example`.
    pub wrong_host: Chain,
    /// [`other_ca`](Self::other_ca) issued it.
    pub unknown_issuer: Chain,
    /// It issued itself: its `ca` is its `cert`.
    pub self_signed: Chain,
    /// A client's certificate.
    pub client: Chain,
    /// A list of [`ca`](Self::ca)'s that revokes nothing.
    pub crl: PathBuf,
    /// A list of [`ca`](Self::ca)'s that revokes [`good`](Self::good).
    pub crl_of_good: PathBuf,
    /// A list of [`other_ca`](Self::other_ca)'s that revokes nothing.
    pub other_crl: PathBuf,
}

/// The certificates of this run.
pub fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let dir = super::scratch().join("certificates");
        std::fs::create_dir(&dir).unwrap();
        Certificates::make(&dir)
    })
}

/// The serial number of the good certificate, and of those that differ from it in
/// one point.
const GOOD: u64 = 4711;

const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Certificates {
    fn make(dir: &Path) -> Self {
        let ca = Authority::make(dir, "ca", "Test CA");
        let other = Authority::make(dir, "other-ca", "Unknown CA");
        let now = OffsetDateTime::now_utc();
        let mut good = leaf("localhost", &HERE);
        good.serial_number = Some(SerialNumber::from(GOOD));
        let mut expired = good.clone();
        expired.not_after = now - Duration::DAY;
        let mut not_yet_valid = good.clone();
        not_yet_valid.not_before = now + Duration::DAY;
        let wrong_host = leaf("wrong.example", &["wrong.example"]);
        let mut client = leaf("test client", &[]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self {
            good: ca.issue(dir, "good", &good),
            expired: ca.issue(dir, "expired", &expired),
            not_yet_valid: ca.issue(dir, "not-yet-valid", &not_yet_valid),
            wrong_host: ca.issue(dir, "wrong-host", &wrong_host),
            unknown_issuer: other.issue(dir, "unknown-issuer", &good),
            self_signed: self_signed(dir, "self-signed", &good),
            client: ca.issue(dir, "client", &client),
            crl: ca.revoke(dir, "nobody", None),
            crl_of_good: ca.revoke(dir, "of-good", Some(GOOD)),
            other_crl: other.revoke(dir, "other", None),
            ca: ca.cert,
            other_ca: other.cert,
        }
    }
}

/// Somebody who issues certificates.
struct Authority {
    cert: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn make(dir: &Path, file: &str, name: &str) -> Self {
        let key = key();
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = write(dir, file, "crt", &params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        Self { cert, issuer }
    }

    fn issue(&self, dir: &Path, file: &str, params: &CertificateParams) -> Chain {
        let key = key();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Chain {
            ca: self.cert.clone(),
            cert: write(dir, file, "crt", &cert.pem()),
            key: write(dir, file, "key", &key.serialize_pem()),
        }
    }
}

impl Authority {
    /// A list of revoked certificates, with the one that has this serial number.
    fn revoke(&self, dir: &Path, file: &str, serial: Option<u64>) -> PathBuf {
        let now = OffsetDateTime::now_utc();
        let revoked = serial.map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: now - Duration::HOUR,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now - Duration::DAY,
            next_update: now + Duration::DAY,
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap();
        write(dir, file, "crl", &list.pem().unwrap())
    }
}

fn self_signed(dir: &Path, file: &str, params: &CertificateParams) -> Chain {
    let key = key();
    let cert = params.self_signed(&key).unwrap();
    let cert = write(dir, file, "crt", &cert.pem());
    Chain {
        ca: cert.clone(),
        cert,
        key: write(dir, file, "key", &key.serialize_pem()),
    }
}

fn leaf(name: &str, hosts: &[&str]) -> CertificateParams {
    let mut params = named(name, hosts);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

/// What all certificates have in common: they are valid from a month ago for a
/// year.
fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - Duration::days(30);
    params.not_after = params.not_before + Duration::days(365);
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn write(dir: &Path, file: &str, extension: &str, pem: &str) -> PathBuf {
    let path = dir.join(file).with_extension(extension);
    std::fs::write(&path, pem).unwrap();
    path
}
