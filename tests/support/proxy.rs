//! A TCP proxy that does to connections what networks do: it resets them at a
//! chosen byte or at a chosen time, and it stalls.
//!
//! It knows nothing of MQTT and looks at no byte that it forwards.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use rustix::event::{PollFd, PollFlags};

use super::{DEADLINE, reset_on_close};

/// When a connection is reset. The bytes up to the limit are delivered; the
/// client gets an RST, the server an end in order, which it has answered before
/// the next connection gets through to it.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// After this many bytes from the client to the server.
    FromClient(usize),
    /// After this many bytes from the server to the client, who may lose those
    /// that it has not read when the RST comes.
    FromServer(usize),
}

/// A proxy on 127.0.0.1. Its connections are reset when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// Dropped to accept no more connections.
    _stop: PipeWriter,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// How many of them are open.
    open: usize,
    /// How many have reached their limit, and the server has not ended yet.
    draining: usize,
    paused: bool,
    /// How often all connections were cut: a tunnel that is older is cut.
    cuts: usize,
    /// The limits of the next connections.
    next: VecDeque<Limit>,
    /// The limit of all connections after these.
    each: Option<Limit>,
    /// Written to, to have the tunnels look at the state.
    wakers: Vec<PipeWriter>,
}

impl Proxy {
    /// Forwards to this port of 127.0.0.1. If nothing listens there, clients
    /// are reset.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stopped, stop) = io::pipe().unwrap();
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept_all(&listener, &stopped, upstream, &accepting));
        Self {
            port,
            shared,
            _stop: stop,
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets the next connection at the first limit, the one after that at the
    /// second, and so on.
    pub fn reset_after(&self, limits: impl IntoIterator<Item = Limit>) {
        self.shared.lock().next.extend(limits);
    }

    /// Resets all connections that are still to come at this limit.
    pub fn reset_each_after(&self, limit: Limit) {
        self.shared.lock().each = Some(limit);
    }

    /// Resets all connections now, on both sides, and returns when that is
    /// done.
    #[track_caller]
    pub fn cut_all(&self) {
        self.shared.command(|state| state.cuts += 1);
        self.wait(|state| state.open == 0);
    }

    /// Forwards nothing from now on. New connections are accepted.
    pub fn pause(&self) {
        self.shared.command(|state| state.paused = true);
    }

    /// Forwards again, also what has come in between.
    pub fn resume(&self) {
        self.shared.command(|state| state.paused = false);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Waits until there have been this many connections.
    #[track_caller]
    pub fn wait_connections(&self, count: usize) {
        self.wait(|state| state.connections >= count);
    }

    #[track_caller]
    fn wait(&self, mut done: impl FnMut(&State) -> bool) {
        let state = self.shared.lock();
        let changed = &self.shared.changed;
        let (state, timeout) = changed
            .wait_timeout_while(state, DEADLINE, |state| !done(state))
            .unwrap();
        let (open, all) = (state.open, state.connections);
        drop(state);
        assert!(!timeout.timed_out(), "{open} of {all} connections are open");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.command(|state| state.cuts += 1);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes the state and has all tunnels look at it.
    fn command(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        // A tunnel that is gone does not read any more.
        state.wakers.retain_mut(|waker| waker.write_all(b"!").is_ok());
    }

    /// Notes a new connection.
    fn open(&self) -> (Option<Limit>, usize, PipeReader) {
        let (woken, waker) = io::pipe().unwrap();
        let mut state = self.lock();
        state.connections += 1;
        state.open += 1;
        state.wakers.push(waker);
        let limit = state.next.pop_front().or(state.each);
        self.changed.notify_all();
        (limit, state.cuts, woken)
    }

    fn close(&self) {
        self.lock().open -= 1;
        self.changed.notify_all();
    }

    fn drained(&self) {
        self.lock().draining -= 1;
        self.changed.notify_all();
    }

    /// Waits until the server has read what came before, over other connections: it
    /// may read two of them in any order.
    fn wait_drained(&self) {
        let draining = |state: &mut State| state.draining > 0;
        let _ = self.changed.wait_timeout_while(self.lock(), DEADLINE, draining);
    }
}

/// Accepts connections until `stopped` has no writer any more.
fn accept_all(listener: &TcpListener, stopped: &PipeReader, upstream: u16, shared: &Arc<Shared>) {
    loop {
        let mut fds = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        super::poll(&mut fds, None);
        if !fds[1].revents().is_empty() {
            return;
        }
        let (client, _) = listener.accept().unwrap();
        let (limit, cuts, woken) = shared.open();
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            shared.wait_drained();
            let end =
                Tunnel::open(client, upstream, limit, cuts).map(|mut tunnel| (tunnel.forward(&woken, &shared), tunnel));
            match end {
                Some((End::Limit, tunnel)) => {
                    shared.lock().draining += 1;
                    drop(tunnel.client);
                    shared.close();
                    drain(tunnel.server);
                    shared.drained();
                }
                end => {
                    drop(end);
                    shared.close();
                }
            }
        });
    }
}

