//! The defaults that the documentation tells, which another test compares with the code.

use std::fs;

use crate::programs::checkout;

/// The default of a time in docs/configuration.md.
pub fn default_seconds(key: &str) -> f64 {
    let page = fs::read_to_string(checkout().join("docs/configuration.md")).unwrap();
    let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` | `"))).unwrap();
    row.split('`').nth(3).unwrap().parse().unwrap()
}
