//! Tensors as nested JSON arrays.

use half::{bf16, f16};

use crate::tensor::{Dtype, Shape};

/// Most brackets of a tensor without elements that are written: a worker says its shape, and no
/// bytes bound it.
const MOST_EMPTY_ARRAYS: u64 = 1 << 16;

/// Writes the elements `bytes`, little-endian, as arrays nested by `shape`; rank 0 is the bare
/// element.
///
/// Floats are the shortest text that reads back as the same float32 (of half types as well) or
/// float64; what JSON has no numbers for is `"NaN"`, `"Infinity"` and `"-Infinity"`. `bytes` must
/// be what dtype and shape say; elements that are missing are left out. An empty tensor whose outer
/// dimensions are huge is written as `[]`.
pub fn write_tensor(out: &mut Vec<u8>, dtype: Dtype, shape: &Shape, bytes: &[u8]) {
    let dims = shape.dims();
    debug_assert_eq!(
        shape.elements().and_then(|count| count.checked_mul(dtype.size() as u64)),
        Some(bytes.len() as u64)
    );
    match dtype {
        Dtype::Bool => write_all(out, dims, bytes, 6, |text, [byte]: [u8; 1]| {
            text.put(if byte == 0 { b"false" } else { b"true" });
        }),
        Dtype::Uint8 => write_all(out, dims, bytes, 4, |text, [byte]| text.integer(byte)),
        Dtype::Int8 => {
            write_all(out, dims, bytes, 5, |text, bytes| text.integer(i8::from_le_bytes(bytes)));
        }
        Dtype::Int16 => {
            write_all(out, dims, bytes, 7, |text, bytes| text.integer(i16::from_le_bytes(bytes)));
        }
        Dtype::Int32 => {
            write_all(out, dims, bytes, 12, |text, bytes| text.integer(i32::from_le_bytes(bytes)));
        }
        Dtype::Int64 => {
            write_all(out, dims, bytes, 21, |text, bytes| text.integer(i64::from_le_bytes(bytes)));
        }
        Dtype::Float16 => write_all(out, dims, bytes, FLOAT, |text, bytes| {
            text.float(f16::from_le_bytes(bytes).to_f32());
        }),
        Dtype::Bfloat16 => write_all(out, dims, bytes, FLOAT, |text, bytes| {
            text.float(bf16::from_le_bytes(bytes).to_f32());
        }),
        Dtype::Float32 => {
            write_all(out, dims, bytes, FLOAT, |text, bytes| text.float(f32::from_le_bytes(bytes)));
        }
        Dtype::Float64 => {
            write_all(out, dims, bytes, FLOAT, |text, bytes| text.float(f64::from_le_bytes(bytes)));
        }
    }
}

/// About the most bytes that the text of so many bytes of tensor takes, each element with its comma;
/// for who must know before it is written.
pub fn expected_text(dtype: Dtype, bytes: usize) -> usize {
    let longest = match dtype {
        Dtype::Bool => 6,
        Dtype::Uint8 => 4,
        Dtype::Int8 => 5,
        Dtype::Int16 => 7,
        Dtype::Int32 => 12,
        Dtype::Int64 => 21,
        Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 => 16,
        Dtype::Float64 => FLOAT,
    };
    (bytes / dtype.size()).saturating_mul(longest)
}

/// Most bytes of a float's text and its comma: `zmij` has a buffer of 24.
const FLOAT: usize = 25;

