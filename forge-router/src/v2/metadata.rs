//! What a model takes and returns, in the protocol's words.

use super::Datatype;
use crate::flat;
use crate::model::{Input, Model, Version};
use crate::tensor::{ArgumentKind, Dtype};

/// A model, or one version of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetadata {
    pub name: String,
    /// The versions that answer now.
    pub versions: Vec<String>,
    pub inputs: Vec<TensorMetadata>,
    /// Empty until the version has answered once, in warming or for a client.
    pub outputs: Vec<TensorMetadata>,
    /// 0 where requests are not batched.
    pub max_batch_size: u32,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorMetadata {
    pub name: String,
    pub datatype: Datatype,
    /// Of one row where requests are batched; -1 for a free dimension.
    pub row: Vec<i64>,
    /// Whether a request may leave it out.
    pub is_optional: bool,
    /// Whether its first dimension is the rows.
    pub has_rows: bool,
}

impl TensorMetadata {
    /// With the rows, as requests have it.
    pub fn shape(&self) -> Vec<i64> {
        let rows = self.has_rows.then_some(-1);
        rows.into_iter().chain(self.row.iter().copied()).collect()
    }
}

/// Of one version of a model.
pub fn metadata(model: &Model, version: &Version) -> ModelMetadata {
    let is_batched = version.config().batching;
    let is_fixed = version.interface().is_fixed();
    let outputs = version.example().map_or_else(Vec::new, |example| {
        let kinds = flat::kinds(&example.outputs, &example.structure);
        let of_output = |kind: flat::FlatKind| TensorMetadata {
            name: kind.name,
            datatype: Datatype::of(kind.dtype),
            // Where inputs vary, what one answer had is no promise for the next.
            row: kind.row.iter().map(|dim| known(*dim, is_fixed)).collect(),
            is_optional: false,
            has_rows: is_batched,
        };
        kinds.into_iter().map(of_output).collect()
    });
    ModelMetadata {
        name: model.name.to_string(),
        versions: model.route().versions().map(|version| version.id().to_string()).collect(),
        inputs: inputs(version),
        outputs,
        max_batch_size: if is_batched { version.config().max_batch_size.get() } else { 0 },
    }
}

/// What a version takes.
pub fn inputs(version: &Version) -> Vec<TensorMetadata> {
    let is_batched = version.config().batching;
    let learned = version.example().map(|example| version.interface().rows_of(&example.inputs));
    let of = |(place, input): (usize, &Input)| {
        let seen = learned.as_ref().and_then(|rows| *rows.get(place)?);
        of_input(input, seen.map(|meta| (meta.dtype, meta.shape.rank())), is_batched)
    };
    version.interface().inputs().iter().enumerate().map(of).collect()
}

/// A dimension of an output.
fn known(dim: u64, is_fixed: bool) -> i64 {
    i64::try_from(dim).ok().filter(|_| is_fixed).unwrap_or(-1)
}

/// `seen`: the dtype and rank it had in a request that was answered.
fn of_input(input: &Input, seen: Option<(Dtype, usize)>, is_batched: bool) -> TensorMetadata {
    let is_tensor = matches!(input.kind(), ArgumentKind::Tensor | ArgumentKind::Tensors);
    let datatype = match input.kind() {
        ArgumentKind::Tensor | ArgumentKind::Tensors | ArgumentKind::Other(_) => {
            let declared = input.declared().map(|declared| declared.dtype);
            let dtype = declared.or(seen.map(|(dtype, _)| dtype));
            Datatype::Numbers(dtype.unwrap_or(Dtype::Float32))
        }
        ArgumentKind::Int | ArgumentKind::Ints => Datatype::Numbers(Dtype::Int64),
        ArgumentKind::Float | ArgumentKind::Floats => Datatype::Numbers(Dtype::Float64),
        ArgumentKind::Bool => Datatype::Numbers(Dtype::Bool),
        ArgumentKind::Str => Datatype::Bytes,
    };
    let row = match (is_tensor, input.declared(), input.kind()) {
        (true, Some(declared), _) => {
            let dim = |dim: &Option<u64>| dim.and_then(|dim| i64::try_from(dim).ok()).unwrap_or(-1);
            declared.shape.iter().map(dim).collect()
        }
        // Its rank is all that can be said.
        (true, None, _) => vec![-1; seen.map_or(1, |(_, rank)| rank)],
        (false, _, ArgumentKind::Ints | ArgumentKind::Floats) => vec![-1],
        (false, ..) => vec![1],
    };
    TensorMetadata {
        name: input.public_name().to_owned(),
        datatype,
        row,
        is_optional: !input.is_required(),
        has_rows: is_batched,
    }
}
