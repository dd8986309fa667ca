//! The protocol's names for element types.

use std::fmt;

use crate::tensor::Dtype;

/// The type of a tensor's elements. Those of the protocol that torch has no arithmetic for (UINT16,
/// UINT32, UINT64) are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datatype {
    Numbers(Dtype),
    /// Strings: in binary each with its length before it.
    Bytes,
}

impl Datatype {
    /// The datatype of that name, such as `FP32`.
    ///
    /// # Errors
    /// A sentence that names what there is.
    pub fn named(name: &str) -> Result<Self, String> {
        let known = Dtype::ALL.into_iter().map(Self::Numbers).chain([Self::Bytes]);
        let mut known = known.filter(|datatype| datatype.name() == name);
        known.next().ok_or_else(|| {
            let names: Vec<&str> = Dtype::ALL.into_iter().map(name_of).collect();
            format!("unsupported datatype '{name}': there are {} and BYTES", names.join(", "))
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Numbers(dtype) => name_of(dtype),
            Self::Bytes => "BYTES",
        }
    }

    /// Its name in a model's configuration.
    pub fn config_name(self) -> String {
        match self {
            Self::Numbers(dtype) => format!("TYPE_{}", name_of(dtype)),
            Self::Bytes => "TYPE_STRING".to_owned(),
        }
    }

    /// Of a leaf; `None` means strings.
    pub fn of(dtype: Option<Dtype>) -> Self {
        dtype.map_or(Self::Bytes, Self::Numbers)
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

const fn name_of(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "BOOL",
        Dtype::Uint8 => "UINT8",
        Dtype::Int8 => "INT8",
        Dtype::Int16 => "INT16",
        Dtype::Int32 => "INT32",
        Dtype::Int64 => "INT64",
        Dtype::Float16 => "FP16",
        Dtype::Bfloat16 => "BF16",
        Dtype::Float32 => "FP32",
        Dtype::Float64 => "FP64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_datatype() {
        for dtype in Dtype::ALL {
            let datatype = Datatype::Numbers(dtype);
            assert_eq!(Datatype::named(datatype.name()), Ok(datatype));
        }
        assert_eq!(Datatype::named("BYTES"), Ok(Datatype::Bytes));
        for unknown in ["UINT16", "fp32", "", "TYPE_FP32"] {
            assert!(Datatype::named(unknown).unwrap_err().contains("FP64"), "{unknown}");
        }
    }
}
