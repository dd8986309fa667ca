//! How the tensors of an output nest, and the values between them that are no tensors.
//!
//! The encoding is pre-order: a tag byte, then for a tuple, list or dict a `u32` count and its
//! children, each child of a dict preceded by its key; for an int an `i64`, for a float an `f64`,
//! for a string as for a key a `u32` length and UTF-8. A worker wrote the bytes, so decoding bounds
//! depth and size before it allocates.

use thiserror::Error;

use crate::MAX_TEXT;
use crate::bytes::Reader;

const MAX_DEPTH: usize = 16;
/// Each takes at least its tag.
const MAX_NODES: usize = MAX_TEXT;

const TENSOR: u8 = 0;
const TUPLE: u8 = 1;
const LIST: u8 = 2;
const DICT: u8 = 3;
const NONE: u8 = 4;
const FALSE: u8 = 5;
const TRUE: u8 = 6;
const INT: u8 = 7;
const FLOAT: u8 = 8;
const STR: u8 = 9;

/// What a model returned, with its tensors numbered from left to right.
#[derive(Clone, Debug, PartialEq)]
pub enum Structure {
    Tensor,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Tuple(Vec<Structure>),
    List(Vec<Structure>),
    Dict(Vec<(String, Structure)>),
}

/// A structure that is too large to pass, or bytes that encode none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StructureError {
    #[error("the structure nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the structure has more than {MAX_NODES} nodes")]
    TooLarge,
    #[error("the bytes of the structure end early")]
    Truncated,
    #[error("{0} is no kind of node")]
    UnknownTag(u8),
    #[error("a string is not UTF-8")]
    NotUtf8,
    #[error("{0} bytes follow the structure")]
    TrailingBytes(usize),
}

impl Structure {
    /// The structure of an output nobody described: the tensor itself, or a tuple of them.
    pub(crate) fn of_plain(tensors: usize) -> Self {
        match tensors {
            1 => Self::Tensor,
            count => Self::Tuple(vec![Self::Tensor; count]),
        }
    }

    /// How many tensors it holds.
    pub fn tensors(&self) -> usize {
        match self {
            Self::Tensor => 1,
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) => 0,
            Self::Tuple(children) | Self::List(children) => {
                children.iter().map(Self::tensors).sum()
            }
            Self::Dict(children) => children.iter().map(|(_, child)| child.tensors()).sum(),
        }
    }

    /// Its bytes. A structure beyond the bounds encodes too, and is refused by
    /// [`Structure::decode`].
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes);
        bytes
    }

    /// Reads back what [`Structure::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, StructureError> {
        let mut decoder = Decoder { reader: Reader::new(bytes), nodes: 0 };
        let structure = decoder.node(1)?;
        match decoder.reader.remaining() {
            0 => Ok(structure),
            rest => Err(StructureError::TrailingBytes(rest)),
        }
    }

    fn encode_into(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Tensor => bytes.push(TENSOR),
            Self::None => bytes.push(NONE),
            Self::Bool(value) => bytes.push(if *value { TRUE } else { FALSE }),
            Self::Int(value) => {
                bytes.push(INT);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Self::Float(value) => {
                bytes.push(FLOAT);
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Self::Str(text) => {
                bytes.push(STR);
                encode_text(text, bytes);
            }
            Self::Tuple(children) | Self::List(children) => {
                bytes.push(if matches!(self, Self::Tuple(_)) { TUPLE } else { LIST });
                encode_length(children.len(), bytes);
                children.iter().for_each(|child| child.encode_into(bytes));
            }
            Self::Dict(children) => {
                bytes.push(DICT);
                encode_length(children.len(), bytes);
                for (key, child) in children {
                    encode_text(key, bytes);
                    child.encode_into(bytes);
                }
            }
        }
    }
}

