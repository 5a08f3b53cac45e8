//! The structures that Paho's functions take, filled in; what they point to is
//! borrowed, and has to live through the call. Safe: nothing is followed here.

use std::ffi::{c_char, c_int};

use paho_mqtt_sys as paho;

use crate::config::connection::{Connection, Version, Will};
use crate::message::{Filter, Subscription};

/// A return code as a result.
pub(super) fn check(code: c_int) -> Result<(), i32> {
    if code == 0 { Ok(()) } else { Err(code) }
}

/// As C has it, which does not change it.
pub(super) fn name(filter: &Filter) -> *mut c_char {
    filter.as_c_str().as_ptr().cast_mut()
}

/// A client.
pub(super) fn client(connection: &Connection) -> paho::MQTTAsync_createOptions {
    paho::MQTTAsync_createOptions {
        MQTTVersion: connection.version.level().into(),
        // Ours to bound: Paho's own default of 100 fails the 101st.
        maxBufferedMessages: c_int::from(u16::MAX),
        ..Default::default()
    }
}

/// DISCONNECT, without its properties.
pub(super) fn disconnect() -> paho::MQTTAsync_disconnectOptions {
    paho::MQTTAsync_disconnectOptions {
        // At once, whatever is unfinished (`MQTTAsync_checkDisconnect`).
        timeout: 0,
        ..Default::default()
    }
}

/// CONNECT, with the password and without what is in lists: user name, properties,
/// will, callbacks.
pub(super) fn connect(connection: &Connection, clean: bool) -> paho::MQTTAsync_connectOptions {
    let five = connection.version == Version::V5;
    let mut options = paho::MQTTAsync_connectOptions {
        MQTTVersion: connection.version.level().into(),
        keepAliveInterval: c_int::try_from(connection.keep_alive.as_secs()).unwrap_or(c_int::MAX),
        cleansession: (clean && !five).into(),
        cleanstart: (clean && five).into(),
        // The window is ours; Paho's own bound is the server's Receive Maximum.
        maxInflight: c_int::from(u16::MAX),
        ..Default::default()
    };
    if let Some(password) = &connection.password {
        let password = password.reveal();
        options.binarypwd.len = c_int::try_from(password.len()).unwrap_or(0);
        options.binarypwd.data = password.as_ptr().cast();
    }
    options
}

/// The will, without its properties.
pub(super) fn will(message: &Will) -> paho::MQTTAsync_willOptions {
    let mut will = paho::MQTTAsync_willOptions {
        struct_version: 1,
        topicName: message.topic.as_c_str().as_ptr(),
        qos: message.qos as c_int,
        retained: message.retain.into(),
        ..Default::default()
    };
    will.payload.len = c_int::try_from(message.payload.len()).unwrap_or(0);
    // Never null: without a pointer Paho looks for a text instead.
    will.payload.data = message.payload.as_ptr().cast();
    will
}

/// What MQTT 5 says of a subscription.
pub(super) fn subscription(one: &Subscription) -> paho::MQTTSubscribe_options {
    paho::MQTTSubscribe_options {
        noLocal: one.no_local.into(),
        retainAsPublished: one.retain_as_published.into(),
        retainHandling: one.retain_handling as u8,
        ..Default::default()
    }
}
