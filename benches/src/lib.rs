//! Shared parts of the measures.
#![forbid(unsafe_code)]
