//! The calls into Paho's C library and the callbacks out of it; nothing else of
//! the product names a Paho function. Thin: plain data in, plain data out, no
//! decisions.
//!
//! Why not the safe wrapper: it copies each message three times, aborts on a
//! topic that is not UTF-8 (`on_message_arrived`), hides packet identifiers and
//! the DUP flag, and its client handle is private, so it is one or the other.

#![expect(unsafe_code, reason = "this file calls C and is called by it")]

mod callbacks;
mod properties;
mod structures;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use paho_mqtt_sys as paho;

pub(super) use self::callbacks::{Arrival, Callbacks};
use self::properties::{PropertyList, read_properties};
use self::structures::{check, name};
use crate::config::connection::{Connection, Version};
use crate::message::{Filter, Message, Properties, Subscription};
use crate::property;

/// The version of the C library.
pub(super) fn library_version() -> String {
    // SAFETY: a static list of static strings, whose last name is null
    // (`MQTTAsync_getVersionInfo`).
    unsafe {
        let mut row = paho::MQTTAsync_getVersionInfo();
        while !(*row).name.is_null() && CStr::from_ptr((*row).name) != c"Version" {
            row = row.add(1);
        }
        let value = ptr::NonNull::new((*row).value.cast_mut());
        value.map_or_else(String::new, |text| {
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        })
    }
}

/// The variables that make Paho write to stdout or a file, in which there is then what
/// it sends and receives (`Log_initialize`).
const TRACE: [&str; 3] = [
    "MQTT_C_CLIENT_TRACE",
    "MQTT_C_CLIENT_TRACE_LEVEL",
    "MQTT_C_CLIENT_TRACE_MAX_LINES",
];

/// Keeps Paho from writing anything by itself: stdout is for data alone.
///
/// To be called before there is another thread.
pub(super) fn silence() {
    for name in TRACE {
        if std::env::var_os(name).is_some() {
            // SAFETY: no other thread runs yet that could read the environment.
            unsafe { std::env::remove_var(name) };
        }
    }
}

/// What a callback's context pointer points to: an entry of [`Client`]'s slots.
struct Slot {
    callbacks: Arc<dyn Callbacks>,
    number: usize,
    /// How many slots there are.
    count: usize,
    handle: paho::MQTTAsync,
    version: Version,
}

/// A client of Paho's: one connection, then it is done with.
pub(super) struct Client {
    handle: paho::MQTTAsync,
    version: Version,
    /// A context for each message that can be in Paho's hands at once; the last
    /// one is for everything else. The addresses stay while the client lives.
    slots: Box<[Slot]>,
}

/// The part of a [`Client`] that publishes, as a callback has it too.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    handle: paho::MQTTAsync,
    version: Version,
    slots: &'a [Slot],
}

