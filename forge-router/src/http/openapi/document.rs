//! What the document tells of a model, as plain values.

use crate::tensor::Dtype;

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelDocument {
    pub name: String,
    /// `loading`, `ready`, …
    pub state: &'static str,
    /// What it takes, in the order of its arguments; `None` until its file has been read.
    pub inputs: Option<Vec<InputDocument>>,
    /// What it answers; `None` until that is known.
    pub output: Option<OutputDocument>,
    pub batching: Batching,
    pub max_queue_depth: u64,
    pub request_timeout_s: f64,
    /// Whether it takes JPEG and PNG.
    pub takes_images: bool,
}

/// How requests share a forward pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Batching {
    /// Rows of many requests are stacked.
    Rows { max_batch_size: u32, window_ms: f64 },
    /// Each request is a forward pass of its own, without a dimension added.
    Off,
}

/// Who may change the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    Nobody,
    /// Processes of its machine.
    Local,
    WithToken,
}

/// One argument of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDocument {
    pub name: String,
    pub kind: InputKind,
    /// Whether it may be None.
    pub optional: bool,
    /// As Python prints it; `None` where there is none.
    pub default: Option<String>,
}

/// The type of an argument, or the one inside `Optional[…]`.
#[derive(Clone, Debug, PartialEq)]
pub enum InputKind {
    Tensor(TensorDocument),
    /// A list of tensors.
    Tensors,
    Int,
    Float,
    Bool,
    Str,
    Ints,
    Floats,
    /// Another type, in torch's own words.
    Other(String),
}

/// What is known of a tensor that is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorDocument {
    /// The config declares it. `None` is a free dimension.
    Declared {
        dtype: Dtype,
        shape: Vec<Option<u64>>,
        /// What the model was warmed with, everywhere.
        number: u8,
    },
    /// Nothing is declared; an input of this dtype and shape was answered.
    Answered {
        dtype: Dtype,
        shape: Vec<u64>,
    },
    /// Nothing is declared or answered; the model's first weight fits this.
    Likely {
        dtype: Dtype,
        shape: Vec<u64>,
    },
    Unknown,
}

/// What a model answers for one request.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputDocument {
    /// A tensor of this dtype, with so many dimensions in an answer.
    Tensor {
        dtype: Dtype,
        rank: usize,
    },
    None,
    Bool,
    Int,
    Float,
    Str,
    Tuple(Vec<OutputDocument>),
    List(Vec<OutputDocument>),
    Dict(Vec<(String, OutputDocument)>),
}

impl ModelDocument {
    /// The tensor that `input` stands for: the only one, where nothing else has to be sent.
    pub fn only_tensor(&self) -> Option<(&InputDocument, &TensorDocument)> {
        let inputs = self.inputs.as_deref()?;
        let mut needed = inputs.iter().filter(|input| input.is_required());
        let (only, None) = (needed.next()?, needed.next()) else { return None };
        let tensors = inputs.iter().filter(|input| input.is_tensor()).count();
        match &only.kind {
            InputKind::Tensor(tensor) if tensors == 1 => Some((only, tensor)),
            _ => None,
        }
    }
}

impl OutputDocument {
    /// Its parts by the keys they have in the answer to named inputs; see docs/http.md.
    pub fn named(&self) -> Vec<(String, &OutputDocument)> {
        match self {
            Self::Dict(members) => {
                members.iter().map(|(key, child)| (key.clone(), child)).collect()
            }
            Self::Tuple(children) | Self::List(children) => {
                let name = |(index, child)| (format!("output_{index}"), child);
                children.iter().enumerate().map(name).collect()
            }
            single => vec![("output".to_owned(), single)],
        }
    }
}

impl InputDocument {
    /// Whether a request has to give it.
    pub fn is_required(&self) -> bool {
        self.default.is_none() && !self.optional
    }

    fn is_tensor(&self) -> bool {
        matches!(self.kind, InputKind::Tensor(_) | InputKind::Tensors)
    }

    /// Its type as Python writes it.
    pub fn type_name(&self) -> String {
        let name = match &self.kind {
            InputKind::Tensor(_) => "Tensor",
            InputKind::Tensors => "List[Tensor]",
            InputKind::Int => "int",
            InputKind::Float => "float",
            InputKind::Bool => "bool",
            InputKind::Str => "str",
            InputKind::Ints => "List[int]",
            InputKind::Floats => "List[float]",
            InputKind::Other(name) => name,
        };
        if self.optional { format!("Optional[{name}]") } else { name.to_owned() }
    }
}
