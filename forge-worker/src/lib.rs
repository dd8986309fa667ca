//! The worker loop.
#![forbid(unsafe_code)]
