//! mqpub with a spool: what it says that it has taken is delivered, whatever
//! happens to it, to the broker or to the disk.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::broker::{Broker, Inbox, script, sink};
use crate::support::mosquitto::{Mosquitto, Subscriber, shared};
use crate::support::packet::{PUBACK, Prop, Version, ack_with};
use crate::support::runner::{Contains, Outcome, Satisfies, Tool};
use crate::support::{DEADLINE, free_ports, scratch_dir, unique_topic};
use crate::tools::{goes_on, mqpub, numbered, play, text, wait_for};

/// A folder for a spool.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: scratch_dir() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    /// mqpub with this spool.
    fn mqpub(&self, port: u16, words: &str) -> Tool {
        mqpub(port, words).arg("--spool").arg(self.path())
    }

    /// What there is.
    #[track_caller]
    fn status(&self) -> String {
        let words = "--spool-status --json";
        let outcome = self.mqpub(1, words).run();
        let status = outcome.expect(0, Satisfies(&|_| true), "");
        status.stdout_text().to_owned()
    }

    #[track_caller]
    fn holds(&self, messages: usize) {
        let status = self.status();
        assert!(status.starts_with(&format!("{{\"messages\":{messages},")), "{status}");
    }

    /// Waits until there are so many messages that are not delivered.
    #[track_caller]
    fn wait_holds(&self, messages: usize) {
        let start = format!("{{\"messages\":{messages},");
        wait_for(&format!("{messages} messages"), || self.status().starts_with(&start));
    }

    /// The last segment.
    fn last(&self) -> PathBuf {
        let files = fs::read_dir(self.path()).unwrap();
        let paths = files.map(|entry| entry.unwrap().path());
        let segments = paths.filter(|path| path.extension().is_some_and(|extension| extension == "mq1"));
        segments.max().expect("a segment")
    }
}

/// A port at which no broker is.
fn nowhere() -> u16 {
    free_ports::<1>()[0]
}

/// Queues a message.
#[track_caller]
fn queue(place: &Place, words: &str) {
    queued(place.mqpub(nowhere(), words).run());
}

/// Fails unless the run ended as one that has queued its messages.
#[track_caller]
fn queued(outcome: Outcome) {
    // Of several at once, one has tried.
    let is_told = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let reasons = ["connection refused)\n", "another mqpub delivers from the spool)\n"];
        text.contains("queued (") && reasons.iter().any(|reason| text.ends_with(reason))
    };
    outcome.expect(0, "", Satisfies(&is_told));
}

