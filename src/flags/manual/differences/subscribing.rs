//! Where mqsub differs in what it subscribes to, receives and prints.

use super::Difference;

pub(super) const SUBSCRIBING: &[Difference] = &[
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
        theirs: "messages that are not retained are acknowledged, and not printed; -E prints some",
        ours: "nothing but what is printed is acknowledged: the session still has the rest",
        why: "what nobody has seen is not received",
    },
    Difference {
        about: "-C with -c",
        theirs: "messages behind the last one that is wanted are acknowledged too, and so are lost",
        ours: "the session still has them: the next run prints them",
        why: "what nobody has seen is not received",
    },
    Difference {
        about: "QoS 2",
        theirs: "a message is printed at the end of its exchange, behind others that came later; \
                 one that comes again before that is printed again",
        ours: "it is printed when it comes, and once",
        why: "the order of the broker counts, and exactly once is what was asked for",
    },
    Difference {
        about: "--retain-handling new with -R",
        theirs: "subscribes to nothing",
        ours: "subscribes",
        why: "both can be had together",
    },
    Difference {
        about: "the filters $share/g and $share//a",
        theirs: "are subscribed to",
        ours: "are refused",
        why: "they name no group, or nothing that it would share",
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
        theirs: "a crash, or no message; %P prints (null)",
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
        about: "%J with 01, or a tab within a string",
        theirs: "is printed as if it were JSON",
        ours: "is a string",
        why: "a strict reader would refuse the line",
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
