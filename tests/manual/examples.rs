//! Every example of the help and of the manual, run as it stands against a real
//! mosquitto.
//!
//! What publishes has to end with status 0, and its message has to arrive. What
//! subscribes has to print something, or to write a file; then it is stopped,
//! unless it has ended by itself.

use std::time::{Duration, Instant};

use mqtools::flags::manual::{Example, PUBLISH_EXAMPLES, RECIPES, SUBSCRIBE_EXAMPLES};
use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::mosquitto::Subscriber;
use crate::support::packet::Version;
use crate::support::playground::{Feeder, Playground};
use crate::support::runner::{Outcome, Running, Satisfies, Status};

/// How often to look whether a command has done something.
const LOOK: Duration = Duration::from_millis(10);

fn publishes(example: &Example) {
    let place = Playground::new(example.command);
    let mut arrived = Subscriber::connect(place.broker.tcp(), Version::V5, "#", 2);
    place.shell(example.command).run().expect(0, Satisfies(&|_| true), "");
    let message = arrived.next_until(Instant::now() + DEADLINE);
    assert!(message.is_some(), "no message came from: {}", example.command);
}

fn subscribes(example: &Example) {
    let place = Playground::new(example.command);
    let mut there = place
        .there
        .as_ref()
        .map(|there| Subscriber::connect(there.tcp(), Version::V5, "#", 2));
    let _feeder = Feeder::start(place.broker.tcp());
    let tool = place.shell(example.command).spawn();
    let until = Instant::now() + DEADLINE;
    let arrived = |there: &mut Subscriber| there.next_until(Instant::now() + LOOK).is_some();
    while !(wrote(&tool, &place) || there.as_mut().is_some_and(arrived)) {
        assert!(Instant::now() < until, "nothing came of: {}", example.command);
        if !tool.is_running() {
            break;
        }
        std::thread::sleep(LOOK);
    }
    ended_or_stopped(tool);
}

/// Whether there is output, or a file that has something in it.
fn wrote(tool: &Running, place: &Playground) -> bool {
    let files = std::fs::read_dir(place.here()).unwrap().map(|entry| entry.unwrap());
    let made = files.filter(|file| !["plan.pdf", "ca.pem"].iter().any(|given| file.file_name() == *given));
    tool.has_written()
        || made
            .into_iter()
            .any(|file| file.metadata().is_ok_and(|data| data.len() > 0))
}

/// Waits for the end of what ends by itself soon, and stops the rest.
fn ended_or_stopped(tool: Running) -> Outcome {
    let soon = Instant::now() + Duration::from_millis(200);
    while tool.is_running() && Instant::now() < soon {
        std::thread::sleep(LOOK);
    }
    tool.signal_group(Signal::TERM);
    let ended = tool.wait();
    if Status::from(ended.status) == Status::Code(0) {
        return ended.expect(0, Satisfies(&|_| true), "");
    }
    // That it was stopped may be told, but nothing can have gone wrong.
    let calm = |words: &[u8]| !String::from_utf8_lossy(words).contains("error");
    ended.expect(Signal::TERM, Satisfies(&|_| true), Satisfies(&calm))
}

#[test]
fn of_mqpub() {
    PUBLISH_EXAMPLES.iter().for_each(publishes);
}

#[test]
fn of_mqsub() {
    SUBSCRIBE_EXAMPLES.iter().for_each(subscribes);
}

#[test]
fn of_both() {
    for recipe in RECIPES {
        if recipe.command.contains("mqsub") {
            subscribes(recipe);
        } else {
            publishes(recipe);
        }
    }
}
