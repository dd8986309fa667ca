//! How many threads libtorch computes with, and which of them are there before any model is.
//!
//! Its build has three kinds. libgomp's, which do nearly all, belong to the thread that computes, and end
//! with it. XNNPACK's are made when their number is set, the inter-op thread when a model forks for
//! the first time; both serve whoever comes, with the priority of the thread that made them.

use std::sync::Once;

use forge_worker::EngineError;

use super::ffi;

/// Intra-op threads as asked, for the calling thread; a single inter-op thread, since a worker runs
/// one batch at a time.
pub(super) fn set(intra_op: u32) -> Result<(), EngineError> {
    static INTER_OP: Once = Once::new();
    let intra_op = i32::try_from(intra_op)
        .ok()
        .filter(|threads| *threads > 0)
        .ok_or_else(|| EngineError::Load(format!("{intra_op} is no number of threads")))?;
    tch::set_num_threads(intra_op);
    INTER_OP.call_once(|| {
        // libtorch takes the number only once in a process, and only before the first of them.
        tch::set_num_interop_threads(1);
        ffi::start_inter_op_threads();
    });
    Ok(())
}
