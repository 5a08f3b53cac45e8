//! What mqpub is to do.

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::check;
use super::connection::{Connection, InFlight, Persistence, Version};
use super::request::Request;
use super::spool::Spool;
pub use super::template::{Patterns, Template};
use crate::chance;
use crate::exit::Exit;
use crate::failure::{Failure, quote};
use crate::flags::PublishFlags;
use crate::flags::publish::{InputFlags, MessageFlags, PaceFlags};
use crate::flags::replay::ReplayFlags;
use crate::flags::value::Speed;
use crate::message::{MAX_PAYLOAD, Qos, Topic, Value};
use crate::pattern::Pattern;
use crate::property::REQUEST_RESPONSE_INFORMATION;

/// Where the payloads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Literal(Bytes),
    /// Files, each one payload, in order; `-` is stdin, and is there once at most.
    Files(Vec<PathBuf>),
    /// Stdin, whole.
    Stdin,
    /// Stdin, many messages.
    Stream(Stream),
}

/// How a stream is taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where a record ends.
    pub framing: Framing,
    /// What a record has in it.
    pub record: Record,
    /// Whether each record is passed on to stdout once it is delivered.
    pub tee: bool,
    /// How many times the stream is read, at least once.
    pub rounds: u64,
}

/// Where a record of a stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Before these bytes, at least one; the last record may end without them.
    Delimited(Bytes),
    /// After as many bytes as the four before it say, big end first.
    Framed,
}

/// What a record of a stream has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A payload.
    Payload,
    /// A topic, these bytes, a payload.
    Keyed(Bytes),
    /// JSON; the template is for what it does not say.
    Json {
        /// What stands before the topic that the record has.
        prefix: String,
    },
}

/// How fast to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pace {
    /// As fast as possible.
    #[default]
    None,
    /// This long after each delivery.
    Delay(Duration),
    /// No more than `count` in each `per`.
    Rate {
        /// How many, at least one.
        count: u32,
        /// In which time, more than none.
        per: Duration,
    },
    /// At this interval, counted from the first time.
    Every(Duration),
    /// As far apart as the times of the records are, so many times as fast.
    Replay(f64),
}

