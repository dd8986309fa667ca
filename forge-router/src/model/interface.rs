//! What a version takes: the file's argument names joined with what the config declares of them.

use crate::config::{DeclaredInput, ModelConfig};
use crate::request::{Inputs, RequestError};
use crate::tensor::{Dtype, Shape, TensorMeta};

use forge_ipc::{ArgumentKind, Signature};

/// The tensors a model takes, in the order of its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    inputs: Vec<Input>,
}

/// One tensor argument. What is undeclared accepts anything.
#[derive(Clone, Debug, PartialEq)]
struct Input {
    name: String,
    declared: Option<DeclaredInput>,
}

/// A decoded input: its name where the client gave one, what one row of it is, and its elements.
#[derive(Debug)]
pub struct NamedInput {
    pub name: Option<String>,
    pub row: TensorMeta,
    pub data: Vec<u8>,
}

/// Why a model cannot be served with its config; the operator's fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InterfaceError {
    #[error("its forward takes no tensor")]
    NoTensor,
    #[error(
        "its forward needs '{name}' ({kind}), which is no tensor and has no default: \
         only tensors can be sent"
    )]
    NeedsOther { name: String, kind: String },
    #[error("its forward takes ({takes}), but the config declares an input '{name}'")]
    UnknownInput { name: String, takes: String },
    #[error("its forward takes ({takes}), but the config does not declare '{name}'")]
    Undeclared { name: String, takes: String },
}

impl Interface {
    /// Joins what the file tells with what the config declares: all inputs or none.
    pub fn new(signature: &Signature, config: &ModelConfig) -> Result<Self, InterfaceError> {
        let names = tensor_arguments(signature)?;
        let takes = || names.join(", ");
        for declared in &config.inputs {
            if !names.contains(&declared.name) {
                let name = declared.name.clone();
                return Err(InterfaceError::UnknownInput { name, takes: takes() });
            }
        }
        let mut inputs = Vec::with_capacity(names.len());
        for name in &names {
            let declared = config.inputs.iter().find(|declared| declared.name == *name).cloned();
            if declared.is_none() && !config.inputs.is_empty() {
                let name = name.clone();
                return Err(InterfaceError::Undeclared { name, takes: takes() });
            }
            inputs.push(Input { name: name.clone(), declared });
        }
        Ok(Self { inputs })
    }

    /// The inputs' names, in the order of the model's arguments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.name.as_str())
    }

    /// What the config declares of each input.
    pub fn declared(&self) -> impl Iterator<Item = (&str, Option<&DeclaredInput>)> {
        self.inputs.iter().map(|input| (input.name.as_str(), input.declared.as_ref()))
    }

    /// The dtype declared for `name`, or for the only input where no name is given.
    pub fn declared_dtype(&self, name: Option<&str>) -> Option<Dtype> {
        let input = match name {
            Some(name) => self.inputs.iter().find(|input| input.name == name),
            None => self.inputs.first(),
        };
        Some(input?.declared.as_ref()?.dtype)
    }

    /// What one row of each input is, where the config leaves nothing free.
    pub fn fixed_row(&self) -> Option<Vec<TensorMeta>> {
        self.row(|dim| dim)
    }

    /// A row that the declarations allow, with 1 for every free dimension; `None` where nothing is
    /// declared.
    pub fn smallest_row(&self) -> Option<Vec<TensorMeta>> {
        self.row(|dim| Some(dim.unwrap_or(1)))
    }

    fn row(&self, known: impl Fn(Option<u64>) -> Option<u64>) -> Option<Vec<TensorMeta>> {
        let row = |input: &Input| {
            let declared = input.declared.as_ref()?;
            let dims: Option<Vec<u64>> = declared.shape.iter().map(|dim| known(*dim)).collect();
            Some(TensorMeta { dtype: declared.dtype, shape: Shape::new(&dims?)? })
        };
        self.inputs.iter().map(row).collect()
    }

    /// Puts a request's inputs into the order of the arguments and checks them against what is
    /// declared. Nameless inputs stand for the only argument.
    pub fn accept(&self, mut given: Vec<NamedInput>) -> Result<Inputs, RequestError> {
        if let ([only], [input]) = (given.as_mut_slice(), self.inputs.as_slice()) {
            only.name.get_or_insert_with(|| input.name.clone());
        }
        if let Some(unknown) = given.iter().find(|named| !self.takes_input(named)) {
            return Err(self.unknown(unknown.name.as_deref()));
        }
        let mut row = Vec::with_capacity(self.inputs.len());
        let mut data = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let place = given.iter().position(|named| named.name.as_deref() == Some(&input.name));
            let Some(place) = place else { return Err(self.missing(&input.name)) };
            let named = given.swap_remove(place);
            input.check(&named.row)?;
            row.push(named.row);
            data.push(named.data);
        }
        Ok(Inputs { row: row.into(), data })
    }

    fn takes_input(&self, given: &NamedInput) -> bool {
        self.inputs.iter().any(|input| given.name.as_deref() == Some(&input.name))
    }

    fn missing(&self, name: &str) -> RequestError {
        RequestError::Invalid(format!("input '{name}' is missing; {}", self.takes()))
    }

    fn unknown(&self, name: Option<&str>) -> RequestError {
        RequestError::Invalid(match name {
            Some(name) => format!("there is no input '{name}'; {}", self.takes()),
            None => format!(
                "{}: send them by name, {{\"inputs\": {{\"{}\": …}}}}",
                self.takes(),
                self.inputs.first().map_or("x", |input| &input.name)
            ),
        })
    }

    fn takes(&self) -> String {
        format!("the model takes {}", self.names().collect::<Vec<_>>().join(", "))
    }
}

impl Input {
    fn check(&self, row: &TensorMeta) -> Result<(), RequestError> {
        let Some(declared) = &self.declared else { return Ok(()) };
        let name = &self.name;
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

/// The names of the tensors that come before anything else; the rest must have defaults.
fn tensor_arguments(signature: &Signature) -> Result<Vec<String>, InterfaceError> {
    let is_tensor = |kind: &ArgumentKind| *kind == ArgumentKind::Tensor;
    let tensors = signature.arguments.iter().take_while(|argument| is_tensor(&argument.kind));
    let names: Vec<String> = tensors.map(|argument| argument.name.clone()).collect();
    let rest = &signature.arguments[names.len()..];
    if let Some(needed) = rest.iter().find(|argument| argument.default.is_none()) {
        let (name, kind) = (needed.name.clone(), needed.kind.to_string());
        return Err(InterfaceError::NeedsOther { name, kind });
    }
    if names.is_empty() { Err(InterfaceError::NoTensor) } else { Ok(names) }
}
