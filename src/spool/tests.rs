use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::config::spool::Task;
use crate::message::{Properties, Topic, Value};
use crate::property::MESSAGE_EXPIRY_INTERVAL;

fn settings(folder: &TempDir) -> spool::Spool {
    spool::Spool {
        folder: folder.path().join("spool"),
        task: Task::Take,
        sync: Sync::None,
        size: None,
        age: None,
        full: Full::Refuse,
        required: false,
    }
}

fn message(text: impl Into<String>) -> Message {
    Message {
        topic: Topic::new("t").unwrap(),
        payload: text.into().into(),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    }
}

fn take(spool: &mut Spool, texts: &[&str]) -> Taken {
    let messages: Vec<Message> = texts.iter().map(|text| message(*text)).collect();
    spool.take(&messages, SystemTime::now(), &mut Vec::new()).unwrap()
}

fn texts(messages: &[Message]) -> Vec<String> {
    let text = |message: &Message| String::from_utf8(message.payload.to_vec()).unwrap();
    messages.iter().map(text).collect()
}

fn next(delivery: &mut Delivery, spool: &mut Spool) -> Vec<String> {
    texts(&delivery.next(spool, usize::MAX, SystemTime::now()).unwrap())
}

/// Delivers all that is there.
fn drain(spool: &mut Spool) -> Vec<String> {
    let mut delivery = spool.deliver().unwrap().expect("nobody else delivers");
    let mut all = Vec::new();
    loop {
        let some = next(&mut delivery, spool);
        delivery.settle(spool, &vec![true; some.len()]).unwrap();
        all.extend(some);
        match delivery.finish(spool).unwrap() {
            Some(more) => delivery = more,
            None => return all,
        }
    }
}

/// The segments, in order.
fn segments(folder: &TempDir) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.path().join("spool")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "mq1"));
    paths.sort();
    paths
}

#[test]
fn what_is_taken_is_delivered_in_order_and_then_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Spool::open(&settings(&folder)).unwrap();
    let mut other = Spool::open(&settings(&folder)).unwrap();
    take(&mut one, &["1", "2"]);
    take(&mut other, &["3"]);
    take(&mut one, &["4"]);
    let status = one.status().unwrap();
    assert_eq!((status.messages, one.waiting().unwrap()), (4, 4));
    assert_eq!(status.bytes, fs::metadata(&segments(&folder)[0]).unwrap().len());
    assert!(status.oldest.is_some());
    assert_eq!(drain(&mut other), ["1", "2", "3", "4"]);
    let status = one.status().unwrap();
    assert_eq!((status.messages, status.bytes, status.oldest), (0, 0, None));
    assert!(drain(&mut one).is_empty());
    assert!(one.take_news().is_empty() && other.take_news().is_empty());
}

#[test]
fn what_is_not_settled_is_delivered_again_and_what_is_settled_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    take(&mut spool, &["1", "2", "3"]);
    let mut delivery = spool.deliver().unwrap().unwrap();
    assert_eq!(next(&mut delivery, &mut spool), ["1", "2", "3"]);
    let outcomes = delivery.settle(&mut spool, &[true, false]).unwrap();
    assert!(outcomes[0].delivered && !outcomes[1].delivered && outcomes[0].ticket < outcomes[1].ticket);
    drop(delivery);
    assert_eq!(spool.waiting().unwrap(), 1);
    assert_eq!(spool.status().unwrap().losses.refused, 1);
    assert_eq!(drain(&mut Spool::open(&settings(&folder)).unwrap()), ["3"]);
}

#[test]
fn one_delivers_at_a_time_and_does_not_end_over_a_new_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = Spool::open(&settings(&folder)).unwrap();
    let mut other = Spool::open(&settings(&folder)).unwrap();
    let mut delivery = one.deliver().unwrap().unwrap();
    assert!(next(&mut delivery, &mut one).is_empty());
    // Just before the end: who leaves its message behind has it delivered.
    take(&mut other, &["late"]);
    assert!(other.deliver().unwrap().is_none());
    let mut delivery = delivery.finish(&mut one).unwrap().expect("there is a message");
    assert_eq!(next(&mut delivery, &mut one), ["late"]);
    delivery.settle(&mut one, &[true]).unwrap();
    assert!(delivery.finish(&mut one).unwrap().is_none());
    assert!(other.deliver().unwrap().is_some());
}

