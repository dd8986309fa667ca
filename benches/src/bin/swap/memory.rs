//! What the router holds after a thousand swaps.

use forge_tests::{Load, Setup};

use crate::swap;

const SWAPS: u32 = 1000;
/// Until then it is still growing into what it needs.
const FIRST: u32 = 10;

pub(crate) fn measure() {
    let forge = Setup::new().test_model("m", "multiply 2").start();
    forge.write("other.model", "multiply 3");
    let load = Load::on(&forge).times(&[2, 3]).start();
    let mut before = 0;
    for number in 0..FIRST + SWAPS {
        if number == FIRST {
            before = forge.process().own_memory();
        }
        swap(&forge, if number % 2 == 0 { "other.model" } else { "m.model" });
    }
    let after = forge.process().own_memory();
    load.finish().assert_clean();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!("memory of the router after {SWAPS} swaps / before (goal 1.05)");
    println!(
        "  {:.1} MB / {:.1} MB: {:.3}",
        megabytes(after),
        megabytes(before),
        after as f64 / before as f64
    );
}
