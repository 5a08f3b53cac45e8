//! A table of topics for a person to watch: of each the last value, how old it is,
//! how often one comes, and the course of numbers. Pure: it draws lines of text,
//! and knows no terminal. What comes from others never has a control character
//! in it.

#![expect(
    clippy::indexing_slicing,
    reason = "slots are modulo their number, and steps those that there are"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::terminal::{Text, tame};

/// How many topics are kept; those that come later are only counted.
const TOPICS: usize = 10_000;

/// How many bytes of a topic or a value are looked at.
const SHOWN: usize = 256;

/// How many numbers the course of a topic has.
const COURSE: usize = 20;

/// How many seconds the rate is taken over.
const SECONDS: usize = 10;

/// The heights of a course.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The widths of the columns that do not vary: age and rate.
const AGE: usize = 5;
const RATE: usize = 8;

/// A topic.
#[derive(Debug)]
struct Row {
    value: String,
    last: Instant,
    numbers: VecDeque<f64>,
    pace: Pace,
}

/// How many messages came in each of the last seconds.
#[derive(Clone, Copy, Debug)]
struct Pace {
    counts: [u32; SECONDS],
    /// The second that is counted now, since the table began.
    second: u64,
    first: u64,
}

impl Pace {
    fn new(second: u64) -> Self {
        Self {
            counts: [0; SECONDS],
            second,
            first: second,
        }
    }

    fn slot(second: u64) -> usize {
        usize::try_from(second % SECONDS as u64).unwrap_or(0)
    }

    fn advance(&mut self, second: u64) {
        let steps = second.saturating_sub(self.second).min(SECONDS as u64);
        for step in 1..=steps {
            self.counts[Self::slot(self.second + step)] = 0;
        }
        if steps == SECONDS as u64 {
            self.counts = [0; SECONDS];
        }
        self.second = self.second.max(second);
    }

    fn note(&mut self, second: u64) {
        self.advance(second);
        let slot = &mut self.counts[Self::slot(second)];
        *slot = slot.saturating_add(1);
    }

    /// Messages a second.
    fn rate(mut self, second: u64) -> f64 {
        self.advance(second);
        let sum: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let seconds = (second.saturating_sub(self.first) + 1).min(SECONDS as u64);
        #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
        let rate = sum as f64 / seconds as f64;
        rate
    }
}

/// The table.
#[derive(Debug)]
pub struct Table {
    begin: Instant,
    rows: BTreeMap<String, Row>,
    /// Messages of topics that there was no room for.
    missed: u64,
    pace: Pace,
    /// The last thing to be said about the run.
    remark: String,
}

impl Table {
    /// An empty table.
    pub fn new(now: Instant) -> Self {
        Self {
            begin: now,
            rows: BTreeMap::new(),
            missed: 0,
            pace: Pace::new(0),
            remark: String::new(),
        }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begin).as_secs()
    }

    /// A message has come.
    pub fn note(&mut self, topic: &str, payload: &[u8], now: Instant) {
        let second = self.second(now);
        self.pace.note(second);
        if !self.rows.contains_key(topic) {
            if self.rows.len() >= TOPICS {
                self.missed += 1;
                return;
            }
            let row = Row {
                value: String::new(),
                last: now,
                numbers: VecDeque::new(),
                pace: Pace::new(second),
            };
            self.rows.insert(topic.to_owned(), row);
        }
        let Some(row) = self.rows.get_mut(topic) else { return };
        let text = str::from_utf8(payload).unwrap_or_default();
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        if let Some(number) = number {
            if row.numbers.len() == COURSE {
                row.numbers.pop_front();
            }
            row.numbers.push_back(number);
        }
        row.value = plain(payload);
        row.last = now;
        row.pace.note(second);
    }

    /// Something is to be said about the run.
    pub fn remark(&mut self, text: &str) {
        self.remark = plain(text.as_bytes());
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines for a screen of this size, the topics from number `from` on; each
    /// is as wide as the screen at most.
    pub fn draw(&self, width: usize, height: usize, from: usize, now: Instant) -> Vec<String> {
        let second = self.second(now);
        let rate = readable_rate(self.pace.rate(second));
        let missed = match self.missed {
            0 => String::new(),
            missed => format!(", {missed} messages of others"),
        };
        let topics = match self.rows.len() {
            1 => "1 topic".to_owned(),
            topics => format!("{topics} topics"),
        };
        let head = format!("{topics}{missed}, {rate} messages/s; q ends");
        let mut lines = vec![fit(&head, width)];
        let longest = self.rows.keys().map(|topic| plain(topic.as_bytes()).width()).max();
        let columns = Columns::new(width, longest.unwrap_or(0));
        if height > 2 {
            lines.push(columns.line("topic", "value", "age", "rate/s", "course"));
        }
        let room = height.saturating_sub(lines.len() + usize::from(!self.remark.is_empty()));
        for (topic, row) in self.rows.iter().skip(from).take(room) {
            let age = readable_age(now.saturating_duration_since(row.last));
            let rate = readable_rate(row.pace.rate(second));
            lines.push(columns.line(&plain(topic.as_bytes()), &row.value, &age, &rate, &course(&row.numbers)));
        }
        if !self.remark.is_empty() {
            lines.push(fit(&self.remark, width));
        }
        lines.truncate(height);
        lines
    }
}