/// What mqpub is to do.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The broker.
    pub connection: Connection,
    /// Where the payloads come from.
    pub source: Source,
    /// What to make messages of them with.
    pub template: Template,
    /// How often to publish what the source has, at least once.
    pub repeat: u64,
    /// How fast.
    pub pace: Pace,
    /// After which time to end.
    pub timeout: Option<Duration>,
    /// How many messages may be unacknowledged at once.
    pub window: InFlight,
    /// The longest payload, in bytes, at most [`MAX_PAYLOAD`].
    pub max_payload: usize,
    /// Whether to go on after a message that is refused, or a record that is wrong.
    pub keep_going: bool,
    /// Whether to tell at the end what was delivered.
    pub stats: bool,
    /// Whether to show the progress.
    pub progress: bool,
    /// Where the messages are kept until they are delivered.
    pub spool: Option<Spool>,
    /// What is done with replies, if the messages are requests.
    pub request: Option<Request>,
    /// What was accepted and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Publish {
    /// Gives the flags their meaning.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the options named.
    pub fn new(flags: PublishFlags) -> Result<Self, Failure> {
        let mut common = super::common(&flags)?;
        let asks = flags.request.request;
        let spool = Spool::new(&flags)?;
        let takes = flags.spool.without_message().is_none();
        let texts = if takes {
            topics(&flags, common.url_topics.pop())?
        } else {
            Vec::new()
        };
        check::publish(&flags)?;
        check::request::all(&flags)?;
        check::spool::no_alias(&flags.spool, &common.properties.publish)?;
        check::one_alias(&common.properties.publish, texts.len(), &flags.input)?;
        let patterns = flags.input.template.then(|| patterns(&texts, &flags)).transpose()?;
        let topics = texts.iter().filter(|_| patterns.is_none()).map(|text| {
            Topic::new(text)
                .map_err(|why| Failure::new(Exit::Usage, format!("cannot publish to topic {}: {why}", quote(text))))
        });
        let topics = topics.collect::<Result<_, _>>()?;
        let stream = flags
            .stream()
            .filter(|_| takes)
            .map(|_| stream(&flags.input, &flags.replay, flags.account.tee));
        let mut connection = common.connection;
        let exactly_once = flags.message.qos == Qos::ExactlyOnce;
        // Of a request that the broker has, the reply may come during an outage.
        let lasts = exactly_once || (asks && flags.message.qos == Qos::AtLeastOnce);
        if stream.is_some() && lasts && !flags.shared.connection.no_reconnect {
            keep_session(&mut connection);
        }
        let mut properties = common.properties;
        let one = stream.is_none() && flags.message.file.len() < 2 && flags.pace.repeat.unwrap_or(1) == 1;
        let request = asks.then(|| {
            let (flags, qos) = (&flags.request, flags.message.qos);
            let subscribe = std::mem::take(&mut properties.subscribe);
            Request::new(flags, connection.version, qos, one, &mut properties.publish, subscribe)
        });
        let request = request.transpose()?;
        let movable = request.as_ref().is_some_and(|request| request.address.is_movable());
        if movable && connection.version == Version::V5 && !connection.properties.has(REQUEST_RESPONSE_INFORMATION) {
            let ask = Value::Number(1);
            connection.properties.push(REQUEST_RESPONSE_INFORMATION, ask);
        }
        Ok(Self {
            connection,
            template: Template {
                address: request.as_ref().map(|request| request.address.clone()),
                topics,
                patterns,
                qos: flags.message.qos,
                retain: flags.message.retain,
                properties: properties.publish,
                codec: flags.input.encode,
            },
            source: match stream {
                Some(stream) => Source::Stream(stream),
                None if takes => source(flags.message, flags.input.template),
                None => Source::Files(Vec::new()),
            },
            spool,
            request,
            repeat: flags.pace.repeat.unwrap_or(1),
            pace: replay(&flags.replay).unwrap_or_else(|| pace(&flags.pace)),
            timeout: flags.pace.timeout,
            window: common.window,
            max_payload: flags.input.max_payload.unwrap_or(MAX_PAYLOAD),
            keep_going: flags.input.keep_going,
            stats: flags.account.stats,
            progress: flags.account.progress,
            warnings: common.warnings,
        })
    }

    /// Whether the input is a stream, which outlives a connection.
    pub fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// The level that the messages are published with.
    pub fn qos(&self) -> Qos {
        self.template.qos
    }
}

/// The topics: those of `-t`, or the URL's if that stands behind them.
fn topics(flags: &PublishFlags, url_topic: Option<String>) -> Result<Vec<String>, Failure> {
    let typed = match flags.message.topic.as_slice() {
        // As mosquitto_rr has it.
        [.., last] if flags.request.named => std::slice::from_ref(last),
        all => all,
    };
    let url_topic = url_topic.filter(|_| typed.is_empty() || !flags.shared.connection.after_url.topic);
    let keyed = flags.input.key_separator.is_some();
    if keyed && url_topic.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "--key-separator and a topic in -L cannot be used together",
        ));
    }
    let texts = url_topic.as_ref().map_or(typed, std::slice::from_ref);
    if texts.is_empty() && !keyed && !flags.input.json {
        return Err(Failure::new(Exit::Usage, "no topic: -t TOPIC is needed").hint("try mqpub --help"));
    }
    Ok(texts.to_vec())
}

/// The topics and `-m`, read as patterns.
fn patterns(topics: &[String], flags: &PublishFlags) -> Result<Patterns, Failure> {
    let pattern = |option: &str, text: &str| {
        Pattern::new(text).map_err(|why| Failure::new(Exit::Usage, format!("{option} {}: {why}", quote(text))))
    };
    let payload = flags.message.message.as_ref().map(|text| {
        let text = text
            .to_str()
            .ok_or_else(|| Failure::new(Exit::Usage, "-m: a template must be UTF-8"))?;
        pattern("-m", text)
    });
    let patterns = Patterns {
        topics: topics
            .iter()
            .map(|text| pattern("-t", text))
            .collect::<Result<_, _>>()?,
        payload: payload.transpose()?,
    };
    if patterns.ask() && !flags.request.request {
        return Err(Failure::new(Exit::Usage, "{response} needs --request"));
    }
    Ok(patterns)
}

