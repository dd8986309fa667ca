//! What a model's file tells about its `forward`. Dtypes and shapes are not in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TensorMeta;

/// The arguments of `forward` after `self`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub arguments: Vec<Argument>,
    /// What a row of the first tensor probably is, to show it in an example. Nothing relies on it.
    pub likely_row: Option<TensorMeta>,
}

/// One argument of `forward`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    pub name: String,
    pub kind: ArgumentKind,
    /// Whether it may be None: `Optional[…]`.
    pub optional: bool,
    /// The default as Python would print it; `None` where there is none.
    pub default: Option<String>,
}

/// The type of an argument, or the one inside `Optional[…]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArgumentKind {
    Tensor,
    /// `List[Tensor]`
    Tensors,
    Int,
    Float,
    Bool,
    Str,
    /// `List[int]`
    Ints,
    /// `List[float]`
    Floats,
    /// Any other type, in torch's own words.
    Other(String),
}

impl Argument {
    /// Whether a request has to give it. An `Optional[…]` that is left out is None.
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.optional
    }

    /// Its type as Python writes it.
    pub fn type_name(&self) -> String {
        if self.optional { format!("Optional[{}]", self.kind) } else { self.kind.to_string() }
    }
}

impl fmt::Display for ArgumentKind {
    /// Python's word for the type.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tensor => "Tensor",
            Self::Tensors => "List[Tensor]",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Str => "str",
            Self::Ints => "List[int]",
            Self::Floats => "List[float]",
            Self::Other(kind) => kind,
        })
    }
}
