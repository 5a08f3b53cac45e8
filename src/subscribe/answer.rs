//! What `--reply` makes of the outcome of a command: a message, or nothing.

use bytes::Bytes;

use crate::config::exec::Reply;
use crate::exec::Outcome;
use crate::failure::quote;
use crate::message::{Filter, Message, Properties, Property, Subscription, Topic, Value};
use crate::property::{CORRELATION_DATA, RESPONSE_TOPIC, USER_PROPERTY};
use crate::report::Report;

/// The user property that says why a command failed.
const FAILURE: &str = "exec-failure";

/// Makes answers.
pub(super) struct Answers {
    reply: Reply,
    /// What comes back to us if it is published.
    ours: Vec<Filter>,
    report: Report,
    /// It was said that there is a message that asks for no answer.
    said: bool,
}

impl Answers {
    /// Never answers where one of these subscriptions would bring the answer back,
    /// to be taken for a question.
    pub(super) fn new(reply: Reply, subscriptions: &[Subscription], report: Report) -> Self {
        let ours = subscriptions.iter().filter(|one| !one.no_local);
        Self {
            reply,
            ours: ours.map(|one| one.filter.clone()).collect(),
            report,
            said: false,
        }
    }

    /// The answer to the message of an outcome, if there is to be one.
    pub(super) fn to(&mut self, outcome: &Outcome) -> Option<Message> {
        if outcome.failure.is_some() && !self.reply.errors {
            return None;
        }
        let topic = match self.topic(outcome) {
            Ok(topic) => topic?,
            Err(why) => {
                let asked = quote(&outcome.task.topic);
                self.report
                    .warn(format_args!("message on topic {asked} is not answered: {why}"));
                return None;
            }
        };
        let mut properties = Properties::default();
        for Property { id, value } in &outcome.task.properties {
            if *id == CORRELATION_DATA {
                properties.push(CORRELATION_DATA, value.clone());
            }
        }
        if let Some(why) = &outcome.failure {
            properties.push(USER_PROPERTY, Value::Pair(FAILURE.to_owned(), why.clone()));
        }
        Some(Message {
            topic,
            payload: Bytes::from(outcome.output.clone()),
            qos: outcome.task.qos,
            retain: false,
            properties,
        })
    }

    fn topic(&mut self, outcome: &Outcome) -> Result<Option<Topic>, String> {
        let task = &outcome.task;
        let name = match (task.properties.text(RESPONSE_TOPIC), &self.reply.topic) {
            (Some(name), _) => name.to_owned(),
            (None, Some(pattern)) => {
                let filled = pattern.fill(&task.topic, &task.payload)?;
                filled.into_string().map_err(|_| "the topic is not UTF-8")?
            }
            (None, None) => {
                if !std::mem::replace(&mut self.said, true) {
                    let topic = quote(&task.topic);
                    let text = "has no response topic: it and others like it are not answered";
                    self.report.debug(format_args!("message on topic {topic} {text}"));
                }
                return Ok(None);
            }
        };
        let topic = Topic::received(&name).map_err(|why| format!("cannot publish to {}: {why}", quote(&name)))?;
        if self.ours.iter().any(|filter| filter.matches(&name)) {
            let name = quote(&name);
            return Err(format!("the answer to {name} would come back: it is subscribed to"));
        }
        Ok(Some(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Argument, task};
    use crate::message::Qos;

    fn answers(topic: Option<&str>, errors: bool) -> Answers {
        let reply = Reply {
            topic: topic.map(|topic| Argument::new(topic.as_ref()).unwrap()),
            errors,
        };
        let mut quiet = Subscription::new(Filter::new("local/#").unwrap(), Qos::AtLeastOnce);
        quiet.no_local = true;
        let loud = Subscription::new(Filter::new("ask/#").unwrap(), Qos::AtLeastOnce);
        Answers::new(reply, &[quiet, loud], Report::new("mqsub", true, false))
    }

    fn outcome(response: Option<&str>, failure: Option<&str>) -> Outcome {
        let mut task = task(1, "ask/x", b"payload");
        task.qos = Qos::ExactlyOnce;
        if let Some(response) = response {
            task.properties.push(RESPONSE_TOPIC, Value::Text(response.into()));
            task.properties.push(CORRELATION_DATA, Value::Binary(vec![0, 1]));
        }
        Outcome {
            task,
            output: b"out".to_vec(),
            failure: failure.map(str::to_owned),
        }
    }

    #[test]
    fn an_answer_goes_where_it_is_awaited() {
        let answer = answers(Some("other"), false).to(&outcome(Some("r/1"), None)).unwrap();
        assert_eq!((answer.topic.as_str(), &answer.payload[..]), ("r/1", &b"out"[..]));
        assert_eq!(answer.qos, Qos::ExactlyOnce);
        let properties: Vec<_> = answer.properties.iter().collect();
        assert_eq!(properties.len(), 1);
        assert_eq!(properties[0].value, Value::Binary(vec![0, 1]));
        let answer = answers(Some("re/{topic.2}"), false).to(&outcome(None, None)).unwrap();
        assert_eq!(answer.topic.as_str(), "re/x");
        assert!(answers(None, false).to(&outcome(None, None)).is_none());
    }

    #[test]
    fn nothing_comes_back_to_us() {
        for response in ["ask/x", "ask", "a/+", "", "a\0b"] {
            assert!(
                answers(None, false).to(&outcome(Some(response), None)).is_none(),
                "{response}"
            );
        }
        assert!(answers(None, false).to(&outcome(Some("local/x"), None)).is_some());
        assert!(answers(Some("{topic}/y"), false).to(&outcome(None, None)).is_none());
    }

    #[test]
    fn a_failure_is_answered_if_wanted() {
        let failed = outcome(Some("r"), Some("exit status 3"));
        assert!(answers(None, false).to(&failed).is_none());
        let answer = answers(None, true).to(&failed).unwrap();
        let told = Value::Pair("exec-failure".into(), "exit status 3".into());
        assert!(answer.properties.iter().any(|property| property.value == told));
    }
}
