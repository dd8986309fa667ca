//! `[models.NAME.pad]`: how rows of different lengths come to run together.

use std::num::NonZeroU64;

use half::{bf16, f16};
use toml::Value;

use super::inputs::{DeclaredInput, MAX_DIMS};
use super::section::Section;
use crate::tensor::{Dtype, aligned};

const MULTIPLE: NonZeroU64 = NonZeroU64::new(16).unwrap();
const LONGEST: u64 = 1 << 24;

/// What a mask that Forge makes is where nothing is declared of it: what tokenizers return.
pub const MASK_DTYPE: Dtype = Dtype::Int64;

/// Rows whose dimension `dim` differs are filled up to a common size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Of a row, outermost is 0.
    pub dim: usize,
    /// What the new elements are.
    pub value: PadValue,
    /// What the dimension is rounded up to a multiple of.
    pub multiple: NonZeroU64,
    /// What it is never longer than.
    pub max_length: Option<NonZeroU64>,
    /// The argument that says which positions count: 1 for a row's own, 0 for padding.
    pub mask_input: Option<String>,
    /// Of a row of an output: where it is as long as the padded rows, it is cut.
    pub outputs_dim: Option<usize>,
}

/// A number as the config says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadValue {
    Int(i64),
    Float(f64),
}

/// The bytes of one element, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    bytes: [u8; 8],
    size: usize,
}

impl Pad {
    /// The dimension that is padded in a tensor whose rows have so many; `None` where it has too few.
    /// A mask may lack those beside the padded one: its last stands for it then.
    pub fn dim_in(&self, rank: usize, is_mask: bool) -> Option<usize> {
        match rank.checked_sub(1)? {
            last if is_mask => Some(self.dim.min(last)),
            last => Some(self.dim).filter(|dim| *dim <= last),
        }
    }

    /// How long a row of `length` becomes; nothing is made of one that has no positions.
    pub fn padded(&self, length: u64) -> u64 {
        let longest = self.max_length.map_or(u64::MAX, NonZeroU64::get).max(length);
        let rounded = length.checked_next_multiple_of(self.multiple.get());
        rounded.map_or(length, |rounded| rounded.min(longest))
    }

    /// Whether `name` is what the config calls the mask.
    pub fn is_mask(&self, name: &str) -> bool {
        self.mask_input.as_deref() == Some(name)
    }
}

impl PadValue {
    /// As an element; `None` where the dtype cannot hold it.
    pub fn element(self, dtype: Dtype) -> Option<Element> {
        let bytes = match dtype {
            Dtype::Bool => Element::new(&[u8::from(self.whole(0, 1)? == 1)]),
            Dtype::Uint8 => Element::new(&[u8::try_from(self.whole(0, 255)?).ok()?]),
            Dtype::Int8 => self.integer(1, i8::MIN.into(), i8::MAX.into())?,
            Dtype::Int16 => self.integer(2, i16::MIN.into(), i16::MAX.into())?,
            Dtype::Int32 => self.integer(4, i32::MIN.into(), i32::MAX.into())?,
            Dtype::Int64 => self.integer(8, i64::MIN, i64::MAX)?,
            Dtype::Float16 => {
                let number = f16::from_f64(self.float());
                Element::new(&number.is_finite().then_some(number)?.to_le_bytes())
            }
            Dtype::Bfloat16 => {
                let number = bf16::from_f64(self.float());
                Element::new(&number.is_finite().then_some(number)?.to_le_bytes())
            }
            Dtype::Float32 => {
                let number = self.float() as f32;
                Element::new(&number.is_finite().then_some(number)?.to_le_bytes())
            }
            Dtype::Float64 => Element::new(&self.float().to_le_bytes()),
        };
        Some(bytes)
    }

    fn integer(self, size: usize, least: i64, most: i64) -> Option<Element> {
        let number = self.whole(least, most)?;
        // Two's complement: the lower bytes are the number, where it is within the bounds.
        Some(Element::new(&number.to_le_bytes()[..size]))
    }

