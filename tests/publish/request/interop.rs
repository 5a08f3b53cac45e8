//! Requests through a real mosquitto, and under the name `mosquitto_rr`.

use crate::support::mosquitto::{self, Subscriber};
use crate::support::packet::{Prop, Version};
use crate::support::runner::{Contains, Satisfies, Tool};
use crate::support::{DEADLINE, broker::Conn};
use crate::tools::{at, mqpub, play};
use std::time::Instant;

fn mosquitto_rr(port: u16, words: &str) -> Tool {
    at(Tool::mqpub().arg0("/usr/bin/mosquitto_rr"), port, words)
}

/// Who answers the requests on a topic: another mqpub, one for each request.
fn answering(topic: &'static str, count: usize) -> std::thread::JoinHandle<()> {
    let port = mosquitto::shared().tcp();
    let mut requests = Subscriber::connect(port, Version::V5, topic, 1);
    std::thread::spawn(move || {
        for _ in 0..count {
            let request = requests.next_until(Instant::now() + DEADLINE).expect("a request");
            let mut tool = mqpub(port, "-V 5 -q 1");
            for property in &request.properties {
                match property {
                    Prop::Text(8, topic) => tool = tool.args(["-t", topic]),
                    Prop::Binary(9, data) => {
                        let data = String::from_utf8(data.clone()).unwrap();
                        tool = tool.args(["-D", "publish", "correlation-data", &data]);
                    }
                    _ => {}
                }
            }
            let text = String::from_utf8(request.payload.clone()).unwrap().to_uppercase();
            tool.args(["-m", &text]).run().expect(0, "", "");
        }
    })
}

#[test]
fn a_real_broker_carries_request_and_reply() {
    let answers = answering("request/one", 4);
    let port = mosquitto::shared().tcp();
    mqpub(port, "--request -t request/one -m ping")
        .run()
        .expect(0, "PING\n", "");
    let tool = mqpub(port, "--request -q 1 -t request/one -l --stats").stdin("a\nb\nc\n");
    let words = ["3 requests, 3 answered", "latency: min "];
    let ended = tool.run();
    let text = ended
        .expect(0, Satisfies(&|_| true), Contains(&words))
        .stdout_text()
        .to_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A", "B", "C"]);
    answers.join().unwrap();
}

#[test]
fn under_the_name_mosquitto_rr_its_options_and_statuses_are_taken() {
    let answers = answering("request/two", 5);
    let port = mosquitto::shared().tcp();
    let words = "-t request/two -e reply/two";
    let run = |more: &str| mosquitto_rr(port, &format!("{words} {more}")).run();
    run("-m hello").expect(0, "HELLO\n", "");
    run("-m hello -v").expect(0, "reply/two HELLO\n", "");
    run("-m hello -N -R -k 10 -M 5 --nodelay").expect(0, "HELLO", "");
    run("-m hello -F %t|%p").expect(0, "reply/two|HELLO\n", "");
    let latency = |out: &[u8]| {
        let text = String::from_utf8_lossy(out);
        let number = text
            .strip_prefix("HELLO\nLatency: ")
            .and_then(|text| text.strip_suffix('\n'));
        // Seconds have no unit.
        number.is_some_and(|text| text.trim_end_matches(['m', 'µ', 's']).parse::<f64>().is_ok())
    };
    run("-m hello --latency").expect(0, Satisfies(&latency), "");
    answers.join().unwrap();
    for (more, status) in [
        ("-m x -q 3", 1),
        ("", 1),
        ("-m x -n", 1),
        ("-m x -e a/#", 1),
        ("-m x -D publish response-topic y", 1),
        ("-m x -p 1", 1),
        ("-m x -W 0", 1),
        // The last topic counts, and nobody is there.
        ("-m x -t request/nobody -W 1", 27),
        ("--help", 1),
    ] {
        run(more).expect(status, Satisfies(&|_| true), Satisfies(&|_| true));
    }
}

#[test]
fn the_name_decides_the_version_and_which_options_file_is_read() {
    let broker = play(|conn: &mut Conn| {
        assert_eq!(conn.accept_connect().level, 5);
        conn.serve_subscribe(&[0]);
        let request = conn.expect_publish();
        assert_eq!(request.topic, "from/file");
        conn.publish(&crate::support::packet::Publish::new("re", "yes"));
        conn.until_eof();
    });
    let tool = mosquitto_rr(broker.port(), "-e re -m x");
    let folder = tool.config_home();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("mosquitto_rr"), "-t from/file\n").unwrap();
    tool.run().expect(0, "yes\n", "");
    broker.finish();
}