/// How wide the columns are.
#[derive(Clone, Copy, Debug)]
struct Columns {
    width: usize,
    topic: usize,
    value: usize,
    course: bool,
}

impl Columns {
    fn new(width: usize, longest: usize) -> Self {
        let course = width >= 70;
        let fixed = AGE + RATE + 4 + if course { COURSE + 1 } else { 0 };
        let rest = width.saturating_sub(fixed);
        let topic = longest.clamp(5, (rest / 2).max(5));
        Self {
            width,
            topic,
            value: rest.saturating_sub(topic),
            course,
        }
    }

    fn line(self, topic: &str, value: &str, age: &str, rate: &str, course: &str) -> String {
        let (topic, value) = (
            fill(fit_end(topic, self.topic), self.topic),
            fill(fit(value, self.value), self.value),
        );
        let mut line = format!("{topic} {value} {age:>AGE$} {rate:>RATE$}");
        if self.course {
            line.push(' ');
            line.push_str(course);
        }
        fit(line.trim_end(), self.width)
    }
}

/// Bytes without anything that a terminal would act upon, or that would turn the
/// direction of what stands beside it.
fn plain(bytes: &[u8]) -> String {
    let mut tamed = bytes[..bytes.len().min(SHOWN)].to_vec();
    tame(&mut tamed, 0, Text::Line);
    let turning = |letter: char| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let text = String::from_utf8_lossy(&tamed);
    text.chars()
        .map(|letter| if turning(letter) { '·' } else { letter })
        .collect()
}

/// As much of the text as is this wide.
fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        cut.push(letter);
        used += wide;
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// As much of its end as is this wide: what topics differ in is behind.
fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut start = text.len();
    let mut used = 1;
    for (at, letter) in text.char_indices().rev() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        start = at;
    }
    if width > 0 {
        format!("…{}", &text[start..])
    } else {
        String::new()
    }
}

/// The text filled up with blanks.
fn fill(mut text: String, width: usize) -> String {
    let used = text.width();
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    text
}

