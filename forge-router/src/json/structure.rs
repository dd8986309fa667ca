//! The nesting of a model's outputs as JSON, and the values that are no tensors.
//!
//! None is `null`, an int or a float a number, a string a string. Floats that are not finite are the
//! strings `"NaN"`, `"Infinity"` and `"-Infinity"`, as in tensors.

use super::encode::write_tensor;
use super::text::write_string;
use crate::tensor::{Dtype, Shape, Structure};

/// Writes tuples and lists as arrays and dicts as objects; `leaf` writes the tensor of each number,
/// from 0 up.
///
/// The recursion is as deep as the structure, which decoding one bounds.
pub fn write_structure(
    out: &mut Vec<u8>,
    structure: &Structure,
    leaf: &mut dyn FnMut(&mut Vec<u8>, usize),
) {
    Writer { out, leaf, next: 0 }.node(structure);
}

/// Writes the structure as one object: a dict's own keys, `output_0`, `output_1` … for the elements
/// of a tuple or list, `output` for a single tensor or value.
pub(super) fn write_named(
    out: &mut Vec<u8>,
    structure: &Structure,
    leaf: &mut dyn FnMut(&mut Vec<u8>, usize),
) {
    let mut writer = Writer { out, leaf, next: 0 };
    match structure {
        Structure::Tuple(children) | Structure::List(children) => {
            let names: Vec<_> =
                (0..children.len()).map(|index| format!("output_{index}")).collect();
            writer.object(names.iter().map(String::as_str).zip(children));
        }
        Structure::Dict(_) => writer.node(structure),
        _ => writer.object([("output", structure)].into_iter()),
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    leaf: &'a mut dyn FnMut(&mut Vec<u8>, usize),
    /// The number of the next leaf.
    next: usize,
}

impl Writer<'_> {
    fn node(&mut self, structure: &Structure) {
        match structure {
            Structure::Tensor => {
                (self.leaf)(self.out, self.next);
                self.next += 1;
            }
            Structure::None => self.out.extend_from_slice(b"null"),
            Structure::Bool(value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Structure::Int(value) => self.number(Dtype::Int64, &value.to_le_bytes()),
            Structure::Float(value) => self.number(Dtype::Float64, &value.to_le_bytes()),
            Structure::Str(text) => write_string(self.out, text),
            Structure::Tuple(children) | Structure::List(children) => {
                self.out.push(b'[');
                for (index, child) in children.iter().enumerate() {
                    self.comma(index);
                    self.node(child);
                }
                self.out.push(b']');
            }
            Structure::Dict(members) => {
                self.object(members.iter().map(|(key, child)| (key.as_str(), child)));
            }
        }
    }

    fn object<'s>(&mut self, members: impl Iterator<Item = (&'s str, &'s Structure)>) {
        self.out.push(b'{');
        for (index, (key, child)) in members.enumerate() {
            self.comma(index);
            write_string(self.out, key);
            self.out.push(b':');
            self.node(child);
        }
        self.out.push(b'}');
    }

    fn number(&mut self, dtype: Dtype, bytes: &[u8]) {
        write_tensor(self.out, dtype, &Shape::SCALAR, bytes);
    }

    /// Separates all but the first child from the one before.
    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Structure::{Bool, Dict, Float, Int, List, Str, Tensor, Tuple};

    /// Writes each leaf as its number.
    fn leaf(out: &mut Vec<u8>, number: usize) {
        out.extend_from_slice(number.to_string().as_bytes());
    }

    fn dict() -> Structure {
        Dict(vec![("a\"".to_owned(), Tuple(vec![Tensor, Tensor])), ("b".to_owned(), Tensor)])
    }

    #[test]
    fn leaves_are_numbered_from_left_to_right() {
        for (structure, plain, named) in [
            (Tensor, "0", r#"{"output":0}"#),
            (Tuple(vec![]), "[]", "{}"),
            (
                List(vec![Tensor, Tuple(vec![Tensor, Tensor])]),
                "[0,[1,2]]",
                r#"{"output_0":0,"output_1":[1,2]}"#,
            ),
            (Str("a\"".to_owned()), r#""a\"""#, r#"{"output":"a\""}"#),
            (
                Tuple(vec![Structure::None, Bool(true), Int(-7), Float(0.5), Float(f64::NAN)]),
                r#"[null,true,-7,0.5,"NaN"]"#,
                r#"{"output_0":null,"output_1":true,"output_2":-7,"output_3":0.5,"output_4":"NaN"}"#,
            ),
            (dict(), r#"{"a\"":[0,1],"b":2}"#, r#"{"a\"":[0,1],"b":2}"#),
        ] {
            let (mut out, mut out_named) = (Vec::new(), Vec::new());
            write_structure(&mut out, &structure, &mut leaf);
            write_named(&mut out_named, &structure, &mut leaf);
            assert_eq!(String::from_utf8(out).unwrap(), plain);
            assert_eq!(String::from_utf8(out_named).unwrap(), named);
        }
    }
}
