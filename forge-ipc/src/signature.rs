//! What a model's file tells about its `forward`. Dtypes and shapes are not in it.

use std::fmt;

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

impl fmt::Display for ArgumentKind {
    /// Python's word for the type.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tensor => "Tensor",
            Self::OptionalTensor => "Optional[Tensor]",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Str => "str",
            Self::Other(kind) => kind,
        })
    }
}
