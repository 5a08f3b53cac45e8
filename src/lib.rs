//! mqtools: `mqpub` and `mqsub`, MQTT for shell scripts.
//!
//! Data flows down this page; a module imports only from lines below its own.
//!
//! ```text
//! publish  subscribe        each tool from start to end
//! check  bench              tries a broker out; measures one
//! entry  progress           what both share at start and end; how far a run is
//! feed  pace                what to publish next, and when
//! session/                  the broker side; the only place that names Paho
//! wire/                     the bytes between Paho and the broker
//! input/  output/           bytes to payloads, messages to bytes
//! template/  table          a message as -F wants it; topics as a person watches them
//! json/                     a message as one JSON line
//! spool/                    messages on the disk until they are delivered
//! config/                   what the options mean
//! flags/                    what was typed
//! report                    the only writer to stderr
//! signal  waker             first asks, second kills; wakes the main thread
//! clock  terminal           local time in words; what a terminal must not be sent
//! exec/                     a command for each message
//! pattern  pointer          texts with variables; paths into JSON
//! latency  chance           how long things took, in a histogram; names that nobody else has
//! codec                     bytes as text: hex, base64, CBOR, MessagePack
//! prompt  conceal           asks for a secret; hides one from other users
//! process                   how the process begins, and what it was given
//! message  property  format  plain data
//! failure  exit  secret     what can end a run; its status; what is never shown
//! ```

mod bench;
mod chance;
mod check;
pub mod clock;
pub mod codec;
mod conceal;
pub mod config;
mod entry;
pub mod exec;
pub mod exit;
pub mod failure;
pub mod feed;
pub mod flags;
pub mod format;
pub mod input;
pub mod json;
mod latency;
pub mod message;
pub mod output;
pub mod pace;
pub mod pattern;
pub mod pointer;
pub mod process;
pub mod progress;
mod prompt;
pub mod property;
pub mod publish;
pub mod report;
pub mod secret;
pub mod session;
pub mod signal;
pub mod spool;
pub mod subscribe;
pub mod table;
pub mod template;
pub mod terminal;
pub mod waker;
#[cfg(not(fuzzing))]
mod wire;
#[cfg(fuzzing)]
pub mod wire;
