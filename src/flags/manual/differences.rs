//! Where the tools differ from mosquitto's of the same purpose, and why: data
//! for the manual, the README and the tests.
//!
//! Compared are `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr` 2.1. What is only more than
//! they can do is not in here.

mod subscribing;

use self::subscribing::SUBSCRIBING;

/// One difference.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// What it is about: an option, or a few words.
    pub about: &'static str,
    /// What mosquitto's tools do.
    pub theirs: &'static str,
    /// What these tools do.
    pub ours: &'static str,
    /// Why it is not the same, as a sentence without its full stop.
    pub why: &'static str,
}

/// All the differences, by what they are about.
pub const DIFFERENCES: &[(&str, &[Difference])] = &[
    ("How a run ends", ENDS),
    ("The command line", COMMAND_LINE),
    ("The connection", CONNECTION),
    ("TLS", TLS),
    ("Publishing", PUBLISHING),
    ("Subscribing and printing", SUBSCRIBING),
    ("Requests", REQUESTS),
];

const REQUESTS: &[Difference] = &[
    Difference {
        about: "correlation data",
        theirs: "mosquitto_rr sends none, and takes a reply with any",
        ours: "made for each request unless -D gives it; a reply that has other data is not one, \
               a reply without any may be",
        why: "somebody else's reply is no answer",
    },
    Difference {
        about: "a message retained under the response topic",
        theirs: "mosquitto_rr takes it for the reply, unless -R is given",
        ours: "not taken, unless --retain-handling asks for it",
        why: "what was there before the request does not answer it",
    },
    Difference {
        about: "the subscription to the replies is refused",
        theirs: "mosquitto_rr ends with status 0",
        ours: "a failure, and nothing is published",
        why: "nobody would hear the reply",
    },
    Difference {
        about: "the end of mosquitto_rr",
        theirs: "no DISCONNECT, so the will is published",
        ours: "DISCONNECT",
        why: "an end on purpose is no reason for the will",
    },
    Difference {
        about: "-e",
        theirs: "mosquitto_rr needs it",
        ours: "without it, each request has a topic of its own that nobody can guess",
        why: "a fixed topic mixes the replies to several who ask",
    },
];

const ENDS: &[Difference] = &[
    Difference {
        about: "exit statuses",
        theirs: "1, the number of an error of the library, or the broker's code, which overlap; \
                 0 for several failures",
        ours: "the statuses of the table in mqtools(7); mosquitto's where started under the name of its tool, \
               and MQTT's reason code of a refusal that it passes over",
        why: "a script has to be able to tell what failed",
    },
    Difference {
        about: "--help, --version",
        theirs: "status 1",
        ours: "status 0",
        why: "that is what was asked for",
    },
    Difference {
        about: "SIGINT, SIGTERM, SIGHUP",
        theirs: "mosquitto_sub ends with status 0, mosquitto_pub at once and without DISCONNECT",
        ours: "what is under way is finished, then DISCONNECT, then an end by that signal",
        why: "a shell loop has to stop with Ctrl-C, and an end on purpose is no reason for the will",
    },
    Difference {
        about: "stdout is full, or closed",
        theirs: "the messages are lost, status 0",
        ours: "status 1 at once",
        why: "what was not written was not received",
    },
    Difference {
        about: "the reader of stdout has gone",
        theirs: "mosquitto_sub ends with the next message, if one ever comes",
        ours: "mqsub ends at once, status 0",
        why: "`mqsub | head -n 1` should not linger",
    },
    Difference {
        about: "-W",
        theirs: "counts whole seconds from when there is a connection",
        ours: "counts from the start, in any unit; a bare number is seconds",
        why: "it limits a connection that does not come about, too",
    },
    Difference {
        about: "-d",
        theirs: "on stdout, among the payloads",
        ours: "on stderr",
        why: "stdout has the data alone",
    },
];