fn readable_age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn readable_rate(rate: f64) -> String {
    if rate == 0.0 {
        "0".to_owned()
    } else if rate < 100.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

/// The course of numbers, from the least to the greatest of them.
fn course(numbers: &VecDeque<f64>) -> String {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |number: &f64| {
        // Halved, for the whole of it may be more than a number can say.
        let share = (number / 2.0 - least / 2.0) / (greatest / 2.0 - least / 2.0);
        let step = (0..BARS.len())
            .rev()
            .find(|step| share * 8.0 >= f64::from(u8::try_from(*step).unwrap_or(0)));
        BARS[step.unwrap_or(3)]
    };
    if numbers.len() < 2 {
        return String::new();
    }
    numbers.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_sorted_with_their_last_value() {
        let now = Instant::now();
        let mut table = Table::new(now);
        table.note("b", b"old", now);
        table.note("a/long/topic", b"1", now);
        table.note("b", b"new", now);
        table.note("a/long/topic", b"2.5", now);
        let later = now + Duration::from_secs(90);
        let lines = table.draw(80, 24, 0, later);
        assert_eq!(lines[0], "2 topics, 0 messages/s; q ends");
        assert!(lines[1].starts_with("topic        value"), "{}", lines[1]);
        assert!(lines[2].starts_with("a/long/topic 2.5 "), "{}", lines[2]);
        assert!(lines[2].ends_with("▁█"), "{}", lines[2]);
        assert!(lines[3].starts_with("b            new "), "{}", lines[3]);
        assert!(lines[3].contains(" 1m "), "{}", lines[3]);
        assert_eq!(lines.len(), 4);
        assert_eq!((table.len(), table.is_empty()), (2, false));
    }

    #[test]
    fn lines_are_never_wider_than_the_screen_nor_more_than_fit() {
        let now = Instant::now();
        let mut table = Table::new(now);
        for number in 0..50 {
            let topic = format!("地/é/{}", "x".repeat(number * 5));
            table.note(&topic, "漢字".repeat(number).as_bytes(), now);
        }
        table.remark("something happened");
        for width in [0, 1, 5, 20, 69, 70, 80, 200] {
            for height in [0, 1, 2, 3, 24] {
                let lines = table.draw(width, height, 7, now);
                assert!(lines.len() <= height);
                for line in &lines {
                    assert!(line.width() <= width, "{width}: {line}");
                }
            }
        }
        assert_eq!(table.draw(80, 24, 0, now).last().unwrap(), "something happened");
    }

    #[test]
    fn of_a_long_topic_the_end_is_shown() {
        assert_eq!(fit_end("a/long/topic/7", 6), "…pic/7");
        assert_eq!(fit_end("a/地地", 4), "…地");
        assert_eq!(fit_end("short", 5), "short");
        assert_eq!((fit_end("long", 1), fit_end("long", 0)), ("…".into(), String::new()));
        assert_eq!(fit("a long value", 6), "a lon…");
    }

    #[test]
    fn nothing_that_a_terminal_acts_upon_is_shown() {
        let now = Instant::now();
        let mut table = Table::new(now);
        table.note(
            "t\u{1b}]0;x\u{7}",
            b"\x1b[2J\x00\r\n\xff\xc2\x9b31m\xe2\x80\xaeevil",
            now,
        );
        let lines = table.draw(100, 24, 0, now);
        let shown = lines.concat();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        assert!(
            shown.contains(r"t\x1b]0;x\x07") && shown.contains(r"\x1b[2J\x00"),
            "{shown}"
        );
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut pace = Pace::new(0);
        let near = |rate: f64, expected: f64| (rate - expected).abs() < 1e-9;
        for _ in 0..30 {
            pace.note(0);
        }
        assert!(near(pace.rate(0), 30.0));
        assert!(near(pace.rate(9), 3.0));
        assert!(near(pace.rate(10), 0.0));
        for second in 100..120 {
            pace.note(second);
            pace.note(second);
        }
        assert!(near(pace.rate(119), 2.0));
    }

    #[test]
    fn courses_go_from_the_least_to_the_greatest() {
        let of = |numbers: &[f64]| course(&numbers.iter().copied().collect());
        assert_eq!(of(&[1.0]), "");
        assert_eq!(of(&[5.0, 5.0]), "▄▄");
        assert_eq!(of(&[0.0, 7.0, 3.5]), "▁█▅");
        assert_eq!(of(&[-f64::MAX, f64::MAX]), "▁█");
    }

    #[test]
    fn topics_without_end_do_not_fill_the_memory() {
        let now = Instant::now();
        let mut table = Table::new(now);
        for number in 0..TOPICS + 5 {
            table.note(&number.to_string(), b"x", now);
        }
        assert_eq!(table.len(), TOPICS);
        assert!(table.draw(80, 5, 0, now)[0].starts_with("10000 topics, 5 messages of others, "));
    }
}
