//! What is asked: tensors for the inputs a model has, made up or read from a file.

mod datatype;
mod file;
mod generate;
mod shape;
mod tensor;

pub use datatype::Datatype;
pub use file::{FileError, read_bodies};
pub use generate::generate;
pub use shape::{InputSpec, ShapeArgument, ShapeError, resolve};
pub use tensor::{Elements, Tensor};

/// What one request asks, whatever the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Tensors(Vec<Tensor>),
    /// Sent as it is, where the protocol takes any JSON.
    Json(serde_json::Value),
}
