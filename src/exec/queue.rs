//! Which message is next. Those of one topic have their turn one after the other;
//! of those that have, the oldest goes first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::Task;

/// The messages that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The first message of each topic of which none is under way, by its token.
    ready: BTreeMap<u64, Task>,
    /// Those behind one that is ready or under way, by topic.
    behind: HashMap<Arc<str>, VecDeque<Task>>,
    count: usize,
    bytes: usize,
}

impl Queue {
    /// Takes a message at the end; its token is higher than those before.
    pub(super) fn push(&mut self, task: Task) {
        self.count += 1;
        self.bytes += task.size();
        if let Some(behind) = self.behind.get_mut(&task.topic) {
            behind.push_back(task);
        } else {
            self.behind.insert(Arc::clone(&task.topic), VecDeque::new());
            self.ready.insert(task.token, task);
        }
    }

    /// The next message, which is under way from now on.
    pub(super) fn next(&mut self) -> Option<Task> {
        let (_, task) = self.ready.pop_first()?;
        self.count -= 1;
        self.bytes -= task.size();
        Some(task)
    }

    /// A message of this topic was under way, and is over.
    pub(super) fn finish(&mut self, topic: &str) {
        match self.behind.get_mut(topic).and_then(VecDeque::pop_front) {
            Some(next) => {
                self.ready.insert(next.token, next);
            }
            None => {
                self.behind.remove(topic);
            }
        }
    }

    /// How many messages wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many could be under way as well as not.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.ready.clear();
        self.behind.values_mut().for_each(VecDeque::clear);
        self.count = 0;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::task;
    use super::*;

    fn next(queue: &mut Queue) -> Option<u64> {
        queue.next().map(|task| task.token)
    }

    #[test]
    fn one_after_the_other_is_the_order_of_arrival() {
        let mut queue = Queue::default();
        let topics = ["a", "a", "b", "a", "c", "b"];
        for (token, topic) in (0..).zip(topics) {
            queue.push(task(token, topic, b"x"));
        }
        assert!(queue.bytes() > 6);
        for (token, topic) in (0..).zip(topics) {
            assert_eq!(next(&mut queue), Some(token));
            queue.finish(topic);
        }
        assert_eq!((next(&mut queue), queue.count(), queue.bytes()), (None, 0, 0));
        assert!(queue.behind.is_empty(), "no topic is remembered");
    }

    #[test]
    fn those_of_one_topic_are_never_under_way_together() {
        let mut queue = Queue::default();
        for (token, topic) in [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "a")] {
            queue.push(task(token, topic, b""));
        }
        assert_eq!(queue.ready(), 2);
        assert_eq!(
            (next(&mut queue), next(&mut queue), next(&mut queue)),
            (Some(1), Some(3), None)
        );
        queue.push(task(6, "b", b""));
        queue.finish("b");
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(4), None));
        queue.finish("a");
        assert_eq!((next(&mut queue), next(&mut queue)), (Some(2), None));
        queue.clear();
        queue.finish("a");
        queue.finish("b");
        assert!(queue.behind.is_empty() && next(&mut queue).is_none());
    }
}
