//! Requests that ended the worker which ran them alone: the same inputs are refused for a while,
//! before they reach another worker. Pure; time is an argument.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::request::Inputs;

/// The most that are remembered; beyond that the one that would be forgotten first goes.
const MOST: usize = 4096;

/// What a request's inputs hash to. SHA-256, so that nobody can make a harmless request look like
/// one that is refused.
type Fingerprint = [u8; 32];

/// The blamed inputs of one version.
#[derive(Debug)]
pub struct Blamed {
    ttl: Duration,
    /// How many are remembered: as long as there are none, a request costs one load.
    count: AtomicUsize,
    until: Mutex<HashMap<Fingerprint, Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    until: Instant,
    cause: String,
}

impl Blamed {
    /// Inputs are refused for `ttl` after they were blamed; zero: never.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, count: AtomicUsize::new(0), until: Mutex::default() }
    }

    /// Remembers inputs, and how the worker ended that ran them.
    pub fn add(&self, inputs: &Inputs, cause: &str, now: Instant) {
        if self.ttl.is_zero() {
            return;
        }
        let mut blamed = self.lock();
        blamed.retain(|_, entry| entry.until > now);
        if blamed.len() == MOST
            && let Some(oldest) =
                blamed.iter().min_by_key(|(_, entry)| entry.until).map(|(key, _)| *key)
        {
            blamed.remove(&oldest);
        }
        let entry = Entry { until: now + self.ttl, cause: cause.to_owned() };
        blamed.insert(fingerprint(inputs), entry);
        self.count.store(blamed.len(), Ordering::Relaxed);
    }

    /// Whether nothing is refused, at the cost of one load.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Why these inputs are refused, if they are.
    pub fn cause(&self, inputs: &Inputs, now: Instant) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let fingerprint = fingerprint(inputs);
        let mut blamed = self.lock();
        match blamed.get(&fingerprint) {
            Some(entry) if entry.until > now => Some(entry.cause.clone()),
            Some(_) => {
                blamed.remove(&fingerprint);
                self.count.store(blamed.len(), Ordering::Relaxed);
                None
            }
            None => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Entry>> {
        // The map is whole between any two statements.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of everything the model would get: dtypes, shapes, other arguments, elements.
fn fingerprint(inputs: &Inputs) -> Fingerprint {
    let mut hash = Sha256::new();
    // Each with its length, so that no two lists of fields read the same.
    let length = |bytes: usize| (bytes as u64).to_le_bytes();
    let mut field = |bytes: &[u8]| {
        hash.update(length(bytes.len()));
        hash.update(bytes);
    };
    for meta in inputs.group.row.iter() {
        field(meta.dtype.name().as_bytes());
        let dims: Vec<u8> = meta.shape.dims().iter().flat_map(|dim| dim.to_le_bytes()).collect();
        field(&dims);
    }
    field(inputs.group.arguments.as_deref().unwrap_or_default());
    field(&inputs.rows.to_le_bytes());
    // The group tells how long the rows are in the batch, the bytes not where a row of a request ends.
    let own = inputs.padding.as_deref().map_or(0, |padding| padding.positions().0);
    field(&own.to_le_bytes());
    for data in &inputs.data {
        hash.update(length(data.len()));
        data.iter().for_each(|piece| hash.update(piece));
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::Arc;

    use super::*;
    use crate::batching::Group;
    use crate::config::{Pad, PadValue};
    use crate::padding::Padding;
    use crate::tensor::{Dtype, Shape, TensorMeta};

    const TTL: Duration = Duration::from_secs(600);

    fn inputs(dims: &[u64], byte: u8) -> Inputs {
        let shape = Shape::new(dims).unwrap();
        let bytes = dims.iter().product::<u64>() as usize;
        let meta = TensorMeta { dtype: Dtype::Uint8, shape };
        Inputs {
            group: Group::of_tensors([meta]),
            rows: 1,
            data: vec![vec![byte; bytes].into()],
            padding: None,
        }
    }

    #[test]
    fn only_the_very_same_inputs_are_refused() {
        let (blamed, now) = (Blamed::new(TTL), Instant::now());
        assert_eq!(blamed.cause(&inputs(&[4], 7), now), None);
        blamed.add(&inputs(&[4], 7), "killed by SIGSEGV", now);
        assert_eq!(blamed.cause(&inputs(&[4], 7), now).as_deref(), Some("killed by SIGSEGV"));
        assert_eq!(blamed.cause(&inputs(&[4], 8), now), None);
        assert_eq!(blamed.cause(&inputs(&[2, 2], 7), now), None);
    }

    /// Two rows of three elements and three of two, both padded to four, are the same bytes of the same group.
    #[test]
    fn rows_of_another_length_with_the_same_bytes_are_not_refused() {
        let (blamed, now) = (Blamed::new(TTL), Instant::now());
        let pad = Arc::new(Pad {
            dim: 0,
            value: PadValue::Int(0),
            multiple: NonZeroU64::new(4).unwrap(),
            max_length: None,
            mask_input: None,
            outputs_dim: None,
        });
        let inputs = |rows: u32, length: u64| {
            let padding = Some(Box::new(Padding::new(Arc::clone(&pad), length, 0)));
            let meta = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[4]).unwrap() };
            let data = vec![vec![7; 6].into()];
            Inputs { group: Group::of_tensors([meta]), rows, data, padding }
        };
        blamed.add(&inputs(2, 3), "x", now);
        assert!(blamed.cause(&inputs(2, 3), now).is_some());
        assert_eq!(blamed.cause(&inputs(3, 2), now), None);
    }

    #[test]
    fn the_rows_that_were_blamed_are_found_in_a_request_of_more() {
        let (blamed, now) = (Blamed::new(TTL), Instant::now());
        let inputs = |bytes: &[u8]| {
            let meta = TensorMeta { dtype: Dtype::Uint8, shape: Shape::new(&[1]).unwrap() };
            let (group, rows) = (Group::of_tensors([meta]), bytes.len() as u32);
            Inputs { group, rows, data: vec![bytes.to_vec().into()], padding: None }
        };
        blamed.add(&inputs(&[3, 4]), "x", now);
        let whole = inputs(&[1, 2, 3, 4, 5]);
        assert_eq!(blamed.cause(&whole, now), None);
        assert_eq!(blamed.cause(&whole.part(0..2), now), None);
        assert_eq!(blamed.cause(&whole.part(2..4), now).as_deref(), Some("x"));
    }

    #[test]
    fn they_are_forgotten_after_their_time() {
        let (blamed, now) = (Blamed::new(TTL), Instant::now());
        blamed.add(&inputs(&[4], 7), "x", now);
        assert!(blamed.cause(&inputs(&[4], 7), now + TTL - Duration::from_nanos(1)).is_some());
        assert_eq!(blamed.cause(&inputs(&[4], 7), now + TTL), None);
        assert_eq!(blamed.count.load(Ordering::Relaxed), 0);
        let never = Blamed::new(Duration::ZERO);
        never.add(&inputs(&[4], 7), "x", now);
        assert_eq!(never.cause(&inputs(&[4], 7), now), None);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let (blamed, now) = (Blamed::new(TTL), Instant::now());
        for number in 0..=MOST {
            let at = now + Duration::from_millis(number as u64);
            blamed.add(&inputs(&[1 + number as u64], 0), "x", at);
        }
        assert_eq!(blamed.count.load(Ordering::Relaxed), MOST);
        assert_eq!(blamed.cause(&inputs(&[1], 0), now), None);
        assert!(blamed.cause(&inputs(&[2], 0), now).is_some());
    }
}
