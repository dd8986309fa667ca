//! The bodies that ask for a change of the server.

use bytes::Bytes;
use hyper::body::Incoming;

use super::app::App;
use super::body::{self, Bounds};
use super::error::HttpError;
use crate::memory_budget::MemoryBudget;

/// Far more than a path or the parameters take that are known.
const MOST_BYTES: usize = 64 * 1024;

/// Reads such a body. It has memory of its own: a server whose memory is taken by requests can still be
/// given another model. `says_so` is what a larger one is told bounds it.
pub async fn read(
    app: &App,
    body: &mut Incoming,
    says_so: &'static str,
) -> Result<Bytes, HttpError> {
    let bounds = Bounds {
        max_bytes: MOST_BYTES,
        says_so,
        timeout: app.settings.body_timeout,
        budget: 2 * MOST_BYTES,
    };
    let mut memory = MemoryBudget::new(bounds.budget).reservation();
    body::read(body, bounds, &mut memory).await
}
