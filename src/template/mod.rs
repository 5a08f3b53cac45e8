//! A message in the form that `-F` asks for, byte by byte as mosquitto_sub 2.1
//! prints it. Where that is broken it is mended: a width fills up and never cuts
//! a payload off, `%-p` without a width adds nothing, numbers above 2147483647
//! are not negative, and JSON is JSON.

mod fill;

use std::io::Write as _;

use self::fill::{filled, float, hexadecimal, integer};
use crate::clock::{Zone, since_1970};
use crate::format::{Field, Format, Layout, Piece};
use crate::json::{self, Stamp};
use crate::message::{Properties, Received, Value};
use crate::property::{
    CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY_INTERVAL, PAYLOAD_FORMAT_INDICATOR, RESPONSE_TOPIC,
    SUBSCRIPTION_IDENTIFIER, TOPIC_ALIAS,
};
use crate::terminal::{self, Text};

/// A format that is ready to print messages.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    /// What the times among the pieces are in words, each at its piece's place.
    times: Vec<String>,
    stamp: Stamp,
    /// The second that `times` and `stamp` are about, since 1970.
    second: Option<i64>,
    zone: Option<Zone>,
    pretty: bool,
    terminal: bool,
}

/// A payload that is not as long as the number that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// `%f` or `%d`.
    pub specifier: &'static str,
    /// How many bytes the number has.
    pub wanted: usize,
}

impl Template {
    /// `zone` is asked for if it matters. With `pretty`, JSON has a member a
    /// line; for a `terminal`, foreign text is made harmless.
    pub fn new(format: &Format, zone: impl FnOnce() -> Zone, pretty: bool, terminal: bool) -> Self {
        Self {
            pieces: format.pieces().to_vec(),
            times: vec![String::new(); format.pieces().len()],
            stamp: Stamp::default(),
            second: None,
            zone: format.has_local_time().then(zone),
            pretty,
            terminal,
        }
    }

    /// Appends what the format makes of a message. What cannot be shown is left
    /// out, and returned.
    pub fn render(&mut self, out: &mut Vec<u8>, message: &Received<'_>) -> Option<Misfit> {
        let (second, nanos) = since_1970(message.time);
        if self.second != Some(second) {
            self.second = Some(second);
            self.tell_time(second);
        }
        let mut misfit = None;
        for (piece, time) in self.pieces.iter().zip(&self.times) {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Time(_) => out.extend_from_slice(time.as_bytes()),
                // Writing to a vector cannot fail; so below.
                Piece::Nanoseconds => drop(write!(out, "{nanos:09}")),
                Piece::Field(field, layout) => {
                    let start = out.len();
                    misfit = misfit.or(self.field(out, message, *field, *layout, (second, nanos)));
                    if self.terminal {
                        terminal::tame(out, start, kind(*field));
                    }
                }
            }
        }
        misfit
    }

    fn tell_time(&mut self, second: i64) {
        let Some(zone) = &self.zone else { return };
        for (piece, time) in self.pieces.iter().zip(&mut self.times) {
            if let Piece::Time(letter) = piece {
                *time = zone.format(second, &format!("%{letter}"));
            }
        }
        self.stamp = Stamp {
            date: zone.format(second, "%Y-%m-%dT%H:%M:%S"),
            zone: zone.format(second, "%z"),
        };
    }

    fn field(
        &self,
        out: &mut Vec<u8>,
        message: &Received<'_>,
        field: Field,
        layout: Layout,
        (second, nanos): (i64, u32),
    ) -> Option<Misfit> {
        // What is about bytes is about those that came.
        let payload = message.original();
        match field {
            Field::Topic => text(out, message.topic.as_bytes(), layout),
            Field::Payload => filled(out, message.payload, layout),
            Field::HexLower => hexadecimal(out, payload, layout, *b"0123456789abcdef"),
            Field::HexUpper => hexadecimal(out, payload, layout, *b"0123456789ABCDEF"),
            Field::Length => integer(out, u32::try_from(payload.len()).unwrap_or(u32::MAX), layout),
            Field::Qos => out.push(b'0' + message.qos as u8),
            Field::Retain => out.push(b'0' + u8::from(message.retain)),
            Field::Mid => integer(out, message.mid.into(), layout),
            Field::Float => match payload.try_into() {
                Ok(bytes) => float(out, f32::from_ne_bytes(bytes).into(), layout),
                Err(_) => {
                    return Some(Misfit {
                        specifier: "%f",
                        wanted: 4,
                    });
                }
            },
            Field::Double => match payload.try_into() {
                Ok(bytes) => float(out, f64::from_ne_bytes(bytes), layout),
                Err(_) => {
                    return Some(Misfit {
                        specifier: "%d",
                        wanted: 8,
                    });
                }
            },
            Field::LocalTime => {
                let Stamp { date, zone } = &self.stamp;
                text(out, [date.as_str(), zone].concat().as_bytes(), layout);
            }
            Field::UnixTime => drop(write!(out, "{second}.{nanos:09}")),
            Field::Json => json::write_object(out, message, (&self.stamp, nanos), false, self.pretty),
            Field::ParsedJson => json::write_object(out, message, (&self.stamp, nanos), true, self.pretty),
            Field::TopicAlias => property_number(out, message, TOPIC_ALIAS, layout),
            Field::ExpiryInterval => property_number(out, message, MESSAGE_EXPIRY_INTERVAL, layout),
            Field::FormatIndicator => property_number(out, message, PAYLOAD_FORMAT_INDICATOR, layout),
            Field::SubscriptionIdentifier => property_number(out, message, SUBSCRIPTION_IDENTIFIER, layout),
            Field::ContentType => match message.properties.text(CONTENT_TYPE) {
                Some(value) => text(out, value.as_bytes(), layout),
                None => fill::blank(out, layout),
            },
            // Without one, not even the width is printed.
            Field::ResponseTopic => {
                if let Some(value) = message.properties.text(RESPONSE_TOPIC) {
                    text(out, value.as_bytes(), layout);
                }
            }
            Field::CorrelationData => {
                let data = message
                    .properties
                    .iter()
                    .find(|property| property.id == CORRELATION_DATA);
                if let Some(Value::Binary(bytes)) = data.map(|property| &property.value) {
                    out.extend_from_slice(bytes);
                }
            }
            Field::UserProperties => user_properties(out, &message.properties),
        }
        None
    }
}

/// What of a field may be on a terminal.
fn kind(field: Field) -> Text {
    match field {
        Field::Payload => Text::Lines,
        Field::Json | Field::ParsedJson => Text::Json,
        _ => Text::Line,
    }
}

/// A text, of which the precision says how much; zeros do not fill it up.
fn text(out: &mut Vec<u8>, text: &[u8], layout: Layout) {
    let most = layout.precision.map_or(usize::MAX, usize::from);
    let shown = text.get(..most).unwrap_or(text);
    filled(out, shown, Layout { zeros: false, ..layout });
}

fn property_number(out: &mut Vec<u8>, message: &Received<'_>, id: u8, layout: Layout) {
    match message.properties.number(id) {
        Some(number) => integer(out, number, layout),
        None => fill::blank(out, layout),
    }
}

fn user_properties(out: &mut Vec<u8>, properties: &Properties) {
    let mut first = true;
    for property in properties {
        if let Value::Pair(name, value) = &property.value {
            if !first {
                out.push(b' ');
            }
            first = false;
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
