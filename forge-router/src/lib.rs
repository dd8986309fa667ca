//! Forge's router.
#![forbid(unsafe_code)]
