//! What a version takes: the file's argument names joined with what the config declares of them.

mod accept;
mod input;
mod pad;

use self::pad::Padder;
use crate::config::{DeclaredInput, ModelConfig, Pad};
use crate::tensor::{ArgumentKind, Dtype, Shape, TensorMeta};

use forge_ipc::{Argument, Signature};

pub use accept::{GivenInput, NamedInput, RowTensor};
pub use input::Input;

/// The arguments of a model's `forward` that a request can give, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    inputs: Vec<Input>,
    /// Arguments of types that cannot be sent lie between the inputs, by their place.
    arguments: usize,
    /// The input that one without a name is for.
    sole: Option<usize>,
    padder: Option<Padder>,
    /// What a row of the first tensor probably is.
    likely_row: Option<TensorMeta>,
}

/// Why a model cannot be served with its config; the operator's fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InterfaceError {
    #[error(
        "its forward takes no tensor: set batching = false, as nothing tells rows from each other"
    )]
    NoTensor,
    #[error("its forward takes nothing that can be sent")]
    NoInput,
    #[error(
        "its forward needs '{name}' ({kind}), which cannot be sent and has no default: tensors, \
         int, float, bool, str, lists of numbers and of tensors can"
    )]
    NeedsOther { name: String, kind: String },
    #[error("its forward takes ({takes}), but the config declares an input '{name}'")]
    UnknownInput { name: String, takes: String },
    #[error(
        "the config declares an input '{name}', which is {kind}: only a Tensor can be declared"
    )]
    NotATensor { name: String, kind: String },
    #[error("the config declares the input '{name}' and '{other}', which are the same argument")]
    DeclaredTwice { name: String, other: String },
    #[error("its forward takes ({takes}), but the config does not declare '{name}'")]
    Undeclared { name: String, takes: String },
    #[error("its forward takes ({takes}): set preprocess.input to the tensor that an image is for")]
    NoImageInput { takes: String },
    #[error("its forward takes ({takes}), but pad.mask_input is '{name}'")]
    NoMaskInput { name: String, takes: String },
    #[error("pad.mask_input is '{name}', which is {kind}: a mask is a Tensor")]
    MaskNotATensor { name: String, kind: String },
}

impl Interface {
    /// Joins what the file tells with what the config declares: all tensors that a request must
    /// give, or none.
    pub fn new(signature: &Signature, config: &ModelConfig) -> Result<Self, InterfaceError> {
        let interface =
            Self::join(signature, &config.inputs, config.batching, config.pad.as_ref())?;
        interface.check_preprocess(signature, config)?;
        Ok(interface)
    }

    /// [`Interface::new`] of the parts of a config that matter.
    pub fn join(
        signature: &Signature,
        declared: &[DeclaredInput],
        batching: bool,
        pad: Option<&Pad>,
    ) -> Result<Self, InterfaceError> {
        let mut inputs = Vec::with_capacity(signature.arguments.len());
        let mut declarations = declarations(signature, declared)?;
        for (place, argument) in signature.arguments.iter().enumerate() {
            let declared = declarations.get_mut(place).and_then(Option::take);
            match argument.kind {
                ArgumentKind::Other(_) if argument.is_required() => {
                    let (name, kind) = (argument.name.clone(), argument.type_name());
                    return Err(InterfaceError::NeedsOther { name, kind });
                }
                ArgumentKind::Other(_) => {}
                _ => inputs.push(Input::new(place, argument.clone(), declared)),
            }
        }
        let padder = pad.map(|pad| Padder::new(pad, &mut inputs, signature)).transpose()?;
        let arguments = signature.arguments.len();
        let sole = sole(&inputs);
        let likely_row = signature.likely_row;
        let interface = Self { inputs, arguments, sole, padder, likely_row };
        interface.check_declared(signature, declared)?;
        let has_tensor = interface.inputs.iter().any(Input::takes_tensors);
        match (interface.inputs.is_empty(), batching && !has_tensor) {
            (true, _) => Err(InterfaceError::NoInput),
            (_, true) => Err(InterfaceError::NoTensor),
            _ => Ok(interface),
        }
    }

    /// In the order of the model's arguments.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The input that is meant where a request gives one without a name.
    pub fn sole_input(&self) -> Option<&Input> {
        self.inputs.get(self.sole?)
    }

    /// What a row of the first tensor probably is, as the model's file tells. Nothing may rely on it.
    pub fn likely_row(&self) -> Option<TensorMeta> {
        self.likely_row
    }

    /// The input of that name, which is the argument's or the one that the config gives it.
    pub fn input(&self, name: &str) -> Option<&Input> {
        let own = self.inputs.iter().find(|input| input.name() == name);
        own.or_else(|| self.inputs.iter().find(|input| input.public_name() == name))
    }

    /// The dtype declared for `name`, or for the sole input where no name is given.
    pub fn declared_dtype(&self, name: Option<&str>) -> Option<Dtype> {
        let input = match name {
            Some(name) => self.input(name),
            None => self.sole_input(),
        };
        Some(input?.declared()?.dtype)
    }

    /// What one row of each declared tensor is, where the config leaves nothing free.
    pub fn fixed_row(&self) -> Option<Vec<TensorMeta>> {
        self.row(|dim| dim)
    }

    /// A row that the declarations allow, with 1 for every free dimension and padded; `None` where nothing is
    /// declared, or something that cannot be has to be given.
    pub fn smallest_row(&self) -> Option<Vec<TensorMeta>> {
        let mut row = self.row(|dim| Some(dim.unwrap_or(1)))?;
        if let Some(padder) = &self.padder {
            padder.stretch(&self.inputs, &mut row, padder.shortest());
        }
        Some(row)
    }

