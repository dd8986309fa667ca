//! One argument of a model that a request can give.

use forge_ipc::Argument;

use crate::config::DeclaredInput;
use crate::request::RequestError;
use crate::tensor::{ArgumentKind, TensorMeta};

/// What is undeclared accepts anything of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Among the arguments of `forward`.
    place: usize,
    argument: Argument,
    pub(super) declared: Option<DeclaredInput>,
    /// It is the mask of what is padded, which is made where a request leaves it out.
    pub(super) is_made: bool,
}

impl Input {
    pub(super) fn new(place: usize, argument: Argument, declared: Option<DeclaredInput>) -> Self {
        Self { place, argument, declared, is_made: false }
    }

    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub fn name(&self) -> &str {
        &self.argument.name
    }

    /// What the config calls it, else its own name.
    pub fn public_name(&self) -> &str {
        self.declared.as_ref().map_or(self.name(), |declared| &declared.name)
    }

    pub fn kind(&self) -> &ArgumentKind {
        &self.argument.kind
    }

    /// Whether it may be None.
    pub fn optional(&self) -> bool {
        self.argument.optional || self.is_made
    }

    /// Its type as Python writes it.
    pub fn type_name(&self) -> String {
        self.argument.type_name()
    }

    /// As Python prints it.
    pub fn default(&self) -> Option<&str> {
        self.argument.default.as_deref()
    }

    /// Whether a request has to give it.
    pub fn is_required(&self) -> bool {
        self.needs_value() && !self.is_made
    }

    /// Whether the model has to get it, from whomever.
    pub(super) fn needs_value(&self) -> bool {
        self.argument.is_required()
    }

    pub fn declared(&self) -> Option<&DeclaredInput> {
        self.declared.as_ref()
    }

    pub(super) fn takes_tensors(&self) -> bool {
        matches!(self.kind(), ArgumentKind::Tensor | ArgumentKind::Tensors)
    }

    /// Compares a row with what is declared.
    pub(super) fn check(&self, row: &TensorMeta) -> Result<(), RequestError> {
        let Some(declared) = &self.declared else { return Ok(()) };
        let name = self.name();
        if row.dtype != declared.dtype {
            return Err(RequestError::Invalid(format!(
                "Invalid input tensor: '{name}' has dtype {}, expected {}",
                row.dtype, declared.dtype
            )));
        }
        let dims = row.shape.dims();
        let fits = dims.len() == declared.shape.len()
            && dims.iter().zip(&declared.shape).all(|(dim, want)| want.is_none_or(|w| w == *dim));
        if fits {
            return Ok(());
        }
        // The usual mistake of who comes from Python.
        let hint = match dims.len() == declared.shape.len() + 1 {
            true => ": a request is one row, without the batch dimension",
            false => "",
        };
        Err(RequestError::Invalid(format!(
            "Invalid input tensor: '{name}' has shape {}, expected {}{hint}",
            row.shape,
            show_declared(&declared.shape)
        )))
    }
}

/// A declared shape as the config writes it: -1 for a free dimension.
fn show_declared(shape: &[Option<u64>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|dim| dim.map_or("-1".to_owned(), |dim| dim.to_string())).collect();
    format!("[{}]", dims.join(", "))
}
