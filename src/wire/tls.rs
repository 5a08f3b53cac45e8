//! TLS by OpenSSL: contexts from the configuration, the handshake, and words for
//! what goes wrong in it. OpenSSL is touched only when TLS is asked for.

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::{X509, X509NameRef, X509StoreContextRef};

use super::socket::Socket;
use crate::config::connection::{Host, Tls};
use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

/// What the verification found wrong, noted while OpenSSL still has the
/// certificate at hand.
type Finding = Arc<Mutex<Option<String>>>;

/// Everything that a handshake needs, made before the connection: a file of
/// ours that does not fit is told without troubling the broker.
pub(crate) struct Handshake<'a> {
    context: SslContext,
    finding: Finding,
    host: &'a Host,
    config: &'a Tls,
}

impl<'a> Handshake<'a> {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn prepare(host: &'a Host, config: &'a Tls) -> Result<Self, Failure> {
        let finding = Finding::default();
        Ok(Self {
            context: context(config, host, &finding)?,
            finding,
            host,
            config,
        })
    }

    /// Makes the connection encrypted; the stream must still be blocking.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate, or with the handshake.
    pub(crate) fn encrypt(&self, socket: Socket) -> Result<Box<SslStream<Socket>>, Failure> {
        let ssl = client(&self.context, self.host, self.config).map_err(|error| refused(&words(&error)))?;
        let mut stream = SslStream::new(ssl, socket).map_err(|error| refused(&words(&error)))?;
        match stream.connect() {
            Ok(()) => Ok(Box::new(stream)),
            Err(error) => {
                let noted = self.finding.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(explain(&error, noted, self.config))
            }
        }
    }
}

/// The name and version of the library, as it says them.
pub(crate) fn library() -> &'static str {
    openssl::version::version()
}

/// One connection, with the name that the certificate must have.
fn client(context: &SslContext, host: &Host, config: &Tls) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    let address: Option<IpAddr> = host.name.parse().ok();
    if address.is_none() {
        ssl.set_hostname(&host.name)?;
    }
    if !config.insecure {
        match address {
            Some(address) => ssl.param_mut().set_ip(address)?,
            None => ssl.param_mut().set_host(&host.name)?,
        }
    }
    Ok(ssl)
}

/// Trust, identity and protocol limits.
fn context(config: &Tls, host: &Host, finding: &Finding) -> Result<SslContext, Failure> {
    let mut builder = SslContext::builder(SslMethod::tls_client()).map_err(|error| refused(&words(&error)))?;
    builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::AUTO_RETRY);
    builder
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(|error| refused(&words(&error)))?;
    if config.insecure {
        builder.set_verify(SslVerifyMode::NONE);
    } else {
        trust(&mut builder, config)?;
        let finding = Arc::clone(finding);
        let host = host.name.clone();
        builder.set_verify_callback(SslVerifyMode::PEER, move |good, chain| {
            if !good {
                let mut note = finding.lock().unwrap_or_else(PoisonError::into_inner);
                note.get_or_insert_with(|| complaint(chain, &host));
            }
            good
        });
    }
    if let Some((certificate, key)) = &config.identity {
        identity(&mut builder, certificate, key)?;
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
        builder
            .load_verify_locations(None, Some(directory))
            .map_err(|error| file_failure(directory, "CA directory", &error))?;
    }
    if config.system_trust || (config.ca_file.is_none() && config.ca_path.is_none()) {
        builder
            .set_default_verify_paths()
            .map_err(|error| refused(&words(&error)))?;
    }
    Ok(())
}

/// Who we are.
fn identity(builder: &mut SslContextBuilder, certificate: &Path, key: &Path) -> Result<(), Failure> {
    readable(certificate, "certificate file")?;
    builder
        .set_certificate_chain_file(certificate)
        .map_err(|error| file_failure(certificate, "certificate file", &error))?;
    readable(key, "key file")?;
    builder
        .set_private_key_file(key, SslFiletype::PEM)
        .and_then(|()| builder.check_private_key())
        .map_err(|error| file_failure(key, "key file", &error))
}

