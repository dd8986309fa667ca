//! A peer that writes random bytes into its region, all the time, over real memory files.
#![cfg(not(miri))]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use forge_ipc::{BatchId, Geometry, Outcome, PeerViolation, RouterEnd};
use proptest::prelude::*;
use proptest::test_runner::{TestRng, TestRunner};

/// Incarnations of the worker; each ends with its first violation.
const INCARNATIONS: u32 = 200;

/// Takes what looks like answers until one is refused.
fn serve(router: &mut RouterEnd, rounds: u64) -> Result<(), PeerViolation> {
    let mut copied = Vec::new();
    for batch in 0..rounds {
        if let Some(frame) = router.begin(BatchId(batch), 1) {
            frame.publish();
        }
        router.started()?;
        router.prepare_to_sleep();
        if let Some(completion) = router.next_completion()? {
            if let Outcome::Done { outputs, .. } = completion.outcome() {
                for (tensor, meta) in outputs.iter().enumerate() {
                    copied.clear();
                    completion.copy(tensor, 0, &mut copied, meta.bytes().unwrap())?;
                }
            }
            completion.release();
        }
    }
    Ok(())
}

/// Overwrites pieces of the region; mostly with small numbers, which come closer to being believed.
fn scribble(region: &File, bytes: u64, random: &mut TestRng, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut piece = vec![0; random.random_range(1..200)];
        let most = *[1, 4, 255].get(random.random_range(0..3)).unwrap_or(&255);
        piece.iter_mut().for_each(|byte| *byte = random.random_range(0..=most));
        // The words lie in the first 256 bytes; without them nothing else is ever looked at.
        let within = if random.random_range(0..4) == 0 { 256 } else { bytes };
        let offset = random.random_range(0..within - 200);
        region.write_at(&piece, offset).unwrap();
    }
}

#[test]
fn the_router_survives_whatever_is_written_while_it_reads() {
    let geometry = Geometry::new(2, 64, 256).unwrap();
    let mut random = TestRunner::deterministic().new_rng();
    let mut violations = 0;
    for _ in 0..INCARNATIONS {
        let (mut router, fds) = RouterEnd::create(geometry).unwrap();
        let region = File::from(fds.response_region);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                scribble(&region, geometry.response_region_bytes(), &mut random, &stop);
            });
            violations += u32::from(serve(&mut router, 2_000).is_err());
            stop.store(true, Ordering::Relaxed);
        });
    }
    assert!(violations > 0, "nothing that was written was ever looked at");
}