const COMMAND_LINE: &[Difference] = &[
    Difference {
        about: "--topic=a, -ta, -lr",
        theirs: "refused",
        ours: "taken",
        why: "other tools take them",
    },
    Difference {
        about: "-q 1x, -p abc, -C 5x, -k 7.5, -x 010, -q ' 1'",
        theirs: "QoS 1, port 0, 5 messages, 7 s, 8 s, QoS 1",
        ours: "refused",
        why: "a slip should not become another command",
    },
    Difference {
        about: "options without a meaning, as --will-qos without --will-topic",
        theirs: "passed over: also --repeat-delay without --repeat, --repeat with -l, --psk-identity without --psk, \
                 -D will without --will-topic, -M above 65535, -x with a -V 311 behind it, --message-rate with -v, \
                 -F, -w or -E, and --remove-retained with -E",
        ours: "refused, naming both options",
        why: "what is typed is meant to count",
    },
    Difference {
        about: "times",
        theirs: "whole seconds: -W 1.5 is 1 s",
        ours: "as written: 1.5, 200ms, 5m; a bare number is seconds",
        why: "one way to write a time, for every option",
    },
    Difference {
        about: "-L",
        theirs: "no IPv6, no percent-encoding, needs a topic",
        ours: "all of these, and the topic may be left out",
        why: "a password may have an @ in it",
    },
    Difference {
        about: "-o as the value of another option",
        theirs: "names an options file all the same",
        ours: "is that value",
        why: "`-m -o` is a message",
    },
    Difference {
        about: "-D, and long lines, in an options file",
        theirs: "refused; cut after 1023 bytes",
        ours: "taken",
        why: "whatever can be typed can stand in a file",
    },
    Difference {
        about: "-o FILE that cannot be read",
        theirs: "passed over without a word",
        ours: "refused",
        why: "the options in it were meant to count",
    },
    Difference {
        about: "MQTT_HOST and other variables",
        theirs: "not heeded",
        ours: "stand below options and above files; mqtools(7) lists them",
        why: "a password belongs neither into a command line nor into a script",
    },
    Difference {
        about: "-P, -L and --proxy in the list of processes",
        theirs: "the password stays readable",
        ours: "it is overwritten at the start (Linux)",
        why: "every user of a machine can read that list",
    },
];

const CONNECTION: &[Difference] = &[
    Difference {
        about: "a lost connection",
        theirs: "tried again each second without a word; messages of -l at QoS 0 are lost meanwhile",
        ours: "told on stderr, tried again with pauses that grow to half a minute; input waits",
        why: "nothing is lost that need not be, and nothing is hidden",
    },
    Difference {
        about: "the first connection",
        theirs: "mosquitto_sub tries again for ever if it is closed before it is answered",
        ours: "is tried once; with --retry-for, again and again for that time",
        why: "a script has to learn that there is no broker",
    },
    Difference {
        about: "a DISCONNECT whose reason another attempt does not mend (MQTT 5)",
        theirs: "connects again",
        ours: "ends, and tells the reason, such as a session that was taken over",
        why: "two clients with one identifier would throw each other out for ever",
    },
    Difference {
        about: "no answer to CONNECT",
        theirs: "waits for the keep-alive, a minute, or for ever",
        ours: "--connect-timeout, 10 s",
        why: "a cron job has to end",
    },
    Difference {
        about: "the will",
        theirs: "is published at each normal end of mosquitto_sub in MQTT 5, and at some before it",
        ours: "is published only when something went wrong",
        why: "every normal end sends DISCONNECT",
    },
    Difference {
        about: "-D connect, -x with --ws",
        theirs: "not sent",
        ours: "sent",
        why: "they were asked for",
    },
    Difference {
        about: "ALL_PROXY",
        theirs: "not heeded",
        ours: "the proxy for brokers on other machines, unless NO_PROXY or --proxy says otherwise",
        why: "who sets it means every program; `--proxy none` goes without",
    },
    Difference {
        about: "--proxy with a password that has '@'",
        theirs: "%40 becomes a colon, other percent-encoding is refused",
        ours: "everything may be percent-encoded",
        why: "a password may have any character",
    },
    Difference {
        about: "-S",
        theirs: "takes the first answer, and goes without -A and properties; mostly not built in",
        ours: "tries all answers by priority and weight (RFC 2782), and is refused with -p, --ws and --unix",
        why: "the records are there for fail-over, and bring the port",
    },
];