/// How a tunnel ended.
#[derive(PartialEq)]
enum End {
    /// Both sides have closed it.
    Closed,
    /// A side has reset it, or the test has.
    Reset,
    /// It has reached its limit.
    Limit,
}

/// Two connections and what goes between them.
struct Tunnel {
    client: TcpStream,
    server: TcpStream,
    /// From the client to the server.
    up: Flow,
    /// From the server to the client.
    down: Flow,
    /// How often all connections had been cut when this one came.
    cuts: usize,
}

impl Tunnel {
    /// Connects to the server. The client is reset if that is impossible.
    fn open(client: TcpStream, upstream: u16, limit: Option<Limit>, cuts: usize) -> Option<Self> {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else {
            reset_on_close(&client).unwrap();
            return None;
        };
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
            socket.set_nonblocking(true).unwrap();
        }
        let (mut up, mut down) = (Flow::default(), Flow::default());
        match limit {
            Some(Limit::FromClient(count)) => up.left = Some(count),
            Some(Limit::FromServer(count)) => down.left = Some(count),
            None => {}
        }
        Some(Self {
            client,
            server,
            up,
            down,
            cuts,
        })
    }

    /// Forwards until the end, and prepares the sockets to be dropped.
    fn forward(&mut self, woken: &PipeReader, shared: &Shared) -> End {
        let end = loop {
            if let Err(end) = self.step(woken, shared) {
                break end;
            }
        };
        if end != End::Closed {
            // It can fail only on a socket that is reset already.
            let _ = reset_on_close(&self.client);
        }
        if end == End::Reset {
            let _ = reset_on_close(&self.server);
        }
        end
    }

    /// Moves what can be moved, and waits until there is more to do.
    fn step(&mut self, mut woken: &PipeReader, shared: &Shared) -> Result<(), End> {
        // Nothing moves while the test changes the state, so that what it asks
        // for is done when its call returns.
        let state = shared.lock();
        let paused = state.paused;
        if state.cuts != self.cuts {
            return Err(End::Reset);
        }
        if !paused {
            self.up.step(&self.client, &self.server)?;
            self.down.step(&self.server, &self.client)?;
        }
        drop(state);
        if self.up.closed && self.down.closed {
            return Err(End::Closed);
        }
        let (up, down) = (&self.up, &self.down);
        let client = up.reads(paused) | down.writes(paused);
        let server = down.reads(paused) | up.writes(paused);
        let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
        // A socket that nothing is wanted of would still report its end.
        for (socket, wanted) in [(&self.client, client), (&self.server, server)] {
            if !wanted.is_empty() {
                fds.push(PollFd::new(socket, wanted));
            }
        }
        super::poll(&mut fds, None);
        if !fds[0].revents().is_empty() {
            let _ = woken.read(&mut [0; 64]);
        }
        Ok(())
    }
}

/// One direction of a tunnel.
#[derive(Default)]
struct Flow {
    /// Bytes that were read and not written yet.
    pending: Vec<u8>,
    /// How many bytes may still be read.
    left: Option<usize>,
    /// The reading side has ended, and the writing side was told.
    closed: bool,
}

impl Flow {
    fn reads(&self, paused: bool) -> PollFlags {
        let wanted = !paused && !self.closed && self.pending.is_empty();
        if wanted { PollFlags::IN } else { PollFlags::empty() }
    }

    fn writes(&self, paused: bool) -> PollFlags {
        let wanted = !paused && !self.pending.is_empty();
        if wanted { PollFlags::OUT } else { PollFlags::empty() }
    }

    /// Moves what can be moved without waiting.
    fn step(&mut self, mut from: &TcpStream, mut to: &TcpStream) -> Result<(), End> {
        const CHUNK: usize = 64 * 1024;
        if self.pending.is_empty() && !self.closed && self.left != Some(0) {
            let mut buffer = vec![0; self.left.map_or(CHUNK, |left| left.min(CHUNK))];
            if let Some(count) = ready(from.read(&mut buffer))? {
                buffer.truncate(count);
                self.pending = buffer;
                self.left = self.left.map(|left| left - count);
                if count == 0 {
                    self.closed = true;
                    // The other side may have gone first.
                    let _ = to.shutdown(Shutdown::Write);
                }
            }
        }
        if !self.pending.is_empty()
            && let Some(count) = ready(to.write(&self.pending))?
        {
            self.pending.drain(..count);
        }
        if self.pending.is_empty() && self.left == Some(0) {
            return Err(End::Limit);
        }
        Ok(())
    }
}

/// `None` if it would have had to wait.
fn ready(result: io::Result<usize>) -> Result<Option<usize>, End> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(_) => Err(End::Reset),
    }
}

/// Closes a connection in order: the other side gets the end after all that was
/// sent, and can still say what it wants to.
fn drain(mut socket: TcpStream) {
    let _ = socket.set_nonblocking(false);
    let _ = socket.set_read_timeout(Some(DEADLINE));
    let _ = socket.shutdown(Shutdown::Write);
    let mut buffer = [0; 4096];
    while socket.read(&mut buffer).is_ok_and(|count| count > 0) {}
}
