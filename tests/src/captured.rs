//! What a process prints, while it runs.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread;

/// The text that came out of a pipe so far.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    text: Arc<Mutex<Text>>,
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    has_ended: bool,
}

/// Far more than any test has printed; what runs for hours keeps the end.
const MOST: usize = 32 << 20;

impl Text {
    fn add(&mut self, bytes: &[u8]) {
        if self.bytes.len() > MOST {
            self.bytes.drain(..MOST / 2);
        }
        self.bytes.extend_from_slice(bytes);
    }
}

impl Captured {
    /// Reads `pipe` to its end, beside the test.
    pub fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let captured = Self::default();
        let text = Arc::clone(&captured.text);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                text.lock().unwrap().add(&chunk[..read]);
            }
            text.lock().unwrap().has_ended = true;
        });
        captured
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap().bytes).into_owned()
    }

    /// Whether nobody can write to it any more.
    pub fn has_ended(&self) -> bool {
        self.text.lock().unwrap().has_ended
    }
}