const TLS: &[Difference] = &[
    Difference {
        about: "a file of TLS that is not there",
        theirs: "\"Problem setting TLS options: File not found.\" without its name",
        ours: "the option with its file, and why it cannot be read; status 1",
        why: "there may be several files",
    },
    Difference {
        about: "--insecure",
        theirs: "skips the name, or everything, as other options have it",
        ours: "verifies nothing",
        why: "it has one meaning",
    },
    Difference {
        about: "--cert and --key without --cafile",
        theirs: "not used: alone they mean no TLS, and none with the system's certificates",
        ours: "mean TLS, and are used",
        why: "they were asked for",
    },
    Difference {
        about: "--tls-keylog",
        theirs: "works only with --cafile, --capath or --psk; the file can be read by everybody",
        ours: "works with any TLS; the file is made for its owner alone",
        why: "it has the secrets of the connection in it",
    },
    Difference {
        about: "--tls-alpn",
        theirs: "one name",
        ours: "may be given several times, the favourite first",
        why: "that is what the protocol is for",
    },
    Difference {
        about: "--ciphers",
        theirs: "ciphers of TLS 1.3 only with --tls-version tlsv1.3",
        ours: "each cipher limits the version of TLS that it is for",
        why: "nobody can tell beforehand which version a broker takes",
    },
    Difference {
        about: "--tls-version",
        theirs: "TLSv1.2 is accepted, and fails later",
        ours: "in any case",
        why: "it is clear what is meant",
    },
    Difference {
        about: "--tls-engine, --keyform engine",
        theirs: "an OpenSSL engine has the private key",
        ours: "refused: the private key is a PEM file",
        why: "OpenSSL has given engines up, and its safe interface has no calls for them",
    },
    Difference {
        about: "an encrypted private key",
        theirs: "its passphrase has to be typed",
        ours: "its passphrase is asked for once, or taken from --key-passphrase-file",
        why: "a reconnection at night has nobody to ask",
    },
    Difference {
        about: "--insecure, --tls-version and the like without TLS",
        theirs: "passed over in silence",
        ours: "passed over with a warning",
        why: "who gives them believes that the connection is encrypted",
    },
];

const PUBLISHING: &[Difference] = &[
    Difference {
        about: "a topic that is published to again and again (MQTT 5)",
        theirs: "is sent each time",
        ours: "from the third time on an alias is sent, where the broker takes some",
        why: "there is less to send",
    },
    Difference {
        about: "the end of -l",
        theirs: "what is not acknowledged after 0.1 s is lost, status 0",
        ours: "waits for the last acknowledgement",
        why: "each line is delivered or counted",
    },
    Difference {
        about: "a NUL in a line of -l",
        theirs: "the rest of the input is lost, status 0",
        ours: "is kept, like any other byte",
        why: "lines are bytes",
    },
    Difference {
        about: "a message that is refused",
        theirs: "a warning, status 0",
        ours: "an error, status 4",
        why: "it was not delivered",
    },
    Difference {
        about: "-f -, -f /dev/stdin, -f <(command)",
        theirs: "refused",
        ours: "read",
        why: "they can be read",
    },
    Difference {
        about: "-s without input",
        theirs: "refused",
        ours: "an empty payload",
        why: "an empty file is one, too",
    },
    Difference {
        about: "-l at QoS 2",
        theirs: "a clean session, so that a lost connection may deliver a line twice, or not at all",
        ours: "a session for this run, under the identifier of -i or one that is made up; its end ends it, \
               and one that is killed leaves it with the broker, in MQTT 5 for a day",
        why: "exactly once goes beyond a connection only within a session",
    },
    Difference {
        about: "-l at QoS 0 while there is no connection",
        theirs: "the lines are lost, status 0",
        ours: "stdin is not read; what a broken connection may have swallowed is counted",
        why: "each line is delivered or counted",
    },
    Difference {
        about: "-r to a broker that keeps no retained messages (MQTT 5)",
        theirs: "is published without being retained",
        ours: "is refused",
        why: "it would not be what was asked for",
    },
    Difference {
        about: "several -t, several -m, several -f",
        theirs: "the last topic counts; a second message is refused",
        ours: "each message to each topic, a message for each -m or file",
        why: "a connection for each of them is slow; on the command line they replace those of an options file",
    },
    Difference {
        about: "--repeat-delay of more than 2147 s",
        theirs: "no delay at all",
        ours: "as written",
        why: "an hour is not too long",
    },
    Difference {
        about: "a property twice in -D (MQTT 5)",
        theirs: "a lost connection, status 7",
        ours: "refused, unless it is user-property",
        why: "MQTT forbids it",
    },
    Difference {
        about: "-D with a -V 311 behind it",
        theirs: "a lost connection, status 7",
        ours: "refused",
        why: "properties are of MQTT 5",
    },
    Difference {
        about: "-D disconnect server-reference, -D will reason-string, authentication-data alone",
        theirs: "sent",
        ours: "refused",
        why: "MQTT does not have them there",
    },
    Difference {
        about: "-M",
        theirs: "20 messages that are not acknowledged",
        ours: "100; before MQTT 5, no more than 16 of QoS 2 that the broker has to keep, unless -M says more",
        why: "it is faster over long ways; MQTT 5 brokers set their own limit, and before that mosquitto, if it is to keep too many, ends the connection or drops what comes at QoS 1",
    },
];
