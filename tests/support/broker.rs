//! The scripted broker: plays exactly the part that a test writes for it, and
//! fails the test if the client does not play along.
//!
//! It keeps no subscriptions and routes nothing: for a broker that does there
//! is [`mosquitto`](super::mosquitto).

mod conn;
mod scripts;
mod transport;

use std::any::Any;
use std::collections::VecDeque;
use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

pub use self::conn::Conn;
pub use self::scripts::{Inbox, sink, source};
use self::transport::Acceptor;
pub use self::transport::{Transport, Upgrade};
use super::DEADLINE;
use super::certificates::Chain;
use super::packet::Packet;

/// What the broker does with one connection. When it returns, the connection is
/// closed in order.
pub type Script = Box<dyn FnOnce(&mut Conn) + Send>;

/// Boxes a closure, to put different ones in a list.
pub fn script(script: impl FnOnce(&mut Conn) + Send + 'static) -> Script {
    Box::new(script)
}

/// A broker on 127.0.0.1 that follows scripts, each connection in a thread.
///
/// A test ends it by [`finish`](Self::finish), or, if it has no use for the
/// packets, just drops it: both fail the test if a script failed.
pub struct Broker {
    port: u16,
    /// How many connections have to come; any number if `None`.
    scripted: Option<usize>,
    ended: Receiver<Ended>,
    /// Dropped to accept no more connections.
    stop: Option<PipeWriter>,
    /// Returns how many connections were accepted.
    accepting: Option<JoinHandle<usize>>,
}

/// How a connection and its script ended.
struct Ended {
    number: usize,
    received: Vec<Packet>,
    panic: Option<Box<dyn Any + Send>>,
}

enum Scripts {
    Each(Arc<dyn Fn(&mut Conn) + Send + Sync>),
    List(VecDeque<Script>),
}

impl Broker {
    /// Follows the script with every connection.
    pub fn start(script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        Self::start_on(Transport::Tcp, script)
    }

    /// Follows the first script with the first connection, and so on. After
    /// these no more connections are accepted, and it is a failure if fewer
    /// come.
    pub fn start_many(scripts: Vec<Script>) -> Self {
        Self::start_many_on(Transport::Tcp, scripts)
    }

    /// [`start`](Self::start) over TLS.
    pub fn start_tls(chain: &Chain, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        Self::start_on(Transport::Tls(chain), script)
    }

    /// [`start`](Self::start) over WebSocket.
    pub fn start_ws(script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        Self::start_on(Transport::Ws, script)
    }

    /// [`start`](Self::start) over WebSocket over TLS.
    pub fn start_wss(chain: &Chain, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        Self::start_on(Transport::Wss(chain), script)
    }

    /// [`start`](Self::start) over any transport. A client that gives up during
    /// the transport's handshakes is a connection without packets; no script
    /// sees it.
    pub fn start_on(transport: Transport<'_>, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> Self {
        Self::launch(transport, Scripts::Each(Arc::new(script)))
    }

    /// [`start_many`](Self::start_many) over any transport. A client that gives
    /// up during the transport's handshakes uses up a script.
    pub fn start_many_on(transport: Transport<'_>, scripts: Vec<Script>) -> Self {
        Self::launch(transport, Scripts::List(scripts.into()))
    }

    fn launch(transport: Transport<'_>, scripts: Scripts) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stopped, stop) = io::pipe().unwrap();
        let (sender, ended) = mpsc::channel();
        let acceptor = Acceptor::new(transport);
        let scripted = match &scripts {
            Scripts::Each(_) => None,
            Scripts::List(list) => Some(list.len()),
        };
        let accepting = thread::spawn(move || accept_all(&listener, &stopped, &acceptor, scripts, &sender));
        Self {
            port,
            scripted,
            ended,
            stop: Some(stop),
            accepting: Some(accepting),
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the scripts to end, and returns what came, connection by
    /// connection in the order they were accepted. If a script panicked, so
    /// does this.
    ///
    /// With a list of scripts this waits also for the connections. Without one,
    /// those count that have come, so a tool that runs in the background has to
    /// have ended, or at least connected, before.
    pub fn finish(mut self) -> Vec<Vec<Packet>> {
        self.join()
    }

    fn join(&mut self) -> Vec<Vec<Packet>> {
        // A script that waits in vain has its own, earlier and better to say.
        let until = Instant::now() + 2 * DEADLINE;
        let mut ends = Vec::new();
        let count = self.scripted.unwrap_or_else(|| self.stop_accepting());
        while ends.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(mut end) = self.ended.recv_timeout(left) else {
                let came = self.scripted.map_or(count, |_| self.stop_accepting());
                let ended = ends.len();
                panic!("of {count} connections {came} came, and {ended} scripts ended in time");
            };
            if let Some(panic) = end.panic.take() {
                self.stop_accepting();
                resume_unwind(panic);
            }
            ends.push(end);
        }
        self.stop_accepting();
        ends.sort_by_key(|end| end.number);
        ends.into_iter().map(|end| end.received).collect()
    }

    fn stop_accepting(&mut self) -> usize {
        self.stop = None;
        let thread = self.accepting.take();
        thread.map_or(0, |thread| thread.join().expect("accepting goes well"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.accepting.is_some() && !thread::panicking() {
            self.join();
        }
    }
}

impl Scripts {
    fn next(&mut self) -> Option<Script> {
        match self {
            Self::Each(script) => {
                let script = Arc::clone(script);
                Some(Box::new(move |conn| script(conn)))
            }
            Self::List(list) => list.pop_front(),
        }
    }
}

/// Accepts connections until the scripts are used up or `stopped` has no writer
/// any more, and counts them.
fn accept_all(
    listener: &TcpListener,
    stopped: &impl AsFd,
    acceptor: &Acceptor,
    mut scripts: Scripts,
    ended: &Sender<Ended>,
) -> usize {
    let mut number = 0;
    while let Some(script) = scripts.next() {
        let Some(socket) = accept(listener, stopped) else {
            break;
        };
        let (acceptor, ended) = (acceptor.clone(), ended.clone());
        let thread = thread::Builder::new().name(format!("connection {number}"));
        let run = move || {
            // The test may have ended before.
            let _ = ended.send(follow(number, socket, &acceptor, script));
        };
        thread.spawn(run).unwrap();
        number += 1;
    }
    number
}

/// The next connection. One that came before the stop is still accepted.
fn accept(listener: &TcpListener, stopped: &impl AsFd) -> Option<TcpStream> {
    loop {
        let mut fds = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        super::poll(&mut fds, None);
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nonblocking(false).unwrap();
                return Some(socket);
            }
            Err(_) if !fds[1].revents().is_empty() => return None,
            Err(_) => {}
        }
    }
}

fn follow(number: usize, socket: TcpStream, acceptor: &Acceptor, script: Script) -> Ended {
    let Ok(mut conn) = Conn::new(socket, acceptor) else {
        return Ended {
            number,
            received: Vec::new(),
            panic: None,
        };
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        script(&mut conn);
        conn.close();
    }));
    Ended {
        number,
        received: conn.into_received(),
        panic: result.err(),
    }
}
