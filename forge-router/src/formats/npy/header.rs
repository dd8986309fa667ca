//! The header of a `.npy`: a dict in Python's notation with `descr`, `fortran_order` and `shape`.

use super::NPY;
use crate::formats::FormatError;
use crate::tensor::{Dtype, MAX_RANK};

const MAGIC: &[u8] = b"\x93NUMPY";

/// numpy itself reads no longer ones by default.
const LONGEST: usize = 10_000;

/// What the elements are.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub dtype: Dtype,
    pub is_big_endian: bool,
    /// Whether the first dimension is the fastest.
    pub is_fortran: bool,
    pub shape: Vec<u64>,
}

impl Header {
    /// The header, and the bytes that follow it.
    pub(super) fn read(file: &[u8]) -> Result<(Self, &[u8]), FormatError> {
        let begins = "it does not begin as numpy.save writes it";
        let rest = file.strip_prefix(MAGIC).ok_or_else(|| malformed(begins))?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(|| malformed(begins))?;
        let (length, rest) = match version[0] {
            1 => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(ends)?;
                (usize::from(u16::from_le_bytes(*length)), rest)
            }
            2 | 3 => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(ends)?;
                (u32::from_le_bytes(*length) as usize, rest)
            }
            other => return Err(malformed(&format!("version {other}, known are 1 to 3"))),
        };
        if length > LONGEST {
            return Err(malformed(&format!("a header of {length} bytes, at most {LONGEST}")));
        }
        let (text, elements) = rest.split_at_checked(length).ok_or_else(ends)?;
        let text = std::str::from_utf8(text).map_err(|_| malformed("the header is no text"))?;
        Ok((parse(text)?, elements))
    }
}

/// The magic number, the version, and a header that ends where elements are aligned to 64 bytes.
pub(super) fn write(descr: &str, shape: &[u64]) -> Vec<u8> {
    let dims: String = shape.iter().map(|dim| format!("{dim}, ")).collect();
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    let before = MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    text.push_str(&" ".repeat(length - text.len() - 1));
    text.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&[1, 0]);
    // A name of a dtype and eight dimensions of 20 digits are far below 64 KiB.
    header.extend_from_slice(&(length as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// numpy's name for a dtype; bfloat16 has none and is answered in other formats.
pub(super) const fn descr(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "|b1",
        Dtype::Uint8 => "|u1",
        Dtype::Int8 => "|i1",
        Dtype::Int16 => "<i2",
        Dtype::Int32 => "<i4",
        Dtype::Int64 => "<i8",
        Dtype::Float16 => "<f2",
        Dtype::Bfloat16 => "<V2",
        Dtype::Float32 => "<f4",
        Dtype::Float64 => "<f8",
    }
}

fn parse(text: &str) -> Result<Header, FormatError> {
    let mut reader = Reader { rest: text };
    let (mut dtype, mut is_fortran, mut shape) = (None, None, None);
    reader.expect('{')?;
    while !reader.takes('}') {
        let key = reader.text()?;
        reader.expect(':')?;
        match key {
            "descr" if reader.peeks(['[', '(']) => {
                let told = "structured arrays are not taken, only arrays of one dtype";
                return Err(FormatError::Invalid(told.to_owned()));
            }
            "descr" => dtype = Some(read_descr(reader.text()?)?),
            "fortran_order" => is_fortran = Some(reader.flag()?),
            "shape" => shape = Some(reader.dims()?),
            _ => return Err(malformed("the header has an unknown key")),
        }
        if !reader.takes(',') {
            reader.expect('}')?;
            break;
        }
    }
    if !reader.rest.trim().is_empty() {
        return Err(malformed("something follows the dict in the header"));
    }
    let lacks = |key: &str| malformed(&format!("the header lacks '{key}'"));
    let (dtype, is_big_endian) = dtype.ok_or_else(|| lacks("descr"))?;
    let is_fortran = is_fortran.ok_or_else(|| lacks("fortran_order"))?;
    Ok(Header { dtype, is_big_endian, is_fortran, shape: shape.ok_or_else(|| lacks("shape"))? })
}

/// The dtype, and whether its elements are big-endian.
fn read_descr(descr: &str) -> Result<(Dtype, bool), FormatError> {
    let (order, kind) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "|" | "="), kind)) => (order, kind),
        _ => ("|", descr),
    };
    let refuse = |what: &str| FormatError::Invalid(format!("{what} ({descr}) are not taken"));
    let convert = |name: &str, into: &str| {
        FormatError::Invalid(format!(
            "torch has no arithmetic for {name}: convert it first, array.astype(\"{into}\")"
        ))
    };
    let dtype = match kind {
        "b1" | "?" => Dtype::Bool,
        "u1" => Dtype::Uint8,
        "i1" => Dtype::Int8,
        "i2" => Dtype::Int16,
        "i4" => Dtype::Int32,
        "i8" => Dtype::Int64,
        "f2" => Dtype::Float16,
        "f4" => Dtype::Float32,
        "f8" => Dtype::Float64,
        "u2" => return Err(convert("uint16", "int32")),
        "u4" => return Err(convert("uint32", "int64")),
        "u8" => return Err(convert("uint64", "int64")),
        _ if kind.starts_with('c') => return Err(refuse("complex numbers")),
        _ if kind.starts_with(['U', 'S', 'a']) => return Err(refuse("strings")),
        _ if kind.starts_with('O') => return Err(refuse("objects")),
        _ => return Err(refuse("elements of this dtype")),
    };
    Ok((dtype, order == ">" && dtype.size() > 1))
}

/// Reads what `repr` writes of the few values that a header has.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn peeks(&mut self, expected: [char; 2]) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.starts_with(expected)
    }

    fn takes(&mut self, expected: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, expected: char) -> Result<(), FormatError> {
        match self.takes(expected) {
            true => Ok(()),
            false => Err(malformed(&format!("the header lacks a {expected:?}"))),
        }
    }

    fn text(&mut self) -> Result<&'a str, FormatError> {
        let quote = if self.takes('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect('\'')?;
        }
        let unclosed = || malformed("the header has a text that does not end");
        let (text, rest) = self.rest.split_once(quote).ok_or_else(unclosed)?;
        self.rest = rest;
        Ok(text)
    }

    fn flag(&mut self) -> Result<bool, FormatError> {
        self.rest = self.rest.trim_start();
        for (word, flag) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(flag);
            }
        }
        Err(malformed("'fortran_order' in the header is neither True nor False"))
    }

    fn dims(&mut self) -> Result<Vec<u64>, FormatError> {
        let mut dims = Vec::new();
        self.expect('(')?;
        while !self.takes(')') {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            // numpy 1 on Windows wrote Python 2's long integers.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            let dim = digits.parse();
            dims.push(dim.map_err(|_| malformed("the header has a dimension that is none"))?);
            if dims.len() > MAX_RANK {
                let told = format!("more than {MAX_RANK} dimensions are not taken");
                return Err(FormatError::Invalid(told));
            }
            if !self.takes(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(dims)
    }
}

fn malformed(cause: &str) -> FormatError {
    FormatError::malformed(NPY, cause)
}

fn ends() -> FormatError {
    malformed("it ends within the header")
}