    fn whole(self, least: i64, most: i64) -> Option<i64> {
        let number = match self {
            Self::Int(number) => number,
            // Beyond 2^53 neighbouring floats are no neighbouring integers.
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => number as i64,
            Self::Float(_) => return None,
        };
        (least..=most).contains(&number).then_some(number)
    }

    fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl std::fmt::Display for PadValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => number.fmt(formatter),
            Self::Float(number) => number.fmt(formatter),
        }
    }
}

impl Element {
    /// The bytes of a dtype's element are at most 8.
    fn new(own: &[u8]) -> Self {
        let mut bytes = [0; 8];
        bytes[..own.len()].copy_from_slice(own);
        Self { bytes, size: own.len() }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

/// Reads `pad` of a model; `None` where the key is left out.
pub(super) fn read(model: &mut Section<'_>) -> Option<Pad> {
    let key = model.key("pad");
    let table = match model.take("pad")? {
        Value::Table(table) => table,
        other => {
            model.problems().value(&key, &other, format!("a table: [{key}]"), None);
            return None;
        }
    };
    let mut section = Section::new(&key, table, model.problems());
    let last = MAX_DIMS as u64 - 1;
    let dim = |number: u64| usize::try_from(number).ok();
    let pad = Pad {
        dim: section.whole("dim", 0..=last, "").and_then(dim).unwrap_or(0),
        value: section.optional("value", "a number", number).unwrap_or(PadValue::Int(0)),
        multiple: section.size("multiple", LONGEST, " of positions").unwrap_or(MULTIPLE),
        max_length: section.size("max_length", LONGEST, " of positions"),
        mask_input: section.text("mask_input", "the name of one of the model's arguments"),
        outputs_dim: section.whole("outputs_dim", 0..=last, "").and_then(dim),
    };
    section.finish();
    Some(pad)
}

/// What of the table does not agree with what is declared: its key, and why.
pub(super) fn check(pad: &Pad, inputs: &[DeclaredInput]) -> Result<(), (&'static str, String)> {
    let dim = pad.dim;
    let mut padded = inputs.iter().filter(|input| pads(pad, input)).peekable();
    if padded.peek().is_none() && !inputs.is_empty() {
        let cause = format!(
            "no declared input has a free dimension {dim} (-1 in its shape): shapes are those of one \
             row, and their first dimension is 0"
        );
        return Err(("dim", cause));
    }
    for DeclaredInput { name, dtype, .. } in padded {
        if pad.value.element(*dtype).is_none() {
            let cause =
                format!("{} cannot be an element of input '{name}', which is {dtype}", pad.value);
            return Err(("value", cause));
        }
    }
    let mask = inputs.iter().find(|input| pad.is_mask(&input.name));
    let is_fit = |mask: &DeclaredInput| {
        let place = pad.dim_in(mask.shape.len(), true);
        place.is_some_and(|place| {
            mask.shape.iter().enumerate().all(|(dim, size)| size.is_none() == (dim == place))
        })
    };
    match mask.filter(|mask| !is_fit(mask)) {
        None => Ok(()),
        Some(DeclaredInput { name, .. }) => {
            let cause = format!(
                "Forge makes the mask where a request leaves it out, so only its length may be free: \
                 declare '{name}' with -1 there and nowhere else"
            );
            Err(("mask_input", cause))
        }
    }
}

/// The bytes of the smallest padded row: what is declared, and a mask that is not; `None` where they
/// overflow.
pub(super) fn least_row_bytes(pad: &Pad, inputs: &[DeclaredInput]) -> Option<u64> {
    let shortest = pad.padded(1);
    let of_input = |input: &DeclaredInput| {
        let is_mask = pad.is_mask(&input.name);
        let place = pad.dim_in(input.shape.len(), is_mask).filter(|_| is_mask || pads(pad, input));
        let dims = input.shape.iter().enumerate().map(|(dim, size)| match size {
            None if Some(dim) == place => shortest,
            size => size.unwrap_or(1),
        });
        let elements = dims.into_iter().try_fold(1u64, u64::checked_mul)?;
        elements.checked_mul(input.dtype.size() as u64)
    };
    let is_declared = inputs.iter().any(|input| pad.is_mask(&input.name));
    let made = match pad.mask_input.is_some() && !is_declared {
        true => shortest.checked_mul(MASK_DTYPE.size() as u64)?,
        false => 0,
    };
    inputs.iter().try_fold(aligned(made), |sum, input| sum.checked_add(aligned(of_input(input)?)))
}

/// Whether the rows of this input are filled up with the value.
fn pads(pad: &Pad, input: &DeclaredInput) -> bool {
    let place = pad.dim_in(input.shape.len(), false);
    !pad.is_mask(&input.name) && place.is_some_and(|dim| input.shape[dim].is_none())
}

fn number(value: &Value) -> Option<PadValue> {
    let float = |value: &Value| value.as_float().filter(|number| number.is_finite());
    value.as_integer().map(PadValue::Int).or_else(|| float(value).map(PadValue::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pad(multiple: u64, max_length: Option<u64>) -> Pad {
        Pad {
            dim: 0,
            value: PadValue::Int(0),
            multiple: NonZeroU64::new(multiple).unwrap(),
            max_length: max_length.and_then(NonZeroU64::new),
            mask_input: None,
            outputs_dim: None,
        }
    }

    #[test]
    fn lengths_are_rounded_up_and_never_past_the_longest() {
        for (multiple, longest, length, padded) in [
            (8, None, 1, 8),
            (8, None, 8, 8),
            (8, None, 9, 16),
            (8, None, 0, 0),
            (1, None, 7, 7),
            (8, Some(12), 9, 12),
            (8, Some(12), 12, 12),
            (64, Some(12), 1, 12),
            // Nobody is cut: that is for who checks the length.
            (8, Some(12), 13, 13),
            (8, None, u64::MAX, u64::MAX),
        ] {
            assert_eq!(pad(multiple, longest).padded(length), padded, "{multiple} {length}");
        }
    }

    #[test]
    fn a_mask_may_have_fewer_dimensions_than_what_it_is_for() {
        let pad = Pad { dim: 1, ..pad(8, None) };
        assert_eq!(
            [0, 1, 2, 3].map(|rank| pad.dim_in(rank, false)),
            [None, None, Some(1), Some(1)]
        );
        assert_eq!([0, 1, 2].map(|rank| pad.dim_in(rank, true)), [None, Some(0), Some(1)]);
    }

    #[test]
    fn a_value_is_an_element_of_the_dtypes_that_can_hold_it() {
        use PadValue::{Float, Int};
        for (value, dtype, bytes) in [
            (Int(1), Dtype::Bool, Some(&[1][..])),
            (Int(2), Dtype::Bool, None),
            (Int(255), Dtype::Uint8, Some(&[255])),
            (Int(-1), Dtype::Uint8, None),
            (Int(-1), Dtype::Int8, Some(&[255])),
            (Int(128), Dtype::Int8, None),
            (Int(-2), Dtype::Int16, Some(&[254, 255])),
            (Int(1 << 31), Dtype::Int32, None),
            (Int(i64::MIN), Dtype::Int64, Some(&[0, 0, 0, 0, 0, 0, 0, 128])),
            (Float(3.0), Dtype::Int64, Some(&[3, 0, 0, 0, 0, 0, 0, 0])),
            (Float(0.5), Dtype::Int64, None),
            (Float(1e19), Dtype::Int64, None),
            (Int(1), Dtype::Float16, Some(&[0, 0x3C])),
            (Float(1e6), Dtype::Float16, None),
            (Int(1), Dtype::Bfloat16, Some(&[0x80, 0x3F])),
            (Float(-0.5), Dtype::Float32, Some(&[0, 0, 0, 0xBF])),
            (Float(1e60), Dtype::Float32, None),
            (Int(1), Dtype::Float64, Some(&[0, 0, 0, 0, 0, 0, 0xF0, 0x3F])),
        ] {
            let element = value.element(dtype);
            assert_eq!(element.as_ref().map(Element::bytes), bytes, "{value} {dtype}");
        }
    }
}