fn stream(flags: &InputFlags, replay: &ReplayFlags, tee: bool) -> Stream {
    let framing = if flags.framed {
        Framing::Framed
    } else if flags.nul {
        Framing::Delimited(Bytes::from_static(b"\0"))
    } else {
        let newline = Bytes::from_static(b"\n");
        Framing::Delimited(flags.delimiter.clone().unwrap_or(newline))
    };
    let record = match &flags.key_separator {
        Some(separator) => Record::Keyed(separator.clone()),
        None if flags.json => Record::Json {
            prefix: replay.topic_prefix.clone().unwrap_or_default(),
        },
        None => Record::Payload,
    };
    Stream {
        framing,
        record,
        tee,
        rounds: replay.rounds.unwrap_or(1),
    }
}

fn source(flags: MessageFlags, template: bool) -> Source {
    // The text of a template is made a pattern of.
    if let Some(text) = flags.message.filter(|_| !template) {
        Source::Literal(text.into_vec().into())
    } else if flags.stdin_file {
        Source::Stdin
    } else if flags.file.is_empty() {
        Source::Literal(Bytes::new())
    } else {
        Source::Files(flags.file)
    }
}

fn pace(flags: &PaceFlags) -> Pace {
    if let Some(time) = flags.every {
        Pace::Every(time)
    } else if let Some(rate) = flags.rate {
        Pace::Rate {
            count: rate.count,
            per: rate.per,
        }
    } else {
        let delay = flags.repeat_delay.filter(|delay| !delay.is_zero());
        delay.map_or(Pace::None, Pace::Delay)
    }
}

/// The pace of a recording, unless that is as fast as possible.
fn replay(flags: &ReplayFlags) -> Option<Pace> {
    if !flags.replay {
        return None;
    }
    match flags.speed.unwrap_or(Speed::Times(1.0)) {
        Speed::Times(times) => Some(Pace::Replay(times)),
        Speed::Max => Some(Pace::None),
    }
}

