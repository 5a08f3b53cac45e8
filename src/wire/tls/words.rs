//! Words for what goes wrong in TLS: what the broker's alerts mean, and what
//! OpenSSL finds wrong by itself.

use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode};

use crate::exit::Exit;
use crate::failure::{Failure, io_reason};

use std::io;

/// What of our side decides what an alert means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offer {
    /// We have a certificate.
    pub(super) identity: bool,
    /// We have a pre-shared key.
    pub(super) psk: bool,
    /// We speak TLS 1.3 alone.
    pub(super) only_13: bool,
}

/// Alerts have their number (RFC 8446, 6) and this as OpenSSL's reason
/// (`SSL_AD_REASON_OFFSET`).
const ALERT: i32 = 1000;

/// The other reasons, by their names in OpenSSL's sslerr.h.
const PACKET_LENGTH_TOO_LONG: i32 = 198;
const HTTP_REQUEST: i32 = 156;
const UNSUPPORTED_PROTOCOL: i32 = 258;
const WRONG_VERSION_NUMBER: i32 = 267;
const UNEXPECTED_EOF: i32 = 294;
const RECORD_LAYER_FAILURE: i32 = 313;
const NO_SUITABLE_KEY_SHARE: i32 = 101;

const NO_TLS_THERE: &str = "does the broker speak TLS on this port?";

/// A failure of TLS, which may pass.
pub(super) fn fail(why: &str) -> Failure {
    Failure::new(Exit::NoConnection, format!("TLS: {why}"))
}

/// The innermost reason of an OpenSSL error, which says most.
pub(super) fn reason(error: &ErrorStack) -> String {
    error
        .errors()
        .iter()
        .find_map(openssl::error::Error::reason)
        .map_or_else(|| error.to_string(), str::to_owned)
}

/// Whether the other end has gone without the goodbye of TLS.
pub(super) fn is_end(error: &Error) -> bool {
    let unexpected = |stack: &ErrorStack| codes(stack).any(|code| code == UNEXPECTED_EOF);
    error.ssl_error().is_some_and(unexpected)
}

fn codes(stack: &ErrorStack) -> impl Iterator<Item = i32> {
    stack.errors().iter().map(openssl::error::Error::reason_code)
}

/// What a handshake ended by.
pub(super) fn handshake(error: &Error, offer: Offer) -> Failure {
    if let Some(error) = error.io_error() {
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => fail("timed out in the handshake"),
            _ => fail(&format!("{} in the handshake", io_reason(error))).hint(NO_TLS_THERE),
        };
    }
    match error.ssl_error() {
        Some(stack) if !is_end(error) => protocol(stack, offer),
        _ if error.code() == ErrorCode::ZERO_RETURN => fail("the broker ended the handshake"),
        _ if offer.identity => fail("the connection was closed in the handshake").hint(NO_TLS_THERE),
        _ => fail("the connection was closed in the handshake")
            .hint("does the broker speak TLS on this port, or want a client certificate?"),
    }
}

/// What broke the protocol, an alert or something of OpenSSL's own finding.
/// Trying again cannot mend it, but for an internal error.
pub(super) fn protocol(stack: &ErrorStack, offer: Offer) -> Failure {
    for code in codes(stack) {
        if let Some((why, hint)) = alert(code - ALERT, offer).or_else(|| local(code, offer)) {
            let failure = fail(why);
            let failure = hint.into_iter().fold(failure, Failure::hint);
            return if code == ALERT + 80 {
                failure
            } else {
                failure.permanent()
            };
        }
    }
    fail(&reason(stack)).permanent()
}

type Words = (&'static str, Option<&'static str>);

/// What the broker says with an alert.
fn alert(number: i32, offer: Offer) -> Option<Words> {
    const CERTIFICATE: Option<&str> = Some("our certificate and its key: --cert FILE --key FILE");
    Some(match number {
        20 | 51 if offer.psk => ("the broker has another pre-shared key", Some("is --psk right?")),
        40 if offer.psk => (
            "the broker refuses the handshake",
            Some("does it take pre-shared keys (--psk) on this port, and these --ciphers?"),
        ),
        40 if offer.identity => (
            "the broker refuses the handshake",
            Some("has it a cipher in common with us (--ciphers, --tls-version)?"),
        ),
        40 => (
            "the broker refuses the handshake",
            Some("does it want a client certificate (--cert), or other ciphers (--ciphers)?"),
        ),
        42 | 43 | 46 if offer.identity => ("the broker does not take our certificate", None),
        41..=43 | 46 | 116 if !offer.identity => ("the broker wants a client certificate", CERTIFICATE),
        44 => ("the broker says that our certificate was revoked", None),
        45 => ("the broker says that our certificate has expired", None),
        48 if offer.identity => (
            "the broker does not know who issued our certificate",
            Some("is --cert the one for this broker?"),
        ),
        49 => ("the broker says that our certificate gives no access", None),
        70 if offer.only_13 => (
            "the broker does not speak TLS 1.3",
            Some("--tls-version tlsv1.3 allows no other"),
        ),
        70 => ("the broker speaks no version of TLS that we speak", None),
        71 => ("our ciphers are too weak for the broker", None),
        80 => ("the broker has an internal error", None),
        112 => ("the broker knows no host of this name", None),
        115 => (
            "the broker does not know this identity of a pre-shared key",
            Some("is --psk-identity right?"),
        ),
        116 => ("the broker does not see our certificate", CERTIFICATE),
        120 => (
            "the broker speaks none of the protocols that were asked for",
            Some("does --tls-alpn name the right one?"),
        ),
        _ => return None,
    })
}

/// What OpenSSL finds by itself.
fn local(code: i32, offer: Offer) -> Option<Words> {
    Some(match code {
        WRONG_VERSION_NUMBER | RECORD_LAYER_FAILURE | PACKET_LENGTH_TOO_LONG | HTTP_REQUEST => {
            ("the answer is not TLS", Some(NO_TLS_THERE))
        }
        UNSUPPORTED_PROTOCOL if offer.only_13 => (
            "the broker does not speak TLS 1.3",
            Some("--tls-version tlsv1.3 allows no other"),
        ),
        UNSUPPORTED_PROTOCOL => ("the broker speaks only versions of TLS before 1.2", None),
        NO_SUITABLE_KEY_SHARE => ("there is no way to exchange keys in common with the broker", None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_means_what_our_side_makes_of_it() {
        let nothing = Offer::default();
        let of = |number, offer| alert(number, offer).map(|(why, _)| why);
        let identity = Offer {
            identity: true,
            ..nothing
        };
        let psk = Offer { psk: true, ..nothing };
        assert_eq!(of(116, nothing), Some("the broker wants a client certificate"));
        assert_eq!(of(42, nothing), Some("the broker wants a client certificate"));
        assert_eq!(of(42, identity), Some("the broker does not take our certificate"));
        assert_eq!(of(20, psk), Some("the broker has another pre-shared key"));
        assert_eq!(of(20, nothing), None);
        let only = Offer {
            only_13: true,
            ..nothing
        };
        assert_eq!(of(70, only), Some("the broker does not speak TLS 1.3"));
    }
}
