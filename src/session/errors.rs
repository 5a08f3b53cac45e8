//! Words for what the broker said no with: return codes of MQTT 3, reason codes
//! of MQTT 5, and the end of a connection. Paho's own texts never appear.

use paho_mqtt::ReasonCode;

use crate::config::connection::{Connection, Route, Version};
use crate::exit::{CONNECTION_LOST, Exit};
use crate::failure::{Failure, quote};
use crate::message::{Properties, Value};
use crate::property;
use crate::wire::{Connack, Down, Facts};

/// The first reason code that is a refusal (MQTT 5, 2.4).
pub(super) const REFUSAL: u8 = 0x80;

/// Why an attempt to connect failed, from what the wire saw.
pub(super) fn connect_failure(connection: &Connection, route: &Route, down: Option<Down>, facts: &Facts) -> Failure {
    let failure = if let Some(connack) = &facts.connack
        && connack.code != 0
    {
        refused_connection(connection, connack.code, connack.old_form)
            .context_if(connack.properties.text(property::REASON_STRING))
            .redirected(&connack.properties)
    } else {
        match down {
            Some(Down::Broken(failure)) if failure.exit() == Exit::NoConnection => failure,
            Some(Down::Broken(failure)) => unanswered(route, &format!("{failure} instead of an answer to CONNECT")),
            Some(Down::ByPeer) => unanswered(route, "closed by the broker instead of an answer to CONNECT"),
            Some(Down::ByUs) | None => Failure::new(Exit::NoConnection, "no answer to CONNECT"),
        }
    };
    failure.context(format_args!("cannot connect to {route}"))
}

/// A connection that broke before CONNACK has a likely cause; after one that was
/// answered, it is a proxy's whose broker is away.
fn unanswered(route: &Route, why: &str) -> Failure {
    Failure::new(Exit::NoConnection, why)
        .nobody_listening()
        .code(CONNECTION_LOST)
        .hint(if route.tls.is_some() {
            "does it want a client certificate, or another MQTT version (-V)?"
        } else {
            "is this a TLS port (--cafile), a WebSocket port (--ws), or another MQTT version (-V)?"
        })
}

/// Why an established connection ended.
pub(super) fn loss(route: &Route, down: Option<Down>, facts: &Facts) -> Failure {
    let failure = if let Some(disconnect) = &facts.disconnect {
        let code = disconnect.codes.first().copied().unwrap_or(0);
        // Retain, the QoS, shared subscriptions, subscription identifiers, wildcards
        // are not supported: the next connection would end in the same way.
        let asks_too_much = matches!(code, 0x9a | 0x9b | 0x9e | 0xa1 | 0xa2);
        let exit = if asks_too_much {
            Exit::Refused
        } else {
            Exit::Undelivered
        };
        let failure = Failure::new(exit, format!("the broker ended it: {}", reason(code)))
            .context_if(disconnect.properties.text(property::REASON_STRING))
            .redirected(&disconnect.properties);
        match code {
            // Session taken over: coming back would take it from the other one.
            0x8e => failure.permanent().hint("another client uses the same identifier (-i)"),
            // Administrative action; server moved, for ever.
            0x98 | 0x9d => failure.permanent(),
            _ if asks_too_much => failure.permanent(),
            _ => failure,
        }
    } else {
        match down {
            Some(Down::Broken(failure)) => failure,
            Some(Down::ByPeer) => Failure::new(Exit::Undelivered, "the broker closed it"),
            Some(Down::ByUs) | None => Failure::new(Exit::Undelivered, "the broker does not answer any more"),
        }
    };
    failure.context(format_args!("connection to {route} lost"))
}

