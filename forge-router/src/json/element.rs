//! How a dtype holds a number.

use half::{bf16, f16};

use super::number::{NotWhole, Number};

/// One of torch's element types. The errors say why a value does not fit.
pub(super) trait Element {
    /// The little-endian bytes of one element.
    type Bytes: AsRef<[u8]>;

    /// `text` is the literal of the number.
    fn from_number(number: Number, text: &[u8]) -> Result<Self::Bytes, &'static str>;

    fn from_bool(value: bool) -> Self::Bytes;

    /// `value` is NaN or infinite.
    fn from_non_finite(value: f64) -> Result<Self::Bytes, &'static str>;
}

/// Floats are rounded from the nearest double, as torch does it: half types by way of float32.
macro_rules! float {
    ($float:ty, $bytes:literal, $nearest:expr, $narrow:expr, $largest:literal) => {
        impl Element for $float {
            type Bytes = [u8; $bytes];

            #[inline(always)]
            fn from_number(number: Number, text: &[u8]) -> Result<Self::Bytes, &'static str> {
                let value: $float = $nearest(number, text);
                if !value.is_finite() {
                    return Err(concat!("it becomes infinite, the largest is ", $largest));
                }
                Ok(value.to_le_bytes())
            }

            fn from_bool(value: bool) -> Self::Bytes {
                <$float>::from(u8::from(value)).to_le_bytes()
            }

            fn from_non_finite(value: f64) -> Result<Self::Bytes, &'static str> {
                Ok($narrow(value).to_le_bytes())
            }
        }
    };
}

float!(f64, 8, Number::to_f64, |value: f64| value, "1.8e308");
float!(f32, 4, Number::to_f32, |value: f64| value as f32, "3.4e38");
float!(f16, 2, |number: Number, text| f16::from_f32(number.to_f32(text)), f16::from_f64, "65504");
float!(
    bf16,
    2,
    |number: Number, text| bf16::from_f32(number.to_f32(text)),
    bf16::from_f64,
    "3.39e38"
);

macro_rules! integer {
    ($integer:ty, $bytes:literal, $range:literal) => {
        impl Element for $integer {
            type Bytes = [u8; $bytes];

            #[inline(always)]
            fn from_number(number: Number, text: &[u8]) -> Result<Self::Bytes, &'static str> {
                match number.to_whole(text).map(<$integer>::try_from) {
                    Ok(Ok(value)) => Ok(value.to_le_bytes()),
                    Err(NotWhole::Fraction) => Err(FRACTION),
                    Ok(Err(_)) | Err(NotWhole::TooLarge) => Err(concat!("its range is ", $range)),
                }
            }

            fn from_bool(value: bool) -> Self::Bytes {
                <$integer>::from(value).to_le_bytes()
            }

            fn from_non_finite(_: f64) -> Result<Self::Bytes, &'static str> {
                Err("only float dtypes can")
            }
        }
    };
}

const FRACTION: &str = "it is no whole number";

integer!(u8, 1, "0 to 255");
integer!(i8, 1, "-128 to 127");
integer!(i16, 2, "-32768 to 32767");
integer!(i32, 4, "-2147483648 to 2147483647");
integer!(i64, 8, "-9223372036854775808 to 9223372036854775807");

impl Element for bool {
    type Bytes = [u8; 1];

    #[inline(always)]
    fn from_number(number: Number, text: &[u8]) -> Result<Self::Bytes, &'static str> {
        match number.to_whole(text) {
            Ok(0) => Ok([0]),
            Ok(1) => Ok([1]),
            _ => Err("it takes true, false, 0 and 1"),
        }
    }

    fn from_bool(value: bool) -> Self::Bytes {
        [u8::from(value)]
    }

    fn from_non_finite(_: f64) -> Result<Self::Bytes, &'static str> {
        Err("it takes true, false, 0 and 1")
    }
}
