//! How many good requests are answered while one client keeps sending what ends the worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use forge_tests::{Forge, Load, Setup, json};

const GOOD: u64 = 5000;

pub(crate) fn measure() {
    println!("good requests answered 200 while one client keeps sending poison (goal 100 %)");
    for (what, changes) in [("the same over and over", false), ("another one each time", true)] {
        let forge = Setup::new().test_model("m", "crash").start();
        let good = Load::on(&forge).times(&[1]).row(2).connections(8).per_second(500).start();
        let is_over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let client = scope.spawn(|| keep_sending(&forge, changes, &is_over));
            while good.answered() < GOOD {
                good.wait_for(100);
            }
            is_over.store(true, Ordering::Relaxed);
            client.join().unwrap_or_default()
        });
        let verdict = good.finish();
        let (right, failed) = (verdict.answered_right(), verdict.failed());
        let share = 100.0 * right as f64 / (right + failed) as f64;
        let (median, p99) = (verdict.quantile(0.5), verdict.quantile(0.99));
        println!(
            "  {what}: {share:.2} % of {} beside {sent} poison; median {median:.1} ms, p99 {p99:.1} ms",
            right + failed
        );
    }
    println!();
}

fn keep_sending(forge: &Forge, changes: bool, is_over: &AtomicBool) -> u32 {
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let number = if changes { sent } else { 0 };
        forge.predict("m", &json!({"input": [666, number]}));
        sent += 1;
    }
    sent
}