/// Writes all elements with `write`. `longest` is the most bytes of an element's text and its
/// comma: reserving that much at once spares growth, and memory past the text is never touched.
fn write_all<const SIZE: usize>(
    out: &mut Vec<u8>,
    dims: &[u64],
    bytes: &[u8],
    longest: usize,
    write: impl Fn(&mut Text<'_>, [u8; SIZE]) + Copy,
) {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    out.reserve(elements.len() * longest + brackets(dims).min(2 * elements.len() * dims.len()));
    match dims {
        [] => {
            write_elements(out, &elements[..elements.len().min(1)], longest, write);
            out.pop();
        }
        _ if elements.is_empty() => write_empty(out, dims),
        _ => write_array(out, dims, elements, longest, write),
    }
}

/// The bytes of the brackets of all arrays, and of the commas between arrays.
fn brackets(dims: &[u64]) -> usize {
    let (mut arrays, mut bytes) = (1usize, 2usize);
    for length in dims.iter().take(dims.len().saturating_sub(1)) {
        arrays = arrays.saturating_mul(usize::try_from(*length).unwrap_or(usize::MAX));
        bytes = arrays.saturating_mul(2).saturating_add(bytes);
    }
    bytes
}

/// Writes an array of at least one element. Its recursion is as deep as a shape's rank.
fn write_array<const SIZE: usize>(
    out: &mut Vec<u8>,
    dims: &[u64],
    elements: &[[u8; SIZE]],
    longest: usize,
    write: impl Fn(&mut Text<'_>, [u8; SIZE]) + Copy,
) {
    out.push(b'[');
    let [length, inner @ ..] = dims else { return };
    if inner.is_empty() {
        write_elements(out, elements, longest, write);
    } else {
        let each = usize::try_from(*length).map_or(1, |length| elements.len() / length.max(1));
        for part in elements.chunks(each.max(1)) {
            write_array(out, inner, part, longest, write);
            out.push(b',');
        }
    }
    close(out);
}

/// Elements whose text is written between two changes of the output's length.
const BLOCK: usize = 64;

/// Writes elements, each with a comma after it.
fn write_elements<const SIZE: usize>(
    out: &mut Vec<u8>,
    elements: &[[u8; SIZE]],
    longest: usize,
    write: impl Fn(&mut Text<'_>, [u8; SIZE]) + Copy,
) {
    for block in elements.chunks(BLOCK) {
        let start = out.len();
        // Commas are what stays between the texts.
        out.resize(start + block.len() * longest, b',');
        let mut text = Text { room: &mut out[start..], end: 0 };
        for element in block {
            write(&mut text, *element);
            text.end += 1;
        }
        let end = start + text.end;
        out.truncate(end);
    }
}

/// Room for texts that are written one after the other.
struct Text<'a> {
    room: &'a mut [u8],
    end: usize,
}

impl Text<'_> {
    /// Copies up to 24 bytes. `copy_from_slice` of an unknown length is a call, which takes as long
    /// as the rest of writing a number; pieces of known lengths, overlapping, are a few
    /// instructions.
    #[inline(always)]
    fn put(&mut self, text: &[u8]) {
        let Some(room) = self.room.get_mut(self.end..self.end + text.len()) else { return };
        self.end += text.len();
        if text.len() > 16 {
            copy_ends::<16>(room, text);
        } else if text.len() >= 8 {
            copy_ends::<8>(room, text);
        } else if text.len() >= 4 {
            copy_ends::<4>(room, text);
        } else {
            copy_ends::<2>(room, text);
            copy_ends::<1>(room, text);
        }
    }

    #[inline(always)]
    fn integer(&mut self, value: impl itoa::Integer) {
        self.put(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline(always)]
    fn float(&mut self, value: impl Float) {
        match value.non_finite() {
            None => self.put(zmij::Buffer::new().format_finite(value).as_bytes()),
            Some(text) => self.put(text),
        }
    }
}

/// Copies the first and the last `SIZE` bytes, where there are that many.
#[inline(always)]
fn copy_ends<const SIZE: usize>(room: &mut [u8], text: &[u8]) {
    if let (Some(room), Some(text)) = (room.first_chunk_mut::<SIZE>(), text.first_chunk()) {
        *room = *text;
    }
    if let (Some(room), Some(text)) = (room.last_chunk_mut::<SIZE>(), text.last_chunk()) {
        *room = *text;
    }
}

/// Writes the arrays of a tensor that has no elements.
fn write_empty(out: &mut Vec<u8>, dims: &[u64]) {
    let mut outer = dims.iter().take_while(|length| **length != 0);
    let arrays = outer.try_fold(1u64, |arrays, length| arrays.checked_mul(*length));
    if arrays.is_none_or(|arrays| arrays > MOST_EMPTY_ARRAYS) {
        out.extend_from_slice(b"[]");
        return;
    }
    write_empty_array(out, dims);
}

fn write_empty_array(out: &mut Vec<u8>, dims: &[u64]) {
    out.push(b'[');
    if let [length, inner @ ..] = dims {
        for _ in 0..*length {
            write_empty_array(out, inner);
            out.push(b',');
        }
    }
    close(out);
}

/// Turns the comma after the last element into the end of the array.
fn close(out: &mut Vec<u8>) {
    match out.last_mut() {
        Some(last @ b',') => *last = b']',
        _ => out.push(b']'),
    }
}

/// Float32 and float64, as far as writing them goes.
trait Float: zmij::Float {
    fn non_finite(self) -> Option<&'static [u8]>;
}

macro_rules! float {
    ($float:ty) => {
        impl Float for $float {
            #[inline(always)]
            fn non_finite(self) -> Option<&'static [u8]> {
                if self.is_finite() {
                    None
                } else if self.is_nan() {
                    Some(b"\"NaN\"")
                } else if self > 0.0 {
                    Some(b"\"Infinity\"")
                } else {
                    Some(b"\"-Infinity\"")
                }
            }
        }
    };
}

float!(f32);
float!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dtype: Dtype, dims: &[u64], bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_tensor(&mut out, dtype, &Shape::new(dims).unwrap(), bytes);
        String::from_utf8(out).unwrap()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn arrays_nest_as_the_shape_says() {
        let bytes = [1, 2, 3, 4, 5, 6];
        for (dims, expected) in [
            (&[6][..], "[1,2,3,4,5,6]"),
            (&[2, 3], "[[1,2,3],[4,5,6]]"),
            (&[3, 2, 1], "[[[1],[2]],[[3],[4]],[[5],[6]]]"),
            (&[1, 6], "[[1,2,3,4,5,6]]"),
        ] {
            assert_eq!(written(Dtype::Uint8, dims, &bytes), expected);
        }
        assert_eq!(written(Dtype::Int8, &[], &[255]), "-1");
    }

    #[test]
    fn a_tensor_without_elements_keeps_its_brackets_while_they_are_few() {
        for (dims, expected) in [
            (&[0][..], "[]"),
            (&[2, 0], "[[],[]]"),
            (&[0, 2], "[]"),
            (&[2, 1, 0], "[[[]],[[]]]"),
            (&[1 << 40, 0], "[]"),
            (&[u64::MAX, u64::MAX, 0], "[]"),
        ] {
            let mut out = Vec::new();
            write_all(&mut out, dims, &[], 1, |_, _: [u8; 1]| ());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{dims:?}");
        }
    }

    #[test]
    fn floats_are_short_and_always_json() {
        let values = [1.0, -0.0, 0.1, 1e20, 1e-7, 16_777_216.0, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        let text = written(Dtype::Float32, &[9], &floats(&values));
        let read: Vec<f64> = serde_json::from_str(&text).unwrap();
        for (value, read) in values.iter().zip(read) {
            assert_eq!(value.to_bits(), (read as f32).to_bits(), "{text}");
        }
        assert!(text.starts_with("[1.0,-0.0,0.1,"), "{text}");
    }

    #[test]
    fn what_json_has_no_number_for_is_a_string() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let text = r#"["NaN","Infinity","-Infinity"]"#;
        assert_eq!(written(Dtype::Float32, &[3], &floats(&special)), text);
        let doubles: Vec<u8> = special.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
        assert_eq!(written(Dtype::Float64, &[3], &doubles), text);
        let halves: Vec<u8> =
            special.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        assert_eq!(written(Dtype::Float16, &[3], &halves), text);
    }

    #[test]
    fn every_dtype_is_written_in_its_own_way() {
        for (dtype, bytes, expected) in [
            (Dtype::Bool, vec![0, 1], "[false,true]"),
            (Dtype::Int16, [i16::MIN, 7].map(i16::to_le_bytes).concat(), "[-32768,7]"),
            (Dtype::Int32, [i32::MIN, 7].map(i32::to_le_bytes).concat(), "[-2147483648,7]"),
            (
                Dtype::Int64,
                [i64::MIN, 7].map(i64::to_le_bytes).concat(),
                "[-9223372036854775808,7]",
            ),
            (Dtype::Float16, [f16::MAX, f16::ONE].map(f16::to_le_bytes).concat(), "[65504.0,1.0]"),
            (
                Dtype::Bfloat16,
                [bf16::ONE, -bf16::ONE].map(bf16::to_le_bytes).concat(),
                "[1.0,-1.0]",
            ),
            (Dtype::Float64, [0.1f64, 1e300].map(f64::to_le_bytes).concat(), "[0.1,1e+300]"),
        ] {
            assert_eq!(written(dtype, &[2], &bytes), expected);
        }
    }
}
