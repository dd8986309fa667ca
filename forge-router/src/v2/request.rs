//! An inference request, whichever transport brought it.

use super::Datatype;
use crate::pieces::Pieces;

/// A request, as its transport decoded it. Nothing about its tensors has been checked but that their
/// bytes are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// Empty where the client gave none.
    pub id: String,
    pub parameters: Parameters,
    pub inputs: Vec<InferInput>,
    /// Empty where the client wants all.
    pub outputs: Vec<RequestedOutput>,
}

/// The parameters of a request that Forge heeds; any other is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// 1 is the highest; 0 the model's default.
    pub priority: u64,
    /// Microseconds; 0 for the model's own.
    pub timeout: u64,
    /// Whether outputs come as bytes where they do not say themselves.
    pub binary_data_output: bool,
}

/// A request whose tensors have not all been read: the JSON before them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferHead {
    /// Inputs that follow as bytes have no data yet.
    pub request: InferRequest,
    /// How many bytes follow for each input, in their order; `None` where its data is there.
    pub binary: Vec<Option<u64>>,
}

/// One input tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct InferInput {
    pub name: String,
    pub datatype: Datatype,
    /// With the rows where the model's requests are batched.
    pub shape: Vec<u64>,
    /// Little-endian, the last dimension fastest; strings each after its length, a `u32`. It may be
    /// part of the body that it came in.
    pub data: Pieces,
}

/// One output that the client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedOutput {
    pub name: String,
    /// Whether it comes as bytes; `None` where the request as a whole says so.
    pub binary: Option<bool>,
    /// The largest so many elements of each row, as texts, instead of the tensor; 0: the tensor.
    pub classes: u64,
}
