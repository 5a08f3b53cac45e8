//! The terminal that a table is watched on: its keys, its size, and its state
//! before, which it gets back.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{queue, terminal};

use crate::table::Table;
use crate::waker::Waker;

/// How often the table is drawn anew at least, for ages and rates.
const TICK: Duration = Duration::from_millis(250);

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// No more.
    End,
    /// No more, by Ctrl-C, which is no signal here.
    Interrupt,
    /// To see other topics: so many further down.
    Scroll(isize),
    /// To see it in another size.
    Redraw,
}

/// The terminal.
pub(super) struct Screen {
    output: File,
    table: Arc<Mutex<Table>>,
    wishes: Receiver<Wish>,
    from: usize,
    next: Instant,
    open: bool,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// That of the terminal.
    pub(super) fn open(output: File, table: Arc<Mutex<Table>>, waker: Arc<Waker>) -> io::Result<Self> {
        let (sender, wishes) = mpsc::channel();
        terminal::enable_raw_mode()?;
        let mut screen = Self {
            output,
            table,
            wishes,
            from: 0,
            next: Instant::now(),
            open: true,
        };
        queue!(screen.output, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        screen.output.flush()?;
        thread::Builder::new().name("keys".into()).spawn(move || {
            // Without a terminal to read from there are no keys, and signals end it.
            while let Ok(event) = event::read() {
                if let Some(wish) = wish(&event) {
                    if sender.send(wish).is_err() {
                        return;
                    }
                    waker.wake();
                }
            }
        })?;
        Ok(screen)
    }

    /// When it is to be drawn again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.then_some(self.next)
    }

    /// Says something below the table.
    pub(super) fn remark(&mut self, text: &str) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remark(text);
        self.next = Instant::now();
    }

    /// Does what a person wants, and draws the table if it is time to. What it
    /// cannot do by itself, it returns.
    ///
    /// # Errors
    /// That of the terminal.
    pub(super) fn attend(&mut self, now: Instant) -> io::Result<Option<Wish>> {
        if !self.open {
            return Ok(None);
        }
        while let Ok(wish) = self.wishes.try_recv() {
            match wish {
                Wish::End | Wish::Interrupt => return Ok(Some(wish)),
                Wish::Scroll(lines) => self.from = self.from.saturating_add_signed(lines),
                Wish::Redraw => {}
            }
            self.next = now;
        }
        if self.next > now {
            return Ok(None);
        }
        self.next = now + TICK;
        let (width, height) = terminal::size().unwrap_or((80, 24));
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.from = self.from.min(table.len().saturating_sub(1));
        let lines = table.draw(width.into(), height.into(), self.from, now);
        drop(table);
        // One write, so that nothing flickers.
        let mut frame = Vec::new();
        for (row, line) in lines.iter().enumerate() {
            let row = u16::try_from(row).unwrap_or(u16::MAX);
            let attribute = if row == 0 { Attribute::Reverse } else { Attribute::Reset };
            queue!(
                frame,
                MoveTo(0, row),
                SetAttribute(attribute),
                Print(line),
                SetAttribute(Attribute::Reset),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(frame, Clear(ClearType::FromCursorDown))?;
        self.output.write_all(&frame)?;
        Ok(None)
    }

    /// Gives the terminal back.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = queue!(self.output, Show, LeaveAlternateScreen);
            let _ = self.output.flush();
            let _ = terminal::disable_raw_mode();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

/// What an event of the terminal means.
fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Interrupt),
            KeyCode::Char('q') => Some(Wish::End),
            KeyCode::Up | KeyCode::Char('k') => Some(Wish::Scroll(-1)),
            KeyCode::Down | KeyCode::Char('j') => Some(Wish::Scroll(1)),
            KeyCode::PageUp => Some(Wish::Scroll(-10)),
            KeyCode::PageDown | KeyCode::Char(' ') => Some(Wish::Scroll(10)),
            KeyCode::Home => Some(Wish::Scroll(isize::MIN)),
            _ => None,
        },
        _ => None,
    }
}