/// The refusal of a CONNECT (MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2).
fn refused_connection(connection: &Connection, code: u8, old_form: bool) -> Failure {
    let text = if connection.version == Version::V5 && !old_form {
        reason(code)
    } else {
        match code {
            1 => format!("it does not speak {}", connection.version),
            2 => "client identifier rejected".to_owned(),
            3 => "server unavailable".to_owned(),
            4 => "bad user name or password".to_owned(),
            5 => "not authorised".to_owned(),
            other => format!("return code {other}"),
        }
    };
    // To a client of MQTT 5, a broker of MQTT 3 says with its 1 what is 0x84 there.
    let unsupported = old_form && connection.version == Version::V5 && code == 1;
    let failure = Failure::new(Exit::Refused, format!("refused by the broker: {text}"));
    let failure = failure.code(if unsupported { 0x84 } else { code });
    let version = (code == 1 && (old_form || connection.version != Version::V5)) || code == 0x84;
    let credentials = matches!(code, 4 | 5 | 0x86 | 0x87) && connection.username.is_none();
    if matches!(code, 3 | 0x88 | 0x89 | 0x97 | 0x9c | 0x9f) {
        // Unavailable, busy, over a quota or a rate, elsewhere for now.
        failure.passing()
    } else if version {
        failure.hint("try another version with -V: 5, 311 or 31")
    } else if credentials {
        failure.hint("no user name was given: -u NAME -P PASSWORD")
    } else {
        failure
    }
}

/// A refused subscription.
pub(super) fn refused_subscription(filter: &str, version: Version, code: u8, words: Option<&str>) -> Failure {
    let text = format!("subscription to {} refused", quote(filter));
    let failure = if version == Version::V5 {
        Failure::new(Exit::Refused, format!("{text}: {}", reason(code)))
    } else {
        Failure::new(Exit::Refused, format!("{text} by the broker"))
    };
    failure.code(code).context_if(words)
}

/// A subscription that the broker does not end.
pub(super) fn refused_end(filter: &str, code: u8, words: Option<&str>) -> Failure {
    let text = format!(
        "the end of the subscription to {} refused: {}",
        quote(filter),
        reason(code)
    );
    Failure::new(Exit::Refused, text).context_if(words)
}

/// A refused message.
pub(super) fn refused_message(code: u8, words: Option<&str>) -> Failure {
    let text = format!("message refused by the broker: {}", reason(code));
    Failure::new(Exit::Refused, text).code(code).context_if(words)
}

/// The words for a reason code.
pub(super) fn reason(code: u8) -> String {
    let text = ReasonCode::from(u32::from(code)).to_string();
    let known = !text.is_empty() && ReasonCode::from(u32::from(code)) as u32 == u32::from(code);
    if known {
        let words = text.split(' ').map(|word| match word {
            "QoS" => word.to_owned(),
            _ => word.to_lowercase().replace("authorized", "authorised"),
        });
        words.collect::<Vec<_>>().join(" ")
    } else {
        format!("reason code {code}")
    }
}

/// What a CONNACK says of the connection, for the debug output (MQTT 5, 3.2.2.3).
/// Authentication data is nobody's business.
pub(super) fn terms(connack: &Connack) -> Option<String> {
    let session = connack.session_present.then(|| "it has kept the session".to_owned());
    let properties = connack.properties.iter();
    let properties = properties.filter(|property| property.id != property::AUTHENTICATION_DATA);
    let terms = properties.filter_map(|property| {
        let (name, _) = property::entry(property.id)?;
        Some(match &property.value {
            Value::Number(number) => format!("{name} {number}"),
            Value::Text(text) => format!("{name} {}", quote(text)),
            Value::Binary(bytes) => format!("{name} of {} bytes", bytes.len()),
            Value::Pair(key, value) => format!("{name} {}: {}", quote(key), quote(value)),
        })
    });
    let terms: Vec<String> = session.into_iter().chain(terms).collect();
    (!terms.is_empty()).then(|| format!("the broker says: {}", terms.join(", ")))
}

/// How much of what a broker says is shown.
const SAID: usize = 300;

/// A broker's words for the middle of a line.
pub(super) fn said(words: &str) -> String {
    let mut letters = words.chars();
    let mut text = String::new();
    for letter in letters.by_ref().take(SAID) {
        if letter.is_control() {
            text.extend(letter.escape_debug());
        } else {
            text.push(letter);
        }
    }
    if letters.next().is_some() {
        text.push('…');
    }
    text
}

impl Failure {
    /// The broker's own words behind ours, if it gave any.
    fn context_if(self, words: Option<&str>) -> Self {
        match words {
            Some(words) if !words.is_empty() => self.words(&said(words)),
            _ => self,
        }
    }

    /// Where the broker says to go instead, if it does (MQTT 5, 4.13).
    fn redirected(self, properties: &Properties) -> Self {
        match properties.text(property::SERVER_REFERENCE) {
            Some(elsewhere) => self.hint(format!("the broker names another one: {}", quote(elsewhere))),
            None => self,
        }
    }
}
