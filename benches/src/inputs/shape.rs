//! The inputs of a model, and the dimensions that only a person can tell.

use std::str::FromStr;

use super::datatype::Datatype;

/// One input, as a server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    pub name: String,
    pub datatype: Datatype,
    /// -1 for a free dimension; a free first one is the rows.
    pub shape: Vec<i64>,
}

/// `[NAME:]DIM,DIM,…[:DATATYPE]`: one row of an input, without the dimension of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeArgument {
    pub name: Option<String>,
    pub row: Vec<u64>,
    pub datatype: Option<Datatype>,
}

/// An input with every dimension known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    pub(super) shape: Vec<u64>,
    pub(super) has_rows: bool,
}

/// All inputs of a model, ready to be made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedInputs(pub(super) Vec<Resolved>);

/// Why the shapes of the inputs are not known.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ShapeError {
    #[error(
        "input {name} has free dimensions ({shape}): say those of one row with --shape {name}:DIM,DIM,…, or give requests with --input FILE"
    )]
    Free { name: String, shape: String },
    #[error("the model has no input {name}; its inputs are {}", known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("the model has several inputs ({}): write --shape NAME:DIM,DIM,… for each", known.join(", "))]
    Unnamed { known: Vec<String> },
    #[error("input {0} holds texts, which are not made up: give requests with --input FILE")]
    Texts(String),
    #[error(
        "the server tells no inputs: give the shape of a row with --shape DIM,DIM,…, or requests with --input FILE"
    )]
    Nothing,
    #[error("a row of input {0} would have more than a hundred million elements")]
    TooLarge(String),
}

/// More than any input that is measured; a typing error must not take all memory.
const MOST_ELEMENTS: u64 = 100_000_000;

/// Puts together what the server tells (nothing: `specs` is `None`) and what the command line says.
///
/// # Errors
/// What is missing, and how it is said.
pub fn resolve(
    specs: Option<&[InputSpec]>,
    arguments: &[ShapeArgument],
) -> Result<ResolvedInputs, ShapeError> {
    let told: Vec<InputSpec> = match specs {
        Some(specs) => specs.to_vec(),
        None => arguments.iter().map(spec_of_argument).collect(),
    };
    if told.is_empty() {
        return Err(ShapeError::Nothing);
    }
    let known = || told.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
    for argument in arguments.iter().filter(|_| specs.is_some()) {
        match &argument.name {
            None if told.len() > 1 => return Err(ShapeError::Unnamed { known: known() }),
            Some(name) if !told.iter().any(|spec| spec.name == *name) => {
                return Err(ShapeError::Unknown { name: name.clone(), known: known() });
            }
            _ => {}
        }
    }
    let resolved = told.iter().map(|spec| {
        let says = |argument: &&ShapeArgument| match &argument.name {
            Some(name) => *name == spec.name,
            None => true,
        };
        resolve_one(spec, arguments.iter().rfind(says))
    });
    Ok(ResolvedInputs(resolved.collect::<Result<_, _>>()?))
}

fn spec_of_argument(argument: &ShapeArgument) -> InputSpec {
    InputSpec {
        name: argument.name.clone().unwrap_or_else(|| "input".to_owned()),
        datatype: argument.datatype.unwrap_or(Datatype::Fp32),
        shape: vec![-1],
    }
}

fn resolve_one(spec: &InputSpec, argument: Option<&ShapeArgument>) -> Result<Resolved, ShapeError> {
    let name = spec.name.clone();
    let has_rows = spec.shape.first() == Some(&-1);
    let told = spec.shape.get(usize::from(has_rows)..).unwrap_or_default();
    let row: Vec<u64> = match argument {
        Some(argument) => argument.row.clone(),
        None => {
            let free = |_| ShapeError::Free { name: name.clone(), shape: dims(&spec.shape) };
            told.iter().map(|dim| u64::try_from(*dim).map_err(free)).collect::<Result<_, _>>()?
        }
    };
    let elements = row.iter().try_fold(1, |product: u64, dim| product.checked_mul(*dim));
    if elements.is_none_or(|elements| elements > MOST_ELEMENTS) {
        return Err(ShapeError::TooLarge(name));
    }
    let datatype = argument.and_then(|argument| argument.datatype).unwrap_or(spec.datatype);
    if datatype == Datatype::Bytes {
        return Err(ShapeError::Texts(name));
    }
    let rows = has_rows.then_some(1);
    Ok(Resolved { name, datatype, shape: rows.into_iter().chain(row).collect(), has_rows })
}