#[test]
fn what_overlapping_one_shots_have_taken_arrives_once_whatever_kills_them() {
    const RUNS: usize = 20;
    let broker = shared();
    let topic = unique_topic("spool");
    let place = Place::new();
    let files: Vec<Vec<PathBuf>> = (0..RUNS)
        .map(|run| {
            let write = |part| {
                let path = place.dir.path().join(format!("{run}-{part}"));
                fs::write(&path, format!("{run}-{part}")).unwrap();
                path
            };
            (0..3).map(write).collect()
        })
        .collect();
    let port = nowhere();
    let mut killers = Vec::new();
    for (run, files) in files.into_iter().enumerate() {
        let tool = place.mqpub(port, &format!("-q 2 -t {topic}"));
        let tool = files.iter().fold(tool, |tool, file| tool.arg("-f").arg(file));
        let running = tool.spawn();
        killers.push(thread::spawn(move || {
            if run % 2 == 0 {
                // Anywhere between its start and its end.
                thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
                running.signal(Signal::KILL);
            }
            let outcome = running.wait();
            let taken = outcome.status.success();
            if taken {
                queued(outcome);
            } else {
                outcome.expect(Signal::KILL, "", Satisfies(&|_| true));
            }
            (run, taken)
        }));
    }
    let ends: Vec<(usize, bool)> = killers.into_iter().map(|killer| killer.join().unwrap()).collect();
    assert!(ends.iter().filter(|(_, taken)| *taken).count() >= RUNS / 2);
    // The last one was at it when the power failed.
    let last = place.last();
    let bytes = fs::read(&last).unwrap();
    let mut torn = OpenOptions::new().append(true).open(&last).unwrap();
    torn.write_all(&bytes[..30]).unwrap();
    drop(torn);

    let mut subscriber = Subscriber::connect(broker.tcp(), Version::V311, &topic, 2);
    let drained = place.mqpub(broker.tcp(), "--spool-drain").run();
    drained.expect(0, "", Contains(&["warning: cut 30 bytes off the spool"]));
    place.holds(0);
    // What comes behind it is the end.
    mqpub(broker.tcp(), "-q 2 -m end -t")
        .arg(&topic)
        .run()
        .expect(0, "", "");
    let mut came = Vec::new();
    loop {
        let message = String::from_utf8(subscriber.next().payload).unwrap();
        if message == "end" {
            break;
        }
        came.push(message);
    }
    for (run, taken) in ends {
        let own: Vec<&String> = came
            .iter()
            .filter(|text| text.starts_with(&format!("{run}-")))
            .collect();
        let expected: Vec<String> = (0..own.len()).map(|part| format!("{run}-{part}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>(), "in order, and once");
        assert!(!taken || own.len() == 3, "{run}: {own:?}");
    }
}

#[test]
fn a_message_that_could_only_be_queued_is_told_and_the_next_run_delivers_it() {
    let place = Place::new();
    queue(&place, "-t t -m 1");
    place
        .mqpub(nowhere(), "-t t -m 2 --spool-required-delivery")
        .run()
        .expect(
            5,
            "",
            Contains(&["error: 1 message queued, not delivered: cannot connect"]),
        );
    place.mqpub(nowhere(), "--spool-drain").run().expect(
        3,
        "",
        Contains(&["error: 2 messages queued: cannot connect"]),
    );
    place.holds(2);
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    place.mqpub(broker.port(), "-t t -m 3 -q 1").run().expect(0, "", "");
    assert_eq!(inbox.payloads(), [b"1", b"2", b"3"]);
    place.holds(0);
    // Nothing is there to connect for.
    place.mqpub(nowhere(), "--spool-drain").run().expect(0, "", "");
}

#[test]
fn a_stream_reads_on_while_the_broker_is_away() {
    let place = Place::new();
    let lines = numbered(20_000, 40);
    let outcome = place.mqpub(nowhere(), "-t t -l -q 1").stdin(text(&lines)).run();
    outcome.expect(
        0,
        "",
        Contains(&["trying again", "20000 messages queued (cannot connect"]),
    );
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    place.mqpub(broker.port(), "--spool-drain").run().expect(0, "", "");
    assert!(inbox.payloads() == lines);
}

#[test]
fn a_stream_delivers_when_the_broker_returns() {
    let mut broker = Mosquitto::start();
    let place = Place::new();
    let mut tool = place.mqpub(broker.tcp(), "-t t -l -q 2").spawn();
    let mut subscriber = Subscriber::connect(broker.tcp(), Version::V311, "t", 2);
    tool.write_stdin("1\n");
    assert_eq!(subscriber.next().payload, b"1");
    broker.stop();
    tool.wait_stderr_contains("trying again, messages are queued meanwhile");
    tool.write_stdin("2\n3\n");
    // They are on the disk before the broker is back.
    place.wait_holds(2);
    broker.restart();
    let mut subscriber = Subscriber::connect(broker.tcp(), Version::V311, "t", 2);
    tool.wait_stderr_contains("mqpub: connected");
    tool.write_stdin("4\n");
    tool.close_stdin();
    tool.wait().expect(0, "", Contains(&["mqpub: connected"]));
    place.holds(0);
    // Who subscribed late may have missed the first.
    let last = subscriber.collect(1, DEADLINE).remove(0).payload;
    assert!([b"2", b"3", b"4"].contains(&&last[..].try_into().unwrap()));
}

#[test]
fn a_message_is_left_to_the_process_that_delivers_which_does_not_end_without_it() {
    let place = Place::new();
    let (go_on, held) = mpsc::channel::<()>();
    let (came, first) = mpsc::channel::<()>();
    let broker = play(move |conn| {
        conn.accept_connect();
        let one = conn.expect_publish();
        came.send(()).unwrap();
        let _ = held.recv();
        conn.ack(&one);
        for expected in [b"2", b"3"] {
            let next = conn.expect_publish();
            assert_eq!(next.payload, expected);
            conn.ack(&next);
        }
        conn.until_eof();
    });
    let delivering = place.mqpub(broker.port(), "-t t -m 1 -q 1").spawn();
    first.recv().unwrap();
    place.mqpub(nowhere(), "-t t -m 2 -q 1").run().expect(
        0,
        "",
        "mqpub: 1 message queued (another mqpub delivers from the spool)\n",
    );
    let waiting = place
        .mqpub(nowhere(), "-t t -m 3 -q 1 --spool-required-delivery")
        .spawn();
    // Later it would have to deliver the message itself.
    place.wait_holds(3);
    goes_on(&waiting);
    drop(go_on);
    waiting.wait().expect(0, "", "");
    delivering.wait().expect(0, "", "");
    place.holds(0);
}

#[test]
fn qos_0_is_delivered_when_the_broker_has_read_it() {
    let place = Place::new();
    let broker = play(|conn| {
        conn.accept_connect();
        conn.expect_publish();
        // Never read, for all that anybody knows.
        conn.close();
    });
    let outcome = place.mqpub(broker.port(), "-t t -m x").run();
    outcome.expect(0, "", Contains(&["1 message queued (connection to"]));
    place.holds(1);
    let inbox = Inbox::default();
    let broker = Broker::start(sink(&inbox));
    place.mqpub(broker.port(), "--spool-drain").run().expect(0, "", "");
    assert_eq!(inbox.payloads(), [b"x"]);
}

#[test]
fn a_refused_message_does_not_hold_up_the_others() {
    let place = Place::new();
    let broker = play(|conn| {
        conn.accept_connect();
        let refused = conn.expect_publish();
        conn.send(ack_with(PUBACK, refused.mid, 0x87, &[]));
        let next = conn.expect_publish();
        conn.ack(&next);
        conn.until_eof();
    });
    queue(&place, "-t t -m 1 -q 1");
    // Somebody else's is no failure of this one.
    let outcome = place.mqpub(broker.port(), "-t t -m 2 -q 1 -V 5").run();
    outcome.expect(
        0,
        "",
        Contains(&["warning: message refused by the broker: not authorised"]),
    );
    assert!(place.status().contains("\"messages\":0,") && place.status().contains("\"refused\":1,"));
    let broker = play(|conn| {
        conn.accept_connect();
        let refused = conn.expect_publish();
        conn.send(ack_with(PUBACK, refused.mid, 0x87, &[]));
        conn.until_eof();
    });
    let outcome = place.mqpub(broker.port(), "-t t -m 3 -q 1 -V 5").run();
    outcome.expect(4, "", Contains(&["error: 1 message refused by the broker"]));
}

#[test]
fn a_broker_that_refuses_the_connection_is_an_error_and_the_message_is_kept() {
    let place = Place::new();
    let broker = play(|conn| {
        conn.expect_connect();
        conn.send(crate::support::packet::connack(Version::V311, false, 5, &[]));
        conn.until_eof();
    });
    let outcome = place.mqpub(broker.port(), "-t t -m 1").run();
    outcome.expect(4, "", Contains(&["1 message queued: cannot connect", "not authorised"]));
    place.holds(1);
}

#[test]
fn properties_go_with_the_message_whichever_run_delivers_it() {
    let place = Place::new();
    queue(
        &place,
        "-t t -m 1 -r -q 1 -D publish content-type text/x -D publish user-property a b",
    );
    let broker = play(|conn| {
        assert_eq!(conn.accept_connect().version(), Version::V5);
        let message = conn.expect_publish();
        assert!(message.retain && message.qos == 1);
        let of = |prop: &Prop| message.properties.contains(prop);
        assert_eq!(message.properties.len(), 2);
        assert!(of(&Prop::text(crate::support::packet::id::CONTENT_TYPE, "text/x")));
        conn.ack(&message);
        conn.until_eof();
    });
    place.mqpub(broker.port(), "--spool-drain").run().expect(0, "", "");
}

#[test]
fn properties_that_come_later_get_a_connection_that_has_room_for_them() {
    let place = Place::new();
    let (came, first) = mpsc::channel::<()>();
    let (go_on, held) = mpsc::channel::<()>();
    let broker = Broker::start_many(vec![
        script(move |conn| {
            assert_eq!(conn.accept_connect().version(), Version::V311);
            let one = conn.expect_publish();
            came.send(()).unwrap();
            held.recv().unwrap();
            conn.ack(&one);
            // What is behind it is not before it.
            conn.expect_disconnect();
            conn.until_eof();
        }),
        script(|conn| {
            assert_eq!(conn.accept_connect().version(), Version::V5);
            for expected in [&b"2"[..], b"3", b"4"] {
                let message = conn.expect_publish();
                assert_eq!(message.payload, expected);
                assert_eq!(message.properties.len(), usize::from(expected == b"2"));
                conn.ack(&message);
            }
            conn.until_eof();
        }),
    ]);
    let mut stream = place.mqpub(broker.port(), "-t t -l -q 1").spawn();
    stream.write_stdin("1\n");
    first.recv().unwrap();
    queue(&place, "-t t -m 2 -q 1 -D publish content-type text/x");
    queue(&place, "-t t -m 3 -q 1");
    go_on.send(()).unwrap();
    place.wait_holds(0);
    stream.write_stdin("4\n");
    stream.close_stdin();
    stream.wait().expect(0, "", "");
    broker.finish();
}

#[test]
fn a_full_spool_refuses_a_message_and_says_so() {
    let place = Place::new();
    let tool = |words| {
        let tool = place
            .mqpub(nowhere(), words)
            .args(["-t", "t", "--spool-limit", "1k", "-m"]);
        tool.arg("x".repeat(400)).run()
    };
    queued(tool(""));
    queued(tool(""));
    let outcome = tool("");
    outcome.expect(
        1,
        "",
        "mqpub: error: 1 message read and not taken: the spool is full (--spool-limit)\n",
    );
    queued(tool("--spool-full drop-oldest"));
    assert!(place.status().contains("\"dropped\":1,"));
    place.holds(2);
}

#[test]
fn a_process_that_is_killed_while_it_delivers_has_lost_nothing() {
    let place = Place::new();
    let lines = numbered(500, 10);
    queued(place.mqpub(nowhere(), "-t t -l -q 1").stdin(text(&lines)).run());
    let inbox = Inbox::default();
    let (came, half) = mpsc::channel::<()>();
    let seen = inbox.clone();
    let broker = Broker::start_many(vec![script(move |conn| {
        conn.accept_connect();
        for _ in 0..200 {
            let message = conn.expect_publish();
            seen.push(message.payload.clone());
            conn.ack(&message);
        }
        came.send(()).unwrap();
        conn.until_eof();
    })]);
    let tool = place.mqpub(broker.port(), "--spool-drain").spawn();
    half.recv().unwrap();
    tool.signal(Signal::KILL);
    tool.wait().expect(Signal::KILL, "", "");
    broker.finish();
    let broker = Broker::start(sink(&inbox));
    place.mqpub(broker.port(), "--spool-drain").run().expect(0, "", "");
    let mut came = inbox.payloads();
    // At QoS 1 what was underway comes twice.
    assert!(came.len() <= lines.len() + 200);
    came.sort();
    came.dedup();
    assert!(came == lines);
}

#[test]
fn a_signal_ends_a_stream_and_what_it_read_is_kept() {
    let place = Place::new();
    let mut tool = place.mqpub(nowhere(), "-t t -l -q 1").spawn();
    tool.write_stdin("1\n2\n");
    tool.wait_stderr_contains("trying again");
    wait_for("a spool", || place.path().join("index").exists());
    place.wait_holds(2);
    tool.signal(Signal::TERM);
    tool.wait().expect(Signal::TERM, "", Contains(&["2 messages queued"]));
    place.holds(2);
}

#[test]
fn a_folder_that_is_no_spool_is_told() {
    let dir = scratch_dir();
    let at = |path: &Path, words: &str| mqpub(1, words).arg("--spool").arg(path).run();
    at(&dir.path().join("none"), "--spool-drain").expect(1, "", Contains(&["cannot open the spool", "no such file"]));
    at(dir.path(), "--spool-status").expect(1, "", Contains(&["it is no spool"]));
    at(Path::new("/dev/null/x"), "-t t -m x").expect(
        1,
        "",
        Contains(&["cannot open the spool /dev/null/x: not a directory"]),
    );
}

#[test]
fn what_stands_behind_a_bad_record_is_told_as_not_taken() {
    let place = Place::new();
    let records = "{\"topic\":\"t\",\"payload\":\"1\"}\nbad\n{\"topic\":\"t\",\"payload\":\"3\"}\n";
    let words = ["1 message read and not taken; 1 message queued: line 2: it is not a JSON object"];
    let tool = place.mqpub(nowhere(), "--json").stdin(records);
    tool.run().expect(1, "", Contains(&words));
    place.holds(1);
}
