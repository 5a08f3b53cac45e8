//! The integration tests: the binaries as a user has them, against a scripted
//! broker for exact bytes and failures, and a real mosquitto for the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "to panic is how a test says that it failed"
)]

mod configuration;
mod connect;
mod exit_status;
mod hostile;
mod layers;
mod manual;
mod publish;
mod resets;
mod subscribe;
mod support;
mod tools;
mod wording;
