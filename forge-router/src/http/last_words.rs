//! A body for the refusals that hyper writes itself.
//!
//! A request whose head is no HTTP is answered by hyper, with a status and an empty body, and nobody is asked.
//! Those answers are known by what they lack: every answer of Forge's carries the request's id.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request_id::X_REQUEST_ID;

/// How hyper's refusals begin and what is in them.
const REFUSAL: &[u8] = b"HTTP/1.1 4";
const EMPTY: &[u8] = b"content-length: 0\r\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A stream on which no refusal is empty.
#[derive(Debug)]
pub struct LastWords<S> {
    stream: S,
    /// What is written in the place of hyper's words, and how much of it has been.
    instead: Vec<u8>,
    written: usize,
}

impl<S> LastWords<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, instead: Vec::new(), written: 0 }
    }
}

impl<S: AsyncWrite + Unpin> LastWords<S> {
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.instead.len() {
            let rest = &self.instead[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the words are hyper's own; others are written instead then.
    fn takes(&mut self, words: &[u8]) -> bool {
        let instead = words.starts_with(REFUSAL).then(|| with_body(words)).flatten();
        match instead {
            Some(instead) => {
                (self.instead, self.written) = (instead, 0);
                true
            }
            None => false,
        }
    }
}

/// A refusal without a body and an id, with a body: in the form of every protocol at once, for its path may not be
/// known.
fn with_body(refusal: &[u8]) -> Option<Vec<u8>> {
    let empty = memmem::find(refusal, EMPTY)?;
    if !refusal.ends_with(END_OF_HEAD)
        || memmem::find(refusal, X_REQUEST_ID.as_str().as_bytes()).is_some()
    {
        return None;
    }
    let cause = match refusal.get(9..12)? {
        b"431" => "the head of the request is too large",
        b"414" => "the path of the request is too long",
        _ => "the head of the request is not HTTP/1.1",
    };
    let body = format!("{{\"error\":\"{cause}\",\"detail\":\"{cause}\"}}");
    let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let (before, after) = (&refusal[..empty], &refusal[empty + EMPTY.len()..]);
    Some([before, head.as_bytes(), after, body.as_bytes()].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for LastWords<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LastWords<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if self.takes(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if let Some(first) = slices.first().filter(|first| self.takes(first)) {
            return Poll::Ready(Ok(first.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn written(words: &[u8]) -> String {
        let mut stream = LastWords::new(Vec::new());
        stream.write_all(words).await.unwrap();
        stream.flush().await.unwrap();
        String::from_utf8(stream.stream).unwrap()
    }

    #[tokio::test]
    async fn an_empty_refusal_gets_a_body_of_its_length() {
        let refusal =
            b"HTTP/1.1 431 X\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let written = written(refusal).await;
        let (head, body) = written.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 X\r\nconnection: close\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(body.contains("\"error\":\"the head of the request is too large\""), "{body}");
    }

    #[tokio::test]
    async fn what_forge_answers_stays_as_it_is() {
        for answer in [
            "HTTP/1.1 400 Bad Request\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(written(answer.as_bytes()).await, answer);
        }
    }
}
