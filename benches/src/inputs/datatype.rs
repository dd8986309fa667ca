//! Element types by the names of the Open Inference Protocol.

use std::str::FromStr;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    /// Texts.
    Bytes,
}

/// With the protocol's name and the name that `/v1` has for it.
const NAMES: [(Datatype, &str, &str); 14] = [
    (Datatype::Bool, "BOOL", "bool"),
    (Datatype::Uint8, "UINT8", "uint8"),
    (Datatype::Uint16, "UINT16", "uint16"),
    (Datatype::Uint32, "UINT32", "uint32"),
    (Datatype::Uint64, "UINT64", "uint64"),
    (Datatype::Int8, "INT8", "int8"),
    (Datatype::Int16, "INT16", "int16"),
    (Datatype::Int32, "INT32", "int32"),
    (Datatype::Int64, "INT64", "int64"),
    (Datatype::Fp16, "FP16", "float16"),
    (Datatype::Bf16, "BF16", "bfloat16"),
    (Datatype::Fp32, "FP32", "float32"),
    (Datatype::Fp64, "FP64", "float64"),
    (Datatype::Bytes, "BYTES", "str"),
];

impl Datatype {
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// As `/v1` names it: torch's word.
    pub fn torch_name(self) -> &'static str {
        self.names().1
    }

    pub fn is_fraction(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64)
    }

    fn names(self) -> (&'static str, &'static str) {
        let found = NAMES.iter().find(|(datatype, ..)| *datatype == self);
        found.map_or(("", ""), |(_, name, torch)| (*name, *torch))
    }
}

impl FromStr for Datatype {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, known, _)| *known == name);
        found.map(|(datatype, ..)| *datatype).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(_, name, _)| *name).collect();
            format!("{name} is no datatype of the Open Inference Protocol: {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_datatype_has_its_name() {
        for (datatype, name, torch) in NAMES {
            assert_eq!(name.parse(), Ok(datatype));
            assert_eq!((datatype.name(), datatype.torch_name()), (name, torch));
        }
        assert!("float32".parse::<Datatype>().is_err());
    }
}