// SAFETY: Paho guards every call with its own mutex, whichever thread it comes from.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Makes a client for the line at `uri`, with room for `slots` messages.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_createWithOptions`).
    pub(super) fn new(
        uri: &CStr,
        connection: &Connection,
        slots: usize,
        callbacks: &Arc<dyn Callbacks>,
    ) -> Result<Self, i32> {
        let client_id = CString::new(connection.client_id.as_str()).unwrap_or_default();
        let mut options = structures::client(connection);
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers live through the call, which copies what it keeps.
        let code = unsafe {
            paho::MQTTAsync_createWithOptions(
                &raw mut handle,
                uri.as_ptr(),
                client_id.as_ptr(),
                paho::MQTTCLIENT_PERSISTENCE_NONE.cast_signed(),
                ptr::null_mut(),
                &raw mut options,
            )
        };
        check(code)?;
        let version = connection.version;
        let count = slots + 1;
        let slots = (0..count)
            .map(|number| Slot {
                callbacks: Arc::clone(callbacks),
                number,
                count,
                handle,
                version,
            })
            .collect();
        let client = Self { handle, version, slots };
        let context = client.sender().context(count - 1);
        // SAFETY: the context lives as long as the client; the functions have
        // the types that Paho calls them with.
        unsafe {
            check(paho::MQTTAsync_setCallbacks(
                handle,
                context,
                Some(on_lost),
                Some(on_arrived),
                None,
            ))?;
            // A DISCONNECT from a server of MQTT 5 comes here and not to
            // `on_lost` (`MQTTAsync_receiveThread`).
            check(paho::MQTTAsync_setDisconnected(handle, context, Some(on_disconnected)))?;
        }
        Ok(client)
    }

    /// What publishes.
    pub(super) fn sender(&self) -> Sender<'_> {
        Sender {
            handle: self.handle,
            version: self.version,
            slots: &self.slots,
        }
    }

    /// Starts to connect; `connected` or `connect_failed` follows.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_connect`).
    pub(super) fn connect(&self, connection: &Connection, clean: bool, properties: &Properties) -> Result<(), i32> {
        let username = connection
            .username
            .as_deref()
            .map(|name| CString::new(name).unwrap_or_default());
        let five = self.version == Version::V5;
        let mut options = structures::connect(connection, clean);
        options.context = self.sender().context(self.slots.len() - 1);
        let mut list = PropertyList::new(properties);
        if five {
            options.connectProperties = &raw mut list.0;
            options.onSuccess5 = Some(on_connected);
            options.onFailure5 = Some(on_connect_failed);
        } else {
            options.onSuccess = Some(on_connected);
            options.onFailure = Some(on_connect_failed);
        }
        if let Some(username) = &username {
            options.username = username.as_ptr();
        }
        let none = Properties::default();
        let mut will = connection.will.as_ref().map(structures::will);
        let will_properties = connection.will.as_ref().map_or(&none, |will| &will.properties);
        let mut will_list = PropertyList::new(will_properties);
        if let Some(will) = &mut will {
            options.will = &raw mut *will;
            if five {
                options.willProperties = &raw mut will_list.0;
            }
        }
        // SAFETY: the options and what they point to live through the call,
        // which copies what it keeps.
        check(unsafe { paho::MQTTAsync_connect(self.handle, &raw const options) })
    }

    /// Queues a DISCONNECT behind everything given before.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_disconnect`).
    pub(super) fn disconnect(&self, properties: &Properties) -> Result<(), i32> {
        let mut options = structures::disconnect();
        let list = PropertyList::new(properties);
        options.properties = list.0;
        // SAFETY: the options live through the call, which copies what it keeps.
        check(unsafe { paho::MQTTAsync_disconnect(self.handle, &raw const options) })
    }
}