#[test]
fn segments_follow_one_another_and_go_when_they_are_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    let long = "x".repeat(1 << 20);
    let huge = "y".repeat(9 << 20);
    let mut expected = Vec::new();
    for round in 0..3 {
        for text in [&long, &huge, &long] {
            let text = format!("{round}{text}");
            take(&mut spool, &[&text]);
            expected.push(text);
        }
    }
    assert_eq!(segments(&folder).len(), 7);
    let mut delivery = spool.deliver().unwrap().unwrap();
    let mut all = Vec::new();
    while all.len() < expected.len() {
        let some = next(&mut delivery, &mut spool);
        assert_eq!(some.len(), 1, "no more than a portion at once");
        delivery.settle(&mut spool, &[true]).unwrap();
        all.extend(some);
    }
    assert!(all == expected);
    assert!(next(&mut delivery, &mut spool).is_empty());
    assert!(delivery.finish(&mut spool).unwrap().is_none());
    assert!(segments(&folder).is_empty());
    take(&mut spool, &["new"]);
    assert_eq!(drain(&mut spool), ["new"]);
}

#[test]
fn a_torn_tail_is_cut_wherever_it_tore() {
    let folder = tempfile::tempdir().unwrap();
    take(&mut Spool::open(&settings(&folder)).unwrap(), &["1", "2"]);
    let path = segments(&folder).remove(0);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        let torn = tempfile::tempdir().unwrap();
        let copy = torn.path().join("spool");
        fs::create_dir(&copy).unwrap();
        fs::write(copy.join(path.file_name().unwrap()), &whole[..length]).unwrap();
        // Without an index, as after a power failure.
        let mut spool = Spool::open(&settings(&torn)).unwrap();
        let left = length % (whole.len() / 2);
        let news = spool.take_news();
        assert_eq!(news.is_empty(), left == 0, "{news:?}");
        assert_eq!(spool.status().unwrap().losses.damaged, left as u64);
        assert_eq!(
            fs::metadata(copy.join(path.file_name().unwrap())).unwrap().len(),
            (length - left) as u64
        );
        take(&mut spool, &["new"]);
        let expected = if length < whole.len() / 2 {
            &["new"][..]
        } else {
            &["1", "new"]
        };
        assert_eq!(drain(&mut spool), expected);
    }
}

#[test]
fn a_record_that_an_end_of_the_process_left_is_cut_or_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    take(&mut spool, &["1"]);
    let path = segments(&folder).remove(0);
    // Whole, and the index was not written any more.
    let index = folder.path().join("spool/index");
    let before = fs::read(&index).unwrap();
    take(&mut spool, &["2"]);
    fs::write(&index, &before).unwrap();
    assert_eq!(spool.waiting().unwrap(), 2);
    // Not whole, while others go on.
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"mqs\x01\x05\0").unwrap();
    take(&mut spool, &["3"]);
    assert_eq!(
        spool.take_news(),
        ["cut 6 bytes off the spool that were no whole message"]
    );
    assert_eq!(spool.status().unwrap().losses.damaged, 6);
    assert_eq!(drain(&mut spool), ["1", "2", "3"]);
}

#[test]
fn damage_in_the_middle_costs_what_it_hits() {
    let folder = tempfile::tempdir().unwrap();
    take(&mut Spool::open(&settings(&folder)).unwrap(), &["1", "2", "3"]);
    let path = segments(&folder).remove(0);
    let index = folder.path().join("spool/index");
    let (whole, known) = (fs::read(&path).unwrap(), fs::read(&index).unwrap());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        fs::write(&index, &known).unwrap();
        let mut spool = Spool::open(&settings(&folder)).unwrap();
        let hit = at / (whole.len() / 3);
        let mut expected = vec!["1", "2", "3"];
        expected.remove(hit);
        assert_eq!(drain(&mut spool), expected, "{at}");
        assert_eq!(spool.status().unwrap().losses.damaged, whole.len() as u64 / 3);
        assert_eq!((spool.take_news().len(), spool.waiting().unwrap()), (1, 0));
    }
}

#[test]
fn a_damaged_index_costs_no_message() {
    let folder = tempfile::tempdir().unwrap();
    take(&mut Spool::open(&settings(&folder)).unwrap(), &["1", "2"]);
    let index = folder.path().join("spool/index");
    let whole = fs::read(&index).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&index, &damaged).unwrap();
        let mut spool = Spool::open(&settings(&folder)).unwrap();
        assert_eq!(spool.status().unwrap().messages, 2);
        let mut delivery = spool.deliver().unwrap().unwrap();
        assert_eq!(next(&mut delivery, &mut spool), ["1", "2"]);
    }
}

#[test]
fn a_file_that_became_shorter_hides_no_new_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    take(&mut spool, &["1", "2"]);
    assert_eq!(drain(&mut spool).len(), 2);
    // The index is on the disk, and the records never were.
    OpenOptions::new()
        .write(true)
        .open(&segments(&folder)[0])
        .unwrap()
        .set_len(0)
        .unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    take(&mut spool, &["3"]);
    assert_eq!(drain(&mut spool), ["3"]);
}

