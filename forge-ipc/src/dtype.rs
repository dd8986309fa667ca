//! Element types of tensors, with torch's names for them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a tensor's elements, stored little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool = 1,
    Uint8,
    Int8,
    Int16,
    Int32,
    Int64,
    /// IEEE 754 binary16.
    Float16,
    /// The upper half of a binary32.
    Bfloat16,
    Float32,
    Float64,
}

impl Dtype {
    /// Every dtype, in the order of its code.
    pub const ALL: [Self; 10] = [
        Self::Bool,
        Self::Uint8,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float16,
        Self::Bfloat16,
        Self::Float32,
        Self::Float64,
    ];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Int16 | Self::Float16 | Self::Bfloat16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }

    /// Torch's name without the `torch.` prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// The number that stands for this dtype in shared memory.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The dtype of a number read from shared memory; `None` for one nobody writes.
    pub const fn from_code(code: u8) -> Option<Self> {
        // `ALL` is in the order of the codes, which start at 1.
        if code == 0 || code as usize > Self::ALL.len() {
            return None;
        }
        Some(Self::ALL[code as usize - 1])
    }

    /// Reads torch's name or one of its aliases, with or without `torch.`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("torch.").unwrap_or(name) {
            "bool" => Self::Bool,
            "uint8" | "byte" => Self::Uint8,
            "int8" | "char" => Self::Int8,
            "int16" | "short" => Self::Int16,
            "int32" | "int" => Self::Int32,
            "int64" | "long" => Self::Int64,
            "float16" | "half" => Self::Float16,
            "bfloat16" => Self::Bfloat16,
            "float32" | "float" => Self::Float32,
            "float64" | "double" => Self::Float64,
            _ => return None,
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_its_dtype() {
        for (index, dtype) in Dtype::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(dtype.code()), index + 1);
            assert_eq!(Dtype::from_code(dtype.code()), Some(dtype));
            assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
        }
    }

    #[test]
    fn a_code_nobody_writes_is_no_dtype() {
        for code in [0, 11, 128, 255] {
            assert_eq!(Dtype::from_code(code), None);
        }
    }

    #[test]
    fn torch_aliases_are_understood() {
        for (alias, dtype) in [
            ("torch.float32", Dtype::Float32),
            ("float", Dtype::Float32),
            ("torch.long", Dtype::Int64),
            ("half", Dtype::Float16),
            ("byte", Dtype::Uint8),
        ] {
            assert_eq!(Dtype::from_name(alias), Some(dtype), "{alias}");
        }
        assert_eq!(Dtype::from_name("complex64"), None);
        assert_eq!(Dtype::from_name("Float32"), None);
    }
}