impl Sender<'_> {
    /// Gives a message to Paho, and tells its packet identifier, 0 at QoS 0;
    /// `completed` or `refused` follows for its slot, or the connection is lost.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_send`).
    pub(super) fn publish(&self, message: &Message, payload: &[u8], slot: usize) -> Result<u16, i32> {
        let mut options = self.response(slot);
        if self.version == Version::V5 {
            options.onSuccess5 = Some(on_completed);
            options.onFailure5 = Some(on_publish_failed5);
        } else {
            options.onSuccess = Some(on_completed);
        }
        let list = PropertyList::new(&message.properties);
        options.properties = list.0;
        // SAFETY: everything lives through the call, which copies what it keeps.
        check(unsafe {
            paho::MQTTAsync_send(
                self.handle,
                message.topic.as_c_str().as_ptr(),
                c_int::try_from(payload.len()).unwrap_or(c_int::MAX),
                payload.as_ptr().cast(),
                message.qos as c_int,
                message.retain.into(),
                &raw mut options,
            )
        })?;
        Ok(u16::try_from(options.token).unwrap_or(0))
    }

    /// Subscribes to all of these in one packet, and tells its identifier;
    /// `answered` follows.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_subscribeMany`).
    pub(super) fn subscribe(&self, wanted: &[Subscription], properties: &Properties) -> Result<u16, i32> {
        let list = PropertyList::new(properties);
        let mut options = self.question(&list);
        let mut details: Vec<_> = wanted.iter().map(structures::subscription).collect();
        if self.version == Version::V5 {
            match details.as_mut_slice() {
                [one] => options.subscribeOptions = *one,
                many => {
                    options.subscribeOptionsCount = c_int::try_from(many.len()).unwrap_or(0);
                    options.subscribeOptionsList = many.as_mut_ptr();
                }
            }
        }
        let names: Vec<*mut c_char> = wanted.iter().map(|one| name(&one.filter)).collect();
        let levels: Vec<c_int> = wanted.iter().map(|one| one.qos as c_int).collect();
        let count = c_int::try_from(wanted.len()).unwrap_or(0);
        // SAFETY: both arrays have `count` entries; everything lives through the
        // call, which copies what it keeps.
        check(unsafe {
            paho::MQTTAsync_subscribeMany(self.handle, count, names.as_ptr(), levels.as_ptr(), &raw mut options)
        })?;
        Ok(u16::try_from(options.token).unwrap_or(0))
    }

    /// Ends the subscriptions to all of these in one packet, and tells its
    /// identifier; `answered` follows.
    ///
    /// # Errors
    /// Paho's return code (`MQTTAsync_unsubscribeMany`).
    pub(super) fn unsubscribe(&self, filters: &[Filter], properties: &Properties) -> Result<u16, i32> {
        let list = PropertyList::new(properties);
        let mut options = self.question(&list);
        let names: Vec<*mut c_char> = filters.iter().map(name).collect();
        let count = c_int::try_from(filters.len()).unwrap_or(0);
        // SAFETY: the array has `count` entries; everything lives through the
        // call, which copies what it keeps.
        check(unsafe { paho::MQTTAsync_unsubscribeMany(self.handle, count, names.as_ptr(), &raw mut options) })?;
        Ok(u16::try_from(options.token).unwrap_or(0))
    }

    /// What to give with a packet that the broker answers; with these properties,
    /// which must live as long as it is used.
    fn question(&self, list: &PropertyList) -> paho::MQTTAsync_responseOptions {
        let mut options = self.response(self.slots.len() - 1);
        if self.version == Version::V5 {
            options.properties = list.0;
            options.onSuccess5 = Some(on_answered);
            options.onFailure5 = Some(on_answered);
        } else {
            options.onSuccess = Some(on_answered);
            options.onFailure = Some(on_answered);
        }
        options
    }

    fn response(&self, slot: usize) -> paho::MQTTAsync_responseOptions {
        paho::MQTTAsync_responseOptions {
            context: self.context(slot),
            ..Default::default()
        }
    }

    fn context(&self, slot: usize) -> *mut c_void {
        // From the pointer to all of them, so that `sender` may go back to it.
        self.slots
            .as_ptr()
            .wrapping_add(slot.min(self.slots.len() - 1))
            .cast_mut()
            .cast()
    }
}

impl Drop for Client {
    /// Waits for Paho's threads if this is the last client
    /// (`MQTTAsync_terminate`, up to a second): drop it only when the next one
    /// exists, or not at all.
    fn drop(&mut self) {
        // SAFETY: the handle is ours and is not used again; no callback comes
        // after this call, so the slots may go.
        unsafe { paho::MQTTAsync_destroy(&raw mut self.handle) };
    }
}

/// # Safety
/// `data` has `len` readable bytes, or is null.
unsafe fn bytes_of<'a>(data: *const c_void, len: c_int) -> &'a [u8] {
    match usize::try_from(len) {
        // SAFETY: the caller's promise.
        Ok(len) if len > 0 && !data.is_null() => unsafe { std::slice::from_raw_parts(data.cast(), len) },
        _ => &[],
    }
}

/// # Safety
/// `context` is one that a living [`Client`] gave to Paho.
unsafe fn slot<'a>(context: *mut c_void) -> &'a Slot {
    // SAFETY: the caller's promise; slots do not move while their client lives,
    // and Paho calls back no more once it is destroyed.
    unsafe { &*context.cast_const().cast::<Slot>() }
}

