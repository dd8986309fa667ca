//! What a model's file tells about its `forward`. Dtypes and shapes are not in it.

use serde::{Deserialize, Serialize};

/// The arguments of `forward` after `self`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub arguments: Vec<Argument>,
}

/// One argument of `forward`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    pub name: String,
    pub kind: ArgumentKind,
    /// The default as Python would print it; `None` where the argument must be given.
    pub default: Option<String>,
}

/// The type of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArgumentKind {
    Tensor,
    OptionalTensor,
    Int,
    Float,
    Bool,
    Str,
    /// Any other type in torch's own words, such as `List[int]`.
    Other(String),
}