fn encode_text(text: &str, bytes: &mut Vec<u8>) {
    encode_length(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

/// A length beyond `u32` becomes one that no decoder accepts.
fn encode_length(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

struct Decoder<'a> {
    reader: Reader<'a>,
    nodes: usize,
}

impl Decoder<'_> {
    fn node(&mut self, depth: usize) -> Result<Structure, StructureError> {
        if depth > MAX_DEPTH {
            return Err(StructureError::TooDeep);
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(StructureError::TooLarge);
        }
        match self.reader.u8().ok_or(StructureError::Truncated)? {
            TENSOR => Ok(Structure::Tensor),
            NONE => Ok(Structure::None),
            FALSE => Ok(Structure::Bool(false)),
            TRUE => Ok(Structure::Bool(true)),
            INT => Ok(Structure::Int(i64::from_le_bytes(self.eight()?))),
            FLOAT => Ok(Structure::Float(f64::from_le_bytes(self.eight()?))),
            STR => Ok(Structure::Str(self.text()?)),
            TUPLE => Ok(Structure::Tuple(self.children(|this| this.node(depth + 1))?)),
            LIST => Ok(Structure::List(self.children(|this| this.node(depth + 1))?)),
            DICT => Ok(Structure::Dict(
                self.children(|this| Ok((this.text()?, this.node(depth + 1)?)))?,
            )),
            tag => Err(StructureError::UnknownTag(tag)),
        }
    }

    fn children<T>(
        &mut self,
        mut child: impl FnMut(&mut Self) -> Result<T, StructureError>,
    ) -> Result<Vec<T>, StructureError> {
        let count = self.length()?;
        // So that a count alone allocates nothing.
        if count > MAX_NODES {
            return Err(StructureError::TooLarge);
        }
        (0..count).map(|_| child(self)).collect()
    }

    fn eight(&mut self) -> Result<[u8; 8], StructureError> {
        self.reader.array().ok_or(StructureError::Truncated)
    }

    fn text(&mut self) -> Result<String, StructureError> {
        let length = self.length()?;
        let bytes = self.reader.bytes(length).ok_or(StructureError::Truncated)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| StructureError::NotUtf8)?.to_owned())
    }

    fn length(&mut self) -> Result<usize, StructureError> {
        let length = self.reader.u32().ok_or(StructureError::Truncated)?;
        usize::try_from(length).map_err(|_| StructureError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> Structure {
        (1..depth).fold(Structure::Tensor, |inner, _| Structure::List(vec![inner]))
    }

    #[test]
    fn a_structure_reads_back_as_written() {
        use Structure::{self as S, Bool, Dict, Float, Int, List, Str, Tensor, Tuple};
        for (structure, leaves) in [
            (Tensor, 1),
            (Tuple(vec![]), 0),
            (Tuple(vec![Tensor, List(vec![Tensor, Tensor]), Tensor]), 4),
            (Dict(vec![("logits".into(), Tensor), ("λ".into(), Tuple(vec![Tensor]))]), 2),
            (nested(MAX_DEPTH), 1),
            (List(vec![Tensor; MAX_NODES - 1]), MAX_NODES - 1),
            (
                Tuple(vec![S::None, Bool(true), Bool(false), Int(-7), Float(0.5), Str("ä".into())]),
                0,
            ),
        ] {
            assert_eq!(structure.tensors(), leaves);
            assert_eq!(Structure::decode(&structure.encode()), Ok(structure));
        }
    }

    #[test]
    fn what_is_beyond_the_bounds_is_refused() {
        use StructureError as E;
        let wide = Structure::List(vec![Structure::Tensor; MAX_NODES]);
        let bushy =
            Structure::List(vec![Structure::Tuple(vec![Structure::Tensor; MAX_NODES / 10]); 10]);
        let cases: [(Vec<u8>, StructureError); 9] = [
            (nested(MAX_DEPTH + 1).encode(), E::TooDeep),
            (wide.encode(), E::TooLarge),
            (bushy.encode(), E::TooLarge),
            (vec![LIST, 255, 255, 255, 255], E::TooLarge),
            (vec![], E::Truncated),
            (vec![TUPLE, 2, 0, 0, 0, TENSOR], E::Truncated),
            (vec![DICT, 1, 0, 0, 0, 255, 255, 255, 255], E::Truncated),
            (vec![DICT, 1, 0, 0, 0, 1, 0, 0, 0, 0xFF, TENSOR], E::NotUtf8),
            (vec![TENSOR, TENSOR], E::TrailingBytes(1)),
        ];
        for (bytes, error) in cases {
            assert_eq!(
                Structure::decode(&bytes),
                Err(error),
                "{:?}",
                &bytes[..bytes.len().min(12)]
            );
        }
        assert_eq!(Structure::decode(&[10]), Err(E::UnknownTag(10)));
        assert_eq!(Structure::decode(&[INT, 1]), Err(E::Truncated));
        assert_eq!(Structure::decode(&[STR, 1, 0, 0, 0, 0xFF]), Err(E::NotUtf8));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        #[cfg_attr(miri, ignore = "thousands of cases are too slow under miri")]
        fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(0u8..11, 0..200)) {
            if let Ok(structure) = Structure::decode(&bytes) {
                prop_assert_eq!(structure.encode(), bytes);
            }
        }
    }
}
