//! Lines on their way to standard error, past a reader that is slow or gone.
//!
//! ```text
//! event ─► Lines (one per line, never waits) ─► bounded channel ─► thread ─► stderr
//! ```
//!
//! A pipe that nobody reads blocks its writer, and a broken one fails; neither may hold up or end a
//! request. So only a thread of its own writes, a line that finds the channel full is dropped and
//! counted, and a line that cannot be written is lost.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait for a slow reader.
const WAITING_LINES: usize = 4096;

/// How long the end of the process waits for the lines that still wait.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

/// Takes whole lines; each write is one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lines {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Everything before it has been written when this is answered.
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts the thread that writes to `sink`.
    pub fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let lines = Self { sender, dropped: Arc::clone(&dropped) };
        let write = move || write_lines(sink, &receiver, &dropped);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(lines)
    }

    /// Waits until what was logged so far is written, or for half a second.
    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            // Whoever does not read until now will not read.
            let _ = is_done.recv_timeout(FLUSH_PATIENCE);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(mut sink: impl Write, receiver: &Receiver<Message>, dropped: &AtomicU64) {
    for message in receiver {
        match message {
            // A line that cannot be written has nowhere else to go.
            Message::Line(line) => drop(sink.write_all(&line)),
            Message::Flush(done) => drop(done.send(())),
        }
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            lines => drop(writeln!(sink, "{lines} lines were dropped: the log is read too slowly")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let sink = Sink::default();
        let mut lines = Lines::to(sink.clone()).unwrap();
        for number in 0..100 {
            writeln!(lines, "{number}").unwrap();
        }
        Lines::flush(&lines);
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8(sink.0.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read_and_it_hears_what_it_missed() {
        let sink = Sink::default();
        let stuck = sink.0.lock().unwrap();
        let mut lines = Lines::to(sink.clone()).unwrap();
        for _ in 0..WAITING_LINES + 100 {
            lines.write_all(b"line\n").unwrap();
        }
        drop(stuck);
        // The queue was full until now, so that the flush may have found no place in it.
        while String::from_utf8_lossy(&sink.0.lock().unwrap()).matches("dropped").count() == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_sink_that_fails_fails_nobody() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = Lines::to(Broken).unwrap();
        lines.write_all(b"lost\n").unwrap();
        Lines::flush(&lines);
        lines.write_all(b"lost as well\n").unwrap();
    }
}