/// # Safety
/// As for [`slot`].
unsafe fn sender<'a>(context: *mut c_void) -> Sender<'a> {
    // SAFETY: the caller's promise. The pointer was made from the whole slice
    // of slots, in which this one has its number.
    unsafe {
        let this = slot(context);
        let first = context.cast_const().cast::<Slot>().sub(this.number);
        Sender {
            handle: this.handle,
            version: this.version,
            slots: std::slice::from_raw_parts(first, this.count),
        }
    }
}

// In every function below the context is the one given with the call that Paho
// answers (`Client::context`), and the data is Paho's, valid while it lasts; of
// some there is a form for MQTT 5 that differs in the data, which is not looked at.

unsafe extern "C" fn on_connected<D>(context: *mut c_void, _: *mut D) {
    // SAFETY: see above.
    let (slot, sender) = unsafe { (slot(context), sender(context)) };
    slot.callbacks.connected(sender);
}

unsafe extern "C" fn on_connect_failed<D>(context: *mut c_void, _: *mut D) {
    // SAFETY: see above.
    unsafe { slot(context) }.callbacks.connect_failed();
}

unsafe extern "C" fn on_lost(context: *mut c_void, _: *mut c_char) {
    // SAFETY: see above.
    unsafe { slot(context) }.callbacks.lost();
}

unsafe extern "C" fn on_disconnected(context: *mut c_void, _: *mut paho::MQTTProperties, _: paho::MQTTReasonCodes) {
    // SAFETY: see above.
    unsafe { slot(context) }.callbacks.lost();
}

unsafe extern "C" fn on_completed<D>(context: *mut c_void, _: *mut D) {
    // SAFETY: see above.
    let (slot, sender) = unsafe { (slot(context), sender(context)) };
    slot.callbacks.completed(sender, slot.number);
}

/// A PUBACK or PUBREC with a reason from 128 is final; every other failure is
/// that of the connection, which is reported by itself.
unsafe extern "C" fn on_publish_failed5(context: *mut c_void, data: *mut paho::MQTTAsync_failureData5) {
    // SAFETY: see above.
    let (slot, sender, data) = unsafe { (slot(context), sender(context), &*data) };
    let reason = u8::try_from(data.reasonCode).unwrap_or(0);
    if reason >= 0x80 {
        // SAFETY: see above.
        let properties = unsafe { read_properties(&data.properties) };
        let words = properties.text(property::REASON_STRING).map(str::to_owned);
        slot.callbacks.refused(sender, slot.number, reason, words);
    }
}

unsafe extern "C" fn on_answered<D>(context: *mut c_void, _: *mut D) {
    // SAFETY: see above.
    unsafe { slot(context) }.callbacks.answered();
}

unsafe extern "C" fn on_arrived(
    context: *mut c_void,
    topic: *mut c_char,
    topic_length: c_int,
    message: *mut paho::MQTTAsync_message,
) -> c_int {
    // SAFETY: see above. A length of 0 says that the topic has no NUL inside
    // and ends with one (`MQTTAsync_deliverMessage`).
    let (slot, sender, data, topic_bytes) = unsafe {
        let topic_bytes = if topic_length == 0 {
            CStr::from_ptr(topic).to_bytes()
        } else {
            bytes_of(topic.cast(), topic_length)
        };
        (slot(context), sender(context), &*message, topic_bytes)
    };
    let arrival = Arrival {
        topic: topic_bytes,
        // SAFETY: see above.
        payload: unsafe { bytes_of(data.payload, data.payloadlen) },
        qos: u8::try_from(data.qos).unwrap_or(0),
        retain: data.retained != 0,
        dup: data.dup != 0,
        mid: u16::try_from(data.msgid).unwrap_or(0),
        // SAFETY: see above.
        properties: unsafe { read_properties(&data.properties) },
    };
    slot.callbacks.arrived(sender, &arrival);
    let mut message = message;
    // SAFETY: both are ours to free once the message is taken.
    unsafe {
        paho::MQTTAsync_freeMessage(&raw mut message);
        paho::MQTTAsync_free(topic.cast());
    }
    // Never 0: that would park the message in memory (`Protocol_processPublication`).
    1
}
