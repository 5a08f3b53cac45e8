//! Real commands, many of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::task;
use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Notes {
    ended: Mutex<Vec<(u64, Option<String>)>>,
    full: AtomicUsize,
    room: AtomicUsize,
}

struct Clerk {
    notes: Arc<Notes>,
    /// Stops at the first failure.
    strict: bool,
}

impl Overseer for Clerk {
    fn full(&self) {
        self.notes.full.fetch_add(1, Ordering::SeqCst);
    }

    fn room(&self) {
        self.notes.room.fetch_add(1, Ordering::SeqCst);
    }

    fn finished(&self, outcome: Outcome) -> bool {
        let failed = outcome.failure.is_some();
        self.notes
            .ended
            .lock()
            .unwrap()
            .push((outcome.task.token, outcome.failure));
        !(self.strict && failed)
    }

    fn rested(&self) {}
}

fn pool(script: &str, jobs: usize, strict: bool) -> (Pool, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let words = ["sh", "-c", script, "sh", "{topic}", "{payload}"].map(Into::into);
    let terms = Terms {
        recipe: Recipe::new(&words).unwrap(),
        jobs,
        timeout: None,
        collect: false,
    };
    let clerk = Clerk {
        notes: Arc::clone(&notes),
        strict,
    };
    (Pool::new(terms, Box::new(clerk)).unwrap(), notes)
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn those_of_a_topic_run_in_order_and_never_together() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let script = format!(
        "echo \"+ $1 $2\" >>{0}; sleep 0.01; echo \"- $1 $2\" >>{0}",
        log.display()
    );
    let (pool, notes) = pool(&script, 4, false);
    for token in 0..40_u64 {
        let topic = ["a", "b", "c"][usize::try_from(token % 3).unwrap()];
        assert!(pool.push(task(token, topic, token.to_string().as_bytes())).unwrap());
    }
    assert!(pool.wait(PATIENCE));
    assert_eq!(notes.ended.lock().unwrap().len(), 40);
    let lines = lines(&log);
    for (offset, topic) in (0..).zip(["a", "b", "c"]) {
        let mark = format!(" {topic} ");
        let mine: Vec<&String> = lines.iter().filter(|line| line.contains(&mark)).collect();
        let expected: Vec<String> = (0..40)
            .filter(|token| token % 3 == offset)
            .flat_map(|token| [format!("+ {topic} {token}"), format!("- {topic} {token}")])
            .collect();
        assert!(mine.iter().copied().eq(&expected), "{mine:?}");
    }
    let most = lines.iter().scan(0, |running, line| {
        *running += if line.starts_with('+') { 1 } else { -1 };
        Some(*running)
    });
    assert!(most.max().unwrap() <= 3, "one at a time of each topic");
}

#[test]
fn a_failure_can_stop_all() {
    let (pool, notes) = pool("exit $2", 1, true);
    for (token, status) in [(1, "0"), (2, "7"), (3, "0")] {
        pool.push(task(token, "t", status.as_bytes())).unwrap();
    }
    assert!(pool.wait(PATIENCE));
    let expected = [(1, None), (2, Some("exit status 7".to_owned()))];
    assert_eq!(*notes.ended.lock().unwrap(), expected);
    assert!(!pool.push(task(4, "t", b"0")).unwrap());
}

#[test]
fn a_full_queue_is_told_and_that_it_has_room_again() {
    let (pool, notes) = pool("read -r line </dev/null", 1, false);
    for token in 0..=MOST as u64 + 5 {
        pool.push(task(token, "t", b"")).unwrap();
    }
    assert!(notes.full.load(Ordering::SeqCst) >= 1);
    pool.stop();
    assert_eq!(notes.room.load(Ordering::SeqCst), 1);
    assert!(pool.wait(PATIENCE));
    assert!(notes.ended.lock().unwrap().len() < MOST);
}

#[test]
fn what_runs_is_ended_when_all_are() {
    for kill in [false, true] {
        let (pool, notes) = pool("sleep 60", 2, false);
        pool.push(task(1, "a", b"")).unwrap();
        pool.push(task(2, "b", b"")).unwrap();
        assert!(!pool.wait(Duration::from_millis(50)));
        if kill {
            pool.stop();
            // Those that are just being started have to be there.
            while !pool.wait(Duration::from_millis(50)) {
                pool.kill(|| {});
            }
        } else {
            pool.terminate();
        }
        assert!(pool.wait(PATIENCE));
        let why = if kill { "killed by signal 9" } else { "it was stopped" };
        for (_, failure) in notes.ended.lock().unwrap().iter() {
            assert_eq!(failure.as_deref(), Some(why));
        }
    }
}
