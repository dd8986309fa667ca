//! Lines of a bounded length.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Reads one line after the other. Giving up a read loses nothing.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    /// What has come of the next line.
    begun: Vec<u8>,
    longest: usize,
}

/// Why there is no further line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub fn new(reader: R, longest: usize) -> Self {
        Self { reader: BufReader::new(reader), begun: Vec::new(), longest }
    }

    /// The next line without its end; `None` after the last, which need not have an end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            let has_ended = chunk.is_empty();
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.begun.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            self.reader.consume(taken);
            if self.begun.len() > self.longest {
                return Err(LineError::TooLong(self.longest));
            }
            if end.is_some() || (has_ended && !self.begun.is_empty()) {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
            if has_ended {
                return Ok(None);
            }
        }
    }

    /// Resolves once something has come, or nothing more can come; nothing is taken.
    pub async fn stirred(&mut self) {
        // Whatever is wrong shows at the next read.
        drop(self.reader.fill_buf().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes, 4);
        let mut read = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => read.push(String::from_utf8(line).unwrap()),
                Ok(None) => return read,
                Err(error) => {
                    read.push(error.to_string());
                    return read;
                }
            }
        }
    }

    #[tokio::test]
    async fn lines_are_read_up_to_their_bound_and_the_last_needs_no_end() {
        let too_long = "a line is longer than 4 bytes";
        for (bytes, lines) in [
            ("", &[][..]),
            ("a\nb\n", &["a", "b"]),
            ("\na", &["", "a"]),
            ("abcd\nabcde\n", &["abcd", too_long]),
            ("abcde", &[too_long]),
        ] {
            assert_eq!(read(bytes.as_bytes()).await, lines, "{bytes:?}");
        }
    }
}
