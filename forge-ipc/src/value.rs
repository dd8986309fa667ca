//! Values that are no tensors: among the arguments of a `forward`, and in what it returns.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::MAX_TEXT;

/// A value of TorchScript's own types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

/// What one argument of `forward` gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Given {
    /// What the model's file says.
    Default,
    /// The next tensor of the batch.
    Tensor,
    /// A list of the next so many tensors.
    Tensors(u32),
    Value(Value),
}

/// What each argument of `forward` gets, as the bytes that travel with a batch.
///
/// Requests whose bytes are equal can run together. Arguments left out at the end get their
/// defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments<'a>(&'a [u8]);

/// Arguments that cannot travel, or bytes that encode none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArgumentsError {
    #[error("the arguments that are no tensors take {0} bytes, a batch has {MAX_TEXT} for them")]
    TooLong(usize),
    #[error("the bytes are no list of arguments: {0}")]
    Malformed(String),
}

impl<'a> Arguments<'a> {
    /// The bytes that [`Arguments::encode`] gave; none at all for [`Arguments::in_order`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The batch's tensors are for the tensor arguments, in their order; the rest get their
    /// defaults.
    pub fn in_order() -> Self {
        Self(&[])
    }

    pub fn is_in_order(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of these arguments.
    pub fn encode(given: &[Given]) -> Result<Vec<u8>, ArgumentsError> {
        let bytes = postcard::to_stdvec(given).map_err(|error| malformed(&error))?;
        if bytes.len() > MAX_TEXT {
            return Err(ArgumentsError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads back what was encoded.
    pub fn decode(&self) -> Result<Vec<Given>, ArgumentsError> {
        let (given, rest) = postcard::take_from_bytes(self.0).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(ArgumentsError::Malformed(format!("{} bytes follow it", rest.len())));
        }
        Ok(given)
    }
}

fn malformed(error: &postcard::Error) -> ArgumentsError {
    ArgumentsError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_read_back_as_written() {
        let given = [
            Given::Tensor,
            Given::Default,
            Given::Tensors(3),
            Given::Value(Value::None),
            Given::Value(Value::Bool(true)),
            Given::Value(Value::Int(i64::MIN)),
            Given::Value(Value::Float(0.1)),
            Given::Value(Value::Str("ä".to_owned())),
            Given::Value(Value::Ints(vec![1, -1])),
            Given::Value(Value::Floats(vec![f64::INFINITY])),
        ];
        let bytes = Arguments::encode(&given).unwrap();
        assert_eq!(Arguments::new(&bytes).decode().unwrap(), given);
    }

    #[test]
    fn what_is_too_long_or_no_list_is_refused() {
        let long = [Given::Value(Value::Str("x".repeat(MAX_TEXT)))];
        assert!(matches!(Arguments::encode(&long), Err(ArgumentsError::TooLong(_))));
        for bytes in [&[][..], &[200], &[1, 99], &[0, 0]] {
            let decoded = Arguments::new(bytes).decode();
            assert!(matches!(decoded, Err(ArgumentsError::Malformed(_))), "{bytes:?}");
        }
    }
}
