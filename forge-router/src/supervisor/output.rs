//! What a worker prints: each line is logged with its worker, the last ones are kept as evidence.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tracing::info;

use crate::logging::one_line;

/// Lines kept for the report of a crash.
const KEPT_LINES: usize = 20;

/// A longer line is logged in pieces, so that a worker without line breaks cannot fill the memory.
const LONGEST_LINE: usize = 2048;

/// Which worker a line came from.
#[derive(Clone, Debug)]
pub struct Origin {
    pub model: String,
    pub version: u64,
    pub worker: u32,
}

/// The last lines of one worker, shared by its two pipes.
#[derive(Clone, Debug, Default)]
pub struct LastLines {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl LastLines {
    /// The lines, oldest first, joined by line breaks.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Logs what comes out of `pipe` until it is closed.
pub async fn follow(
    mut pipe: impl AsyncRead + Unpin,
    stream: &'static str,
    origin: Origin,
    last_lines: LastLines,
) {
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; LONGEST_LINE];
    let mut log = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let Origin { model, version, worker } = &origin;
        info!(%model, version, worker, stream, "{}", one_line(&line));
        last_lines.push(line);
    };
    // A pipe that cannot be read is a pipe that has ended.
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        splitter.push(&buffer[..read], &mut log);
    }
    splitter.finish(&mut log);
}

/// Cuts a byte stream into lines.
#[derive(Debug, Default)]
struct Splitter {
    rest: Vec<u8>,
}

impl Splitter {
    fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for byte in bytes {
            if *byte == b'\n' {
                line(self.rest.trim_ascii_end());
                self.rest.clear();
                continue;
            }
            self.rest.push(*byte);
            if self.rest.len() == LONGEST_LINE {
                line(&self.rest);
                self.rest.clear();
            }
        }
    }

    fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            line(&self.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&str]) -> Vec<String> {
        let (mut splitter, mut lines) = (Splitter::default(), vec![]);
        let mut keep = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        for chunk in chunks {
            splitter.push(chunk.as_bytes(), &mut keep);
        }
        splitter.finish(&mut keep);
        lines
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(split(&["a", "b\nc", "\r\nd"]), ["ab", "c", "d"]);
        assert_eq!(split(&["\n\n"]), ["", ""]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let long = "x".repeat(LONGEST_LINE + 1);
        assert_eq!(split(&[&long]), [&long[..LONGEST_LINE], "x"]);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let last = LastLines::default();
        for number in 0..KEPT_LINES + 5 {
            last.push(number.to_string());
        }
        assert!(last.text().starts_with("5\n6\n"));
    }
}
