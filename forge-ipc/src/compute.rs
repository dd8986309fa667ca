//! What a worker tells of its time.

/// How long a worker took for a batch, in nanoseconds of its own clock. Nobody checks its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComputeNanos {
    /// Until the model had its inputs: tensors made of the frame, copies to the device.
    pub input: u64,
    /// The model's own time.
    pub infer: u64,
    /// Until the outputs lay in the frame: copies from the device and into shared memory.
    pub output: u64,
}
