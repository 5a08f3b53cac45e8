//! Where the tools differ from mosquitto's of the same purpose, and why: data
//! for the manual, the README and the tests.
//!
//! Compared are `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr` 2.1. What is only more than
//! they can do is not in here.

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
        ours: "the statuses of the table in mqtools(7); mosquitto's where started under the name of its tool",
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
        about: "-q 1x, -p abc, -C 5x",
        theirs: "QoS 1, port 0, 5 messages",
        ours: "refused",
        why: "a slip should not become another command",
    },
    Difference {
        about: "options without a meaning, as --will-qos without --will-topic",
        theirs: "passed over: also --repeat-delay without --repeat, --repeat with -l, --psk-identity without --psk, \
                 -D will without --will-topic, -M above 65535, and -x with a -V 311 behind it",
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
        about: "no answer to CONNECT",
        theirs: "waits for the keep-alive, a minute, or for ever",
        ours: "--connect-timeout, 10 s",
        why: "a cron job has to end",
    },
    Difference {
        about: "the will",
        theirs: "is sometimes published at a normal end",
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
        theirs: "not used when the system's certificates are trusted",
        ours: "used",
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
        about: "-M",
        theirs: "20 messages that are not acknowledged",
        ours: "100; before MQTT 5, no more than 20 of QoS 2 that the broker has to keep, unless -M says more",
        why: "it is faster over long ways; MQTT 5 brokers set their own limit, and before that mosquitto, if it is to keep too many, ends the connection or drops what comes at QoS 1",
    },
];

const SUBSCRIBING: &[Difference] = &[
    Difference {
        about: "a subscription that is refused",
        theirs: "status 0 if all are, nothing at all if some are",
        ours: "named on stderr; the run goes on with the others, and its status is 4 in the end; \
               without others it ends at once",
        why: "what does not come is not the same as nothing to come",
    },
    Difference {
        about: "a session that the broker has kept over a lost connection",
        theirs: "subscribes again, so that retained messages come again",
        ours: "does not: the broker still knows",
        why: "no message should come twice without need",
    },
    Difference {
        about: "a subscription identifier of 0, or properties with -V 311",
        theirs: "no subscription, without a word",
        ours: "an error at the start",
        why: "nothing would ever come",
    },
    Difference {
        about: "--random-filter",
        theirs: "prints a tenth of the percentage",
        ours: "prints the percentage",
        why: "the manual of theirs says so too",
    },
    Difference {
        about: "--remove-retained with -C, or with --retained-only",
        theirs: "never ends",
        ours: "ends when the broker has acknowledged the deletions; with --retained-only when all \
               retained messages have come, whether or not another one follows",
        why: "a script waits for the end",
    },
    Difference {
        about: "--remove-retained with -R",
        theirs: "deletes nothing, though the manual says otherwise",
        ours: "deletes, and prints none of what is deleted",
        why: "it is what the manual of theirs says",
    },
    Difference {
        about: "--retained-only with -c, and -E with -c",
        theirs: "messages that are not printed are acknowledged",
        ours: "they are not: the session still has them",
        why: "what nobody has seen is not received",
    },
    Difference {
        about: "-E with -U alone",
        theirs: "never ends",
        ours: "ends when the broker has answered",
        why: "that is what was asked for",
    },
    Difference {
        about: "--watch",
        theirs: "a line for each topic in the order of their coming, over what is on the screen, \
                 with whatever control characters payloads have",
        ours: "a sorted table on a screen of its own, with ages, rates and courses; keys scroll \
               and end it; refused without a terminal; control characters are shown as \\x1b",
        why: "a person looks at it, and a program cannot use it",
    },
    Difference {
        about: "--message-rate",
        theirs: "lines stay in a buffer when stdout is a pipe",
        ours: "each line is written at once",
        why: "a rate is of use when it is new",
    },
    Difference {
        about: "acknowledgements",
        theirs: "before the message is written",
        ours: "after the message is written",
        why: "a message that could not be written is not lost",
    },
    Difference {
        about: "a message that several subscriptions match (MQTT 5)",
        theirs: "with several identifiers it ends the connection, again and again",
        ours: "printed, with all the identifiers",
        why: "the standard allows it",
    },
    Difference {
        about: "an empty content-type or user-property (MQTT 5)",
        theirs: "a crash, or no message",
        ours: "printed",
        why: "no publisher should be able to stop a subscriber",
    },
    Difference {
        about: "%j and %J",
        theirs: "no JSON where a payload or correlation data is not UTF-8; what follows a NUL is cut off",
        ours: "always JSON; what is not UTF-8 is in base64, as payload_base64, correlation-data-base64",
        why: "no publisher should be able to break what reads the lines",
    },
    Difference {
        about: "%J with a payload that is not JSON",
        theirs: "the message is lost, with an empty line and an error",
        ours: "the payload is a string, as in %j",
        why: "a message that came is printed",
    },
    Difference {
        about: "numbers in %J",
        theirs: "1.0 becomes 1, and 12345678901234567890 becomes 1.2345678901234567e+19",
        ours: "digit by digit as they came",
        why: "an identifier is not to be rounded",
    },
    Difference {
        about: "a width in %p, %x and %X",
        theirs: "also cuts the payload off; with - it may add blanks of its own",
        ours: "fills up, and never cuts off",
        why: "that is what a width does everywhere else",
    },
    Difference {
        about: "%E above 2147483647",
        theirs: "negative",
        ours: "as it came",
        why: "it is not negative",
    },
    Difference {
        about: "times in -F",
        theirs: "when it is printed, read anew for each %I, %U and %j",
        ours: "when the message came, the same throughout",
        why: "two times in a line should not contradict each other",
    },
    Difference {
        about: "--pretty without %j or %J",
        theirs: "ignored",
        ours: "an error",
        why: "nothing is accepted and ignored",
    },
    Difference {
        about: "control characters on a terminal",
        theirs: "sent to it",
        ours: "shown as \\x1b; pipes and files get the bytes",
        why: "a payload is not to command the terminal",
    },
];