    /// Two declared rows of different lengths, where running both is to tell which outputs follow the
    /// length; `None` where nothing is to be found out.
    pub fn rows_to_compare(&self) -> Option<[(u64, Vec<TensorMeta>); 2]> {
        let padder = self.padder.as_ref()?;
        let lengths = padder.lengths_to_compare()?;
        let row = self.smallest_row()?;
        Some(lengths.map(|length| {
            let mut row = row.clone();
            padder.stretch(&self.inputs, &mut row, length);
            (length, row)
        }))
    }

    /// What a row of each output was for each of the [`rows_to_compare`](Self::rows_to_compare), by
    /// their lengths.
    pub fn learn_outputs(&self, lengths: [u64; 2], outputs: [&[TensorMeta]; 2]) {
        if let Some(padder) = &self.padder {
            padder.learn_outputs(lengths, outputs);
        }
    }

    /// Whether what is declared is all that a request can give in tensors, and leaves nothing free.
    pub fn is_fixed(&self) -> bool {
        let mut tensors = self.inputs.iter().filter(|input| input.takes_tensors());
        self.fixed_row().is_some() && tensors.all(|input| input.declared().is_some())
    }

    fn row(&self, known: impl Fn(Option<u64>) -> Option<u64>) -> Option<Vec<TensorMeta>> {
        if self.inputs.iter().any(|input| input.is_required() && input.declared().is_none()) {
            return None;
        }
        let row = |declared: &DeclaredInput| {
            let dims: Option<Vec<u64>> = declared.shape.iter().map(|dim| known(*dim)).collect();
            Some(TensorMeta { dtype: declared.dtype, shape: Shape::new(&dims?)? })
        };
        // A tensor after one that is left out could not be given in order.
        let tensors = self.inputs.iter().filter(|input| *input.kind() == ArgumentKind::Tensor);
        let row: Option<Vec<_>> = tensors.map_while(Input::declared).map(row).collect();
        row.filter(|row| !row.is_empty())
    }

    fn check_declared(
        &self,
        signature: &Signature,
        inputs: &[DeclaredInput],
    ) -> Result<(), InterfaceError> {
        for declared in inputs {
            let name = declared.name.clone();
            let place = argument_of(declared, signature);
            match place.and_then(|place| signature.arguments.get(place)) {
                None => return Err(InterfaceError::UnknownInput { name, takes: takes(signature) }),
                Some(Argument { kind: ArgumentKind::Tensor, .. }) => {}
                Some(other) => {
                    return Err(InterfaceError::NotATensor { name, kind: other.type_name() });
                }
            }
        }
        let needs = |input: &&Input| {
            *input.kind() == ArgumentKind::Tensor
                && input.is_required()
                && input.declared().is_none()
        };
        match self.inputs.iter().find(needs).filter(|_| !inputs.is_empty()) {
            None => Ok(()),
            Some(input) => {
                let name = input.name().to_owned();
                Err(InterfaceError::Undeclared { name, takes: takes(signature) })
            }
        }
    }

    fn check_preprocess(
        &self,
        signature: &Signature,
        config: &ModelConfig,
    ) -> Result<(), InterfaceError> {
        let Some(preprocess) = &config.preprocess else { return Ok(()) };
        let input = match &preprocess.input {
            Some(name) => self.input(name),
            None => self.sole_input(),
        };
        match input.filter(|input| *input.kind() == ArgumentKind::Tensor) {
            Some(_) => Ok(()),
            None => Err(InterfaceError::NoImageInput { takes: takes(signature) }),
        }
    }
}

/// What is declared of each argument.
fn declarations(
    signature: &Signature,
    inputs: &[DeclaredInput],
) -> Result<Vec<Option<DeclaredInput>>, InterfaceError> {
    let mut declarations: Vec<Option<DeclaredInput>> = vec![None; signature.arguments.len()];
    for declared in inputs {
        // One that is for no argument is told later, with what there is.
        let place = argument_of(declared, signature);
        let Some(slot) = place.and_then(|place| declarations.get_mut(place)) else { continue };
        if let Some(other) = slot.replace(declared.clone()) {
            let name = declared.name.clone();
            return Err(InterfaceError::DeclaredTwice { name, other: other.name });
        }
    }
    Ok(declarations)
}

/// The place of the argument that is meant: the one of that name, or else the one at its place.
fn argument_of(declared: &DeclaredInput, signature: &Signature) -> Option<usize> {
    let by_name = signature.arguments.iter().position(|it| it.name == declared.name);
    by_name.or(declared.place)
}

/// The only input that has to be given; or else, where none has to be, the only tensor.
fn sole(inputs: &[Input]) -> Option<usize> {
    let tensor = |input: &Input| *input.kind() == ArgumentKind::Tensor;
    let mut required = inputs.iter().enumerate().filter(|(_, input)| input.is_required());
    match (required.next(), required.next()) {
        (Some((place, input)), None) if tensor(input) => Some(place),
        (None, _) => {
            let mut tensors = inputs.iter().enumerate().filter(|(_, input)| tensor(input));
            let only = tensors.next().map(|(place, _)| place);
            only.filter(|_| tensors.next().is_none())
        }
        _ => None,
    }
}

fn takes(signature: &Signature) -> String {
    let names: Vec<&str> =
        signature.arguments.iter().map(|argument| argument.name.as_str()).collect();
    names.join(", ")
}