/// A QoS 2 stream stays exactly once over a lost connection only if the broker
/// keeps the session for it, under an identifier that nobody else has.
fn keep_session(connection: &mut Connection) {
    if connection.persistence != Persistence::Clean || connection.version == Version::V31 {
        return;
    }
    connection.persistence = Persistence::Run;
    if connection.client_id.is_empty() {
        connection.client_id = format!("mqpub-{}", chance::name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;
    use crate::property::TOPIC_ALIAS;

    fn resolve(line: &str) -> Result<Publish, String> {
        let flags: PublishFlags = flags::parse(line.split(' ').map(Into::into)).unwrap();
        Publish::new(flags).map_err(|failure| failure.to_string())
    }

    fn publish(line: &str) -> Publish {
        resolve(line).unwrap()
    }

    #[test]
    fn each_message_goes_to_each_topic() {
        let topics = |line: &str| {
            let publish = publish(line);
            let payload = Bytes::from_static(b"x");
            let messages = publish.template.messages(&payload);
            let topics: Vec<String> = messages.map(|message| message.topic.as_str().to_owned()).collect();
            topics.join(" ")
        };
        for (line, expected) in [
            ("mqpub -m x -t a", "a"),
            ("mqpub -m x -t a -t b", "a b"),
            ("mqpub -m x -L mqtt://h/c", "c"),
            ("mqpub -m x -t a -L mqtt://h/c", "c"),
            ("mqpub -m x -t a -L mqtt://h", "a"),
            ("mqpub -m x -L mqtt://h/c -t a -t b", "a b"),
            ("mqpub --json", ""),
            ("mqpub --json -t a", "a"),
            ("mqpub --key-separator x", ""),
        ] {
            assert_eq!(topics(line), expected, "{line}");
        }
        let why = resolve("mqpub -m x -L mqtt://h").unwrap_err();
        assert_eq!(why, "no topic: -t TOPIC is needed");
        assert!(resolve("mqpub -m x -t a -t b/+").unwrap_err().contains("'b/+'"));
        let why = resolve("mqpub --key-separator x -L mqtt://h/t").unwrap_err();
        assert_eq!(why, "--key-separator and a topic in -L cannot be used together");
    }

    #[test]
    fn sources() {
        let delimited = |delimiter: &'static [u8], record| {
            let framing = Framing::Delimited(Bytes::from_static(delimiter));
            Source::Stream(Stream {
                framing,
                record,
                tee: false,
                rounds: 1,
            })
        };
        let files = |paths: &[&str]| Source::Files(paths.iter().map(PathBuf::from).collect());
        for (line, expected) in [
            ("mqpub -t t -m x", Source::Literal(Bytes::from_static(b"x"))),
            ("mqpub -t t -n", Source::Literal(Bytes::new())),
            ("mqpub -t t -s", Source::Stdin),
            ("mqpub -t t -f a -f - -f b", files(&["a", "-", "b"])),
            ("mqpub -t t -l", delimited(b"\n", Record::Payload)),
            ("mqpub -t t -0", delimited(b"\0", Record::Payload)),
            (r"mqpub -t t --delimiter \r\n", delimited(b"\r\n", Record::Payload)),
            ("mqpub --json", delimited(b"\n", Record::Json { prefix: String::new() })),
            (
                "mqpub --key-separator = -0",
                delimited(b"\0", Record::Keyed(Bytes::from_static(b"="))),
            ),
            (
                "mqpub -t t --framed --tee",
                Source::Stream(Stream {
                    framing: Framing::Framed,
                    record: Record::Payload,
                    tee: true,
                    rounds: 1,
                }),
            ),
        ] {
            let publish = publish(line);
            assert_eq!(publish.is_stream(), matches!(expected, Source::Stream(_)), "{line}");
            assert_eq!(publish.source, expected, "{line}");
        }
    }

    #[test]
    fn paces() {
        let second = Duration::from_secs(1);
        for (line, repeat, pace) in [
            ("mqpub -t t -n", 1, Pace::None),
            ("mqpub -t t -n --repeat 3", 3, Pace::None),
            ("mqpub -t t -n --repeat 3 --repeat-delay 0", 3, Pace::None),
            (
                "mqpub -t t -n --repeat 3 --repeat-delay 3600",
                3,
                Pace::Delay(second * 3600),
            ),
            (
                "mqpub -t t -n --repeat 3 --repeat-delay 0.5",
                3,
                Pace::Delay(second / 2),
            ),
            ("mqpub -t t -n --repeat 3 --every 10s", 3, Pace::Every(second * 10)),
            ("mqpub -t t -l --rate 50", 1, Pace::Rate { count: 50, per: second }),
        ] {
            let publish = publish(line);
            assert_eq!((publish.repeat, publish.pace), (repeat, pace), "{line}");
        }
    }

    #[test]
    fn the_rest() {
        let publish = publish("mqpub -t t -l -M 7 --max-payload 1k --keep-going --stats --progress");
        assert_eq!((publish.window.most, publish.max_payload), (7, 1024));
        assert!(publish.keep_going && publish.stats && publish.progress && publish.warnings.is_empty());
        let publish = self::publish("mqpub -t t -n -D subscribe user-property a b");
        assert_eq!((publish.max_payload, publish.warnings.len()), (MAX_PAYLOAD, 1));
    }

    #[test]
    fn a_topic_alias_stands_for_one_topic() {
        let alias = publish("mqpub -t t -l -D publish topic-alias 5").template.properties;
        assert_eq!(alias.number(TOPIC_ALIAS), Some(5));
        for (line, other) in [
            ("mqpub -t a -t b -n -D publish topic-alias 5", "several -t"),
            ("mqpub --json -D publish topic-alias 5", "--json"),
            ("mqpub --key-separator x -D publish topic-alias 5", "--key-separator"),
        ] {
            let expected = format!("-D publish topic-alias and {other} cannot be used together");
            assert_eq!(resolve(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn a_stream_at_qos_2_has_a_session_of_its_own() {
        let of = |line: &str| publish(line).connection.persistence;
        assert_eq!(of("mqpub -t t -l -q 2"), Persistence::Run);
        assert_eq!(of("mqpub -t t -0 -q 2"), Persistence::Run);
        assert_eq!(of("mqpub -t t -m x -q 2"), Persistence::Clean);
        assert_eq!(of("mqpub -t t -l -q 2 -c -i me"), Persistence::Kept);
    }
}
