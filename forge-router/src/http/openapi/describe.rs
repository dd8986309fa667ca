//! Fills a [`ModelDocument`] from a model: the only file here that knows models and settings.

use std::net::SocketAddr;

use super::document::{
    Batching, Changes, InputDocument, InputKind, ModelDocument, OutputDocument, TensorDocument,
};
use crate::config::Admin;
use crate::model::{Example, Input, Model, Version};
use crate::tensor::{ArgumentKind, Structure, TensorMeta};

/// What there is to tell of a model now.
pub fn describe(model: &Model) -> ModelDocument {
    let config = model.config();
    let version = model.version();
    let batching = match config.batching {
        true => Batching::Rows {
            max_batch_size: config.max_batch_size.get(),
            window_ms: config.batch_window.as_secs_f64() * 1000.0,
        },
        false => Batching::Off,
    };
    ModelDocument {
        name: model.name.to_string(),
        state: model.status().state.name(),
        inputs: version.as_deref().map(inputs),
        output: version.as_deref().and_then(Version::example).map(output),
        batching,
        max_queue_depth: config.max_queue_depth.get(),
        request_timeout_s: config.request_timeout.as_secs_f64(),
        takes_images: config.preprocess.is_some(),
    }
}

/// Who may change a server that is bound to `address`.
pub fn changes(admin: &Admin, address: SocketAddr) -> Changes {
    match admin {
        Admin::Loopback if address.ip().is_loopback() => Changes::Local,
        Admin::Token { .. } => Changes::WithToken,
        Admin::Loopback | Admin::Off => Changes::Nobody,
    }
}

fn inputs(version: &Version) -> Vec<InputDocument> {
    let interface = version.interface();
    let answered = version.example().map(|example| interface.rows_of(&example.inputs));
    let answered = answered.unwrap_or_else(|| vec![None; interface.inputs().len()]);
    let mut likely = interface.likely_row();
    let input = |(input, answered): (&Input, _)| {
        let likely = likely.take_if(|_| *input.kind() == ArgumentKind::Tensor);
        describe_input(input, answered, likely, version.made_up_number())
    };
    interface.inputs().iter().zip(answered).map(input).collect()
}

fn describe_input(
    input: &Input,
    answered: Option<TensorMeta>,
    likely: Option<TensorMeta>,
    made_up: u8,
) -> InputDocument {
    let tensor = || match (input.declared(), answered, likely) {
        (Some(declared), _, _) => TensorDocument::Declared {
            dtype: declared.dtype,
            shape: declared.shape.clone(),
            number: made_up,
        },
        (None, Some(row), _) => {
            TensorDocument::Answered { dtype: row.dtype, shape: row.shape.dims().to_vec() }
        }
        (None, None, Some(row)) => {
            TensorDocument::Likely { dtype: row.dtype, shape: row.shape.dims().to_vec() }
        }
        (None, None, None) => TensorDocument::Unknown,
    };
    let kind = match input.kind() {
        ArgumentKind::Tensor => InputKind::Tensor(tensor()),
        ArgumentKind::Tensors => InputKind::Tensors,
        ArgumentKind::Int => InputKind::Int,
        ArgumentKind::Float => InputKind::Float,
        ArgumentKind::Bool => InputKind::Bool,
        ArgumentKind::Str => InputKind::Str,
        ArgumentKind::Ints => InputKind::Ints,
        ArgumentKind::Floats => InputKind::Floats,
        ArgumentKind::Other(name) => InputKind::Other(name.clone()),
    };
    InputDocument {
        name: input.name().to_owned(),
        kind,
        optional: input.optional(),
        default: input.default().map(str::to_owned),
    }
}

fn output(example: &Example) -> OutputDocument {
    node(&example.structure, &mut example.outputs.iter())
}

/// Tensors are met in the order in which the structure numbers them.
fn node(structure: &Structure, tensors: &mut std::slice::Iter<'_, TensorMeta>) -> OutputDocument {
    let mut child = |child: &Structure| node(child, tensors);
    match structure {
        Structure::Tuple(children) => OutputDocument::Tuple(children.iter().map(child).collect()),
        Structure::List(children) => OutputDocument::List(children.iter().map(child).collect()),
        Structure::Dict(members) => {
            let member = |(key, value): &(String, Structure)| (key.clone(), child(value));
            OutputDocument::Dict(members.iter().map(member).collect())
        }
        Structure::Tensor => match tensors.next() {
            Some(row) => OutputDocument::Tensor { dtype: row.dtype, rank: row.shape.rank() },
            // A structure has as many tensors as there are outputs: the ring checks that.
            None => OutputDocument::None,
        },
        Structure::None => OutputDocument::None,
        Structure::Bool(_) => OutputDocument::Bool,
        Structure::Int(_) => OutputDocument::Int,
        Structure::Float(_) => OutputDocument::Float,
        Structure::Str(_) => OutputDocument::Str,
    }
}