fn dims(shape: &[i64]) -> String {
    shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

impl FromStr for ShapeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, datatype) = match text.rsplit_once(':') {
            Some((rest, last)) if last.starts_with(|first: char| first.is_ascii_uppercase()) => {
                (rest, Some(last.parse()?))
            }
            _ => (text, None),
        };
        let (name, row) = match rest.rsplit_once(':') {
            Some((name, row)) => (Some(name.to_owned()), row),
            None => (None, rest),
        };
        let dim = |dim: &str| {
            dim.trim().parse().map_err(|_| {
                format!("{dim:?} is no dimension; write [NAME:]DIM,DIM,…[:DATATYPE], such as x:3,224,224")
            })
        };
        // A row without dimensions is a number.
        let row = row.split(',').filter(|_| !row.is_empty()).map(dim).collect::<Result<_, _>>()?;
        Ok(Self { name, row, datatype })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: &[i64]) -> InputSpec {
        InputSpec { name: name.to_owned(), datatype: Datatype::Fp32, shape: shape.to_vec() }
    }

    fn shapes(specs: Option<&[InputSpec]>, arguments: &[&str]) -> Result<String, ShapeError> {
        let arguments: Vec<_> = arguments.iter().map(|text| text.parse().unwrap()).collect();
        let resolved = resolve(specs, &arguments)?;
        let of = |input: &Resolved| format!("{} {:?}", input.name, input.shape);
        Ok(resolved.0.iter().map(of).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_shape_is_a_name_dimensions_and_a_datatype() {
        let of = |name: Option<&str>, row: &[u64], datatype| ShapeArgument {
            name: name.map(str::to_owned),
            row: row.to_vec(),
            datatype,
        };
        assert_eq!("128".parse(), Ok(of(None, &[128], None)));
        assert_eq!("x:3,4".parse(), Ok(of(Some("x"), &[3, 4], None)));
        assert_eq!("x:3:INT64".parse(), Ok(of(Some("x"), &[3], Some(Datatype::Int64))));
        assert_eq!("a:b:3".parse(), Ok(of(Some("a:b"), &[3], None)));
        assert_eq!("x:".parse(), Ok(of(Some("x"), &[], None)));
        for wrong in ["x:-1", "3x4", "x:3:FLOAT"] {
            assert!(wrong.parse::<ShapeArgument>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_free_first_dimension_is_the_rows() {
        assert_eq!(shapes(Some(&[spec("x", &[-1, 128])]), &[]), Ok("x [1, 128]".to_owned()));
        assert_eq!(shapes(Some(&[spec("x", &[4, 128])]), &[]), Ok("x [4, 128]".to_owned()));
        assert_eq!(shapes(Some(&[spec("x", &[-1, -1])]), &["3,2"]), Ok("x [1, 3, 2]".to_owned()));
    }

    #[test]
    fn what_nobody_told_is_asked_for() {
        let free = shapes(Some(&[spec("x", &[-1, -1])]), &[]);
        assert_eq!(free, Err(ShapeError::Free { name: "x".into(), shape: "-1, -1".into() }));
        let two = [spec("a", &[-1, -1]), spec("b", &[-1, 2])];
        assert!(matches!(shapes(Some(&two), &["3"]), Err(ShapeError::Unnamed { .. })));
        assert!(matches!(shapes(Some(&two), &["c:3"]), Err(ShapeError::Unknown { .. })));
        assert_eq!(shapes(Some(&two), &["a:3"]), Ok("a [1, 3] b [1, 2]".to_owned()));
        assert_eq!(shapes(None, &[]), Err(ShapeError::Nothing));
        assert_eq!(shapes(None, &["128"]), Ok("input [1, 128]".to_owned()));
        let large = shapes(None, &["100000,100000,100000,100000,100000"]);
        assert_eq!(large, Err(ShapeError::TooLarge("input".into())));
    }
}