#[test]
fn a_limit_of_size_refuses_or_drops_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = settings(&folder);
    limited.size = Some(3 * record::size(&message("1")));
    let mut spool = Spool::open(&limited).unwrap();
    let full = Some(Refusal::Full);
    assert_eq!(
        take(&mut spool, &["1", "2", "3", "4"]),
        Taken {
            count: 3,
            refusal: full
        }
    );
    let taken = take(&mut spool, &["x".repeat(1000).as_str()]);
    assert_eq!((taken.count, taken.refusal), (0, Some(Refusal::TooLarge)));
    limited.full = Full::DropOldest;
    let mut spool = Spool::open(&limited).unwrap();
    assert_eq!(
        take(&mut spool, &["5", "6"]),
        Taken {
            count: 2,
            refusal: None
        }
    );
    assert_eq!(
        (spool.status().unwrap().losses.dropped, spool.waiting().unwrap()),
        (2, 3)
    );
    assert_eq!(drain(&mut spool), ["3", "5", "6"]);
    // All of them at once.
    take(&mut spool, &["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(drain(&mut spool), ["5", "6", "7"]);
}

#[test]
fn a_limit_of_age_drops_what_is_older() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = settings(&folder);
    limited.age = Some(Duration::from_secs(60));
    let mut spool = Spool::open(&limited).unwrap();
    let now = SystemTime::now();
    let at = |seconds| now - Duration::from_secs(seconds);
    for (text, age) in [("1", 300), ("2", 61)] {
        spool.take(&[message(text)], at(age), &mut Vec::new()).unwrap();
    }
    assert_eq!(
        spool.waiting().unwrap(),
        1,
        "the first was too old when the second came"
    );
    spool.take(&[message("3")], at(59), &mut Vec::new()).unwrap();
    let mut delivery = spool.deliver().unwrap().unwrap();
    let messages = delivery.next(&mut spool, 10, now).unwrap();
    assert_eq!((texts(&messages), delivery.underway()), (vec!["3".to_owned()], 1));
    assert_eq!(spool.status().unwrap().losses.expired, 2);
}

#[test]
fn what_expires_says_how_long_it_is_worth_anything() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&settings(&folder)).unwrap();
    let now = SystemTime::now();
    for (interval, age) in [(100, 30), (30, 30), (30, 29), (0, 0), (0, 1)] {
        let mut message = message("x");
        message.properties.push(3, Value::Text("type".to_owned()));
        message
            .properties
            .push(MESSAGE_EXPIRY_INTERVAL, Value::Number(interval));
        let taken = now - Duration::from_secs(age);
        spool.take(&[message], taken, &mut Vec::new()).unwrap();
    }
    let mut delivery = spool.deliver().unwrap().unwrap();
    let needs = delivery.needs();
    assert!(needs.properties && !needs.exactly_once);
    let messages = delivery.next(&mut spool, 10, now).unwrap();
    let intervals = messages.iter().map(|message| {
        assert_eq!(message.properties.text(3), Some("type"));
        message.properties.number(MESSAGE_EXPIRY_INTERVAL).unwrap()
    });
    assert_eq!(intervals.collect::<Vec<_>>(), [70, 1, 0]);
    delivery.settle(&mut spool, &[true, true, true]).unwrap();
    assert_eq!(
        (spool.waiting().unwrap(), spool.status().unwrap().losses.expired),
        (0, 2)
    );
}

#[test]
fn what_is_dropped_meanwhile_is_settled_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = settings(&folder);
    limited.size = Some(3 * record::size(&message("1")));
    limited.full = Full::DropOldest;
    let mut spool = Spool::open(&limited).unwrap();
    take(&mut spool, &["1", "2", "3"]);
    let mut delivery = spool.deliver().unwrap().unwrap();
    let one = delivery.next(&mut spool, 1, SystemTime::now()).unwrap();
    assert_eq!(texts(&one), ["1"]);
    take(&mut Spool::open(&limited).unwrap(), &["4", "5"]);
    assert_eq!(next(&mut delivery, &mut spool), ["3", "4", "5"]);
    delivery.settle(&mut spool, &[true; 4]).unwrap();
    assert_eq!(spool.waiting().unwrap(), 0);
    assert!(delivery.finish(&mut spool).unwrap().is_none());
}

#[test]
fn what_is_no_spool_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.task = Task::Drain;
    let why = |settings: &spool::Spool| Spool::open(settings).unwrap_err().to_string();
    assert!(why(&settings).ends_with("no such file or directory"));
    settings.folder = folder.path().to_owned();
    assert!(why(&settings).ends_with("it is no spool"), "{}", why(&settings));
    settings.task = Task::Take;
    settings.folder = folder.path().join("file");
    fs::write(&settings.folder, "").unwrap();
    assert!(why(&settings).starts_with("cannot open the spool "));
}