/// Opens a file just to have the operating system's own words when it cannot
/// be: OpenSSL's are `no such file` at best.
fn readable(path: &Path, what: &str) -> Result<(), Failure> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(
            Exit::NoConnection,
            format!("{what} {}: {}", path.display(), io_reason(&error)),
        )
        .permanent()),
    }
}

fn file_failure(path: &Path, what: &str, error: &ErrorStack) -> Failure {
    Failure::new(
        Exit::NoConnection,
        format!("{what} {}: {}", path.display(), words(error)),
    )
    .permanent()
}

fn refused(why: &str) -> Failure {
    Failure::new(Exit::NoConnection, format!("TLS: {why}"))
}

/// The innermost reason of an OpenSSL error, which says most.
fn words(error: &ErrorStack) -> String {
    error
        .errors()
        .iter()
        .find_map(openssl::error::Error::reason)
        .map_or_else(|| error.to_string(), str::to_owned)
}

/// Says what is wrong with the certificate that the verification stopped at.
fn complaint(chain: &X509StoreContextRef, host: &str) -> String {
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
        62 | 64 => format!("certificate is for {}, not for {host}", names(&certificate.to_owned())),
        18 => format!("certificate of {subject} is self-signed and not trusted"),
        19 => format!("certificate issuer {subject} is not trusted"),
        2 | 20 | 21 => {
            let issuer = name(certificate.issuer_name());
            format!("certificate of {subject} was issued by {issuer}, which is not trusted")
        }
        23 => format!("certificate of {subject} was revoked"),
        _ => format!("certificate of {subject}: {}", error.error_string()),
    }
}

/// The common name, or all of the name where it has none.
fn name(name: &X509NameRef) -> String {
    let mut text = String::new();
    for entry in name.entries() {
        let Ok(value) = entry.data().to_string() else { continue };
        if entry.object().nid() == openssl::nid::Nid::COMMONNAME {
            return value.clone();
        }
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{value}");
    }
    text
}

/// The names that a certificate is for.
fn names(certificate: &X509) -> String {
    let mut all = Vec::new();
    for entry in certificate.subject_alt_names().into_iter().flatten() {
        if let Some(dns) = entry.dnsname() {
            all.push(dns.to_owned());
        } else if let Some(bytes) = entry.ipaddress() {
            let address = <[u8; 4]>::try_from(bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            all.extend(address.map(|address| address.to_string()).ok());
        }
    }
    if all.is_empty() {
        name(certificate.subject_name())
    } else {
        all.join(", ")
    }
}

/// Turns a handshake error into a failure.
fn explain(error: &openssl::ssl::Error, noted: Option<String>, config: &Tls) -> Failure {
    if let Some(noted) = noted {
        let hint = if noted.contains("not trusted") {
            Some("name its CA with --cafile, or verify nothing with --insecure")
        } else {
            None
        };
        let failure = refused(&noted).permanent();
        return match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
    }
    if let Some(io_error) = error.io_error() {
        return match io_error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => refused("timed out in the handshake"),
            _ => refused(&format!("{} in the handshake", io_reason(io_error)))
                .hint("does the broker speak TLS on this port?"),
        };
    }
    let Some(stack) = error.ssl_error() else {
        let closed = refused("the connection was closed in the handshake");
        return if error.code() == ErrorCode::ZERO_RETURN || config.identity.is_some() {
            closed
        } else {
            closed.hint("does the broker speak TLS on this port, or want a client certificate?")
        };
    };
    let why = words(stack);
    let failure = refused(&why).permanent();
    if why.contains("wrong version number") || why.contains("record layer failure") {
        failure.hint("does the broker speak TLS on this port?")
    } else {
        failure
    }
}
