//! A text of some length that many may ask for at once: rendered beside the event loop, one rendering at a
//! time, whose result everybody gets who asked before it began.
//!
//! ```text
//! ask 1 ─► begins 1 ──────► text 1
//! ask 2 ───── waits ───────────────► begins 2 ─► text 2
//! ask 3 ──────── waits ──────────────────────────► text 2
//! ```
//!
//! So a text is never older than the request for it, and however many ask, one CPU at most is busy with
//! it. A rendering goes on when who began it hangs up: those who come after would begin another beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Mutex;

use super::error::HttpError;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Renderings that have begun.
    begun: Arc<AtomicU64>,
    last: Arc<Mutex<Last>>,
}

/// The rendering of that number, the first of which is 1.
#[derive(Debug, Default)]
struct Last {
    number: u64,
    text: Bytes,
}

impl Rendered {
    /// What a `render` that begins after this call returns; not necessarily the caller's own.
    ///
    /// # Errors
    /// [`HttpError::Internal`] where it panics.
    pub async fn ask(
        &self,
        render: impl FnOnce() -> Bytes + Send + 'static,
    ) -> Result<Bytes, HttpError> {
        // SeqCst: what the caller has done before, such as counting a request, is seen by any
        // rendering whose number is larger.
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if last.number > before {
            return Ok(last.text.clone());
        }
        let begun = Arc::clone(&self.begun);
        let rendering = tokio::task::spawn_blocking(move || {
            let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
            let text = render();
            *last = Last { number, text: text.clone() };
            text
        });
        rendering.await.map_err(|error| HttpError::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Barrier, mpsc};

    use super::*;

    fn counting(count: &Arc<AtomicUsize>) -> impl FnOnce() -> Bytes + Send + use<> {
        let count = Arc::clone(count);
        move || Bytes::from(count.fetch_add(1, Ordering::SeqCst).to_string())
    }

    #[tokio::test]
    async fn who_asks_after_another_was_answered_gets_a_text_of_his_own() {
        let (rendered, count) = (Rendered::default(), Arc::default());
        for expected in ["0", "1", "2"] {
            assert_eq!(rendered.ask(counting(&count)).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn those_who_wait_share_the_rendering_that_begins_next() {
        let (rendered, count) = (Rendered::default(), Arc::default());
        let (go_on, waits) = mpsc::channel::<()>();
        let (begins, begun) = tokio::sync::oneshot::channel();
        let slow = move || {
            begins.send(()).unwrap();
            waits.recv().unwrap();
            Bytes::from_static(b"slow")
        };
        let first = rendered.ask(slow);
        let others = async {
            // Whoever asks now asks for what is so now, and not when the first began.
            begun.await.unwrap();
            let ask = || rendered.ask(counting(&count));
            let asked = async { tokio::join!(ask(), ask(), ask()) };
            let go = async { go_on.send(()).unwrap() };
            tokio::join!(asked, go).0
        };
        let (first, (second, third, fourth)) = tokio::join!(first, others);
        assert_eq!(first.unwrap(), "slow");
        for shared in [second, third, fourth] {
            assert_eq!(shared.unwrap(), "0");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn two_never_render_at_once_even_when_the_first_hangs_up() {
        let (rendered, count) = (Arc::new(Rendered::default()), Arc::new(AtomicUsize::new(0)));
        let both = Arc::new(Barrier::new(2));
        let (begins, begun) = tokio::sync::oneshot::channel();
        let slow = {
            let (both, count) = (Arc::clone(&both), Arc::clone(&count));
            move || {
                begins.send(()).unwrap();
                both.wait();
                count.fetch_add(1, Ordering::SeqCst);
                Bytes::from_static(b"slow")
            }
        };
        let asking = tokio::spawn({
            let rendered = Arc::clone(&rendered);
            async move { rendered.ask(slow).await }
        });
        begun.await.unwrap();
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        let second = rendered.ask(counting(&count));
        let go = async { tokio::task::spawn_blocking(move || both.wait()).await };
        // The one that was given up has counted before.
        assert_eq!(tokio::join!(second, go).0.unwrap(), "1");
    }

    #[tokio::test]
    async fn a_rendering_that_panics_is_an_error_of_its_own() {
        let (rendered, count) = (Rendered::default(), Arc::default());
        let failed = rendered.ask(|| panic!("no text")).await;
        assert!(matches!(failed, Err(HttpError::Internal(_))), "{failed:?}");
        assert_eq!(rendered.ask(counting(&count)).await.unwrap(), "0");
    }
}
