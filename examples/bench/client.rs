//! Just enough of MQTT 3.1.1 to feed a broker and to count what comes out of it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Appends a string with its length.
pub(crate) fn put_text(packet: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(text);
}

/// Appends a packet.
pub(crate) fn put_packet(into: &mut Vec<u8>, first: u8, body: &[u8]) {
    into.push(first);
    let mut length = body.len();
    while length > 0x7f {
        into.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    into.push(u8::try_from(length).unwrap_or(0));
    into.extend_from_slice(body);
}

/// The body of a packet behind its remaining length at the start of these bytes:
/// where it begins, and how long it is, once that much has come.
pub(crate) fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((index + 2, value));
        }
    }
    None
}

fn connect(port: u16, name: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut body = Vec::new();
    put_text(&mut body, b"MQTT");
    body.extend_from_slice(&[4, 2, 0, 0]);
    put_text(&mut body, name.as_bytes());
    let mut packet = Vec::new();
    put_packet(&mut packet, 0x10, &body);
    stream.write_all(&packet)?;
    stream.read_exact(&mut [0; 4])?;
    Ok(stream)
}

/// Publishes.
pub(crate) struct Publisher {
    stream: TcpStream,
}

impl Publisher {
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        connect(port, "bench-publisher").map(|stream| Self { stream })
    }

    /// Publishes the same message so many times. With a QoS, some at a time
    /// wait for their acknowledgements.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: u8, retain: bool, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            // At QoS 2 a mosquitto answers no more at once.
            let batch = left.min(if qos == 2 { 20 } else { 100 });
            left -= batch;
            let mut packets = Vec::new();
            for mid in 1..=u16::try_from(batch).unwrap_or(1) {
                let mut body = Vec::new();
                put_text(&mut body, topic.as_bytes());
                if qos > 0 {
                    body.extend_from_slice(&mid.to_be_bytes());
                }
                body.extend_from_slice(payload);
                put_packet(&mut packets, 0x30 | qos << 1 | u8::from(retain), &body);
            }
            self.stream.write_all(&packets)?;
            if qos > 0 {
                let mut answers = vec![0; 4 * usize::try_from(batch).unwrap_or(0)];
                self.stream.read_exact(&mut answers)?;
                if qos == 2 {
                    for answer in answers.chunks_mut(4) {
                        answer[0] = 0x62;
                    }
                    self.stream.write_all(&answers)?;
                    self.stream.read_exact(&mut answers)?;
                }
            }
        }
        Ok(())
    }
}

/// Counts what a broker hands out on a topic.
pub(crate) struct Counter {
    count: Arc<AtomicU64>,
    /// When the first message since the last reset came, and the last one.
    span: Arc<Mutex<Option<(Instant, Instant)>>>,
}

impl Counter {
    /// Subscribes at QoS 0.
    pub(crate) fn new(port: u16, topic: &str) -> io::Result<Self> {
        let mut stream = connect(port, "bench-counter")?;
        let mut body = vec![0, 1];
        put_text(&mut body, topic.as_bytes());
        body.push(0);
        let mut packet = Vec::new();
        put_packet(&mut packet, 0x82, &body);
        stream.write_all(&packet)?;
        stream.read_exact(&mut [0; 5])?;
        let counter = Self {
            count: Arc::default(),
            span: Arc::default(),
        };
        let (count, span) = (Arc::clone(&counter.count), Arc::clone(&counter.span));
        thread::spawn(move || {
            let mut bytes = vec![0; 256 * 1024];
            let mut filled = 0;
            while let Ok(read @ 1..) = stream.read(&mut bytes[filled..]) {
                filled += read;
                let mut at = 0;
                let mut publishes = 0;
                while let Some((start, body)) = length(&bytes[at..filled]).filter(|(s, l)| at + s + l <= filled) {
                    publishes += u64::from(bytes[at] >> 4 == 3);
                    at += start + body;
                }
                bytes.copy_within(at..filled, 0);
                filled -= at;
                if publishes > 0 {
                    let now = Instant::now();
                    let mut span = span.lock().unwrap_or_else(PoisonError::into_inner);
                    span.get_or_insert((now, now)).1 = now;
                    count.fetch_add(publishes, Ordering::Release);
                }
            }
        });
        Ok(counter)
    }

    /// Waits until so many have come, or no more do; how many came since the
    /// last call, and in what time.
    pub(crate) fn take(&self, expected: u64) -> (u64, Duration) {
        const PATIENCE: Duration = Duration::from_millis(500);
        let mut last = (0, Instant::now());
        loop {
            let count = self.count.load(Ordering::Acquire);
            if count != last.0 {
                last = (count, Instant::now());
            }
            if count >= expected || last.1.elapsed() > PATIENCE {
                let span = self.span.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.count.store(0, Ordering::Release);
                return (count, span.map_or(Duration::ZERO, |(first, last)| last - first));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
