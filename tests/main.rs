//! The integration tests: the binaries as a user has them, against a scripted
//! broker for exact bytes and failures, and a real mosquitto for the rest.

mod support;
