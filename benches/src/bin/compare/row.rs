//! The inputs, and how they are written.

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    Float32,
    Int64,
}

impl Dtype {
    /// As torch, NumPy and Forge's configs name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int64 => "int64",
        }
    }

    /// As the Open Inference Protocol names it.
    pub(crate) fn v2_name(self) -> &'static str {
        match self {
            Self::Float32 => "FP32",
            Self::Int64 => "INT64",
        }
    }
}

/// One input of a model, without the batch dimension.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) shape: Vec<usize>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Float32(Vec<f32>),
    Int64(Vec<i64>),
}

impl Row {
    /// Numbers with about as many digits as a feature or an embedding has.
    pub(crate) fn features(count: usize) -> Self {
        let values = (0..count).map(|place| (place as f32 * 0.731).rem_euclid(97.0)).collect();
        Self { shape: vec![count], values: Values::Float32(values) }
    }

    /// Pixels of 3 × 224 × 224 whose sum a float32 holds exactly, in whatever order it is made.
    pub(crate) fn pixels() -> Self {
        let shape = vec![3, 224, 224];
        let count: usize = shape.iter().product();
        let values = (0..count).map(|place| (place * 7 % 61) as f32 + 0.5).collect();
        Self { shape, values: Values::Float32(values) }
    }

    /// The ids of so many tokens, none of them padding, and as many zeros as bring it to `padded`.
    pub(crate) fn tokens(length: usize, padded: usize) -> Self {
        let id = |place: usize| 1000 + (place * 7919 % 20000) as i64;
        let mut values: Vec<i64> = (0..length).map(id).collect();
        values.resize(padded.max(length), 0);
        Self { shape: vec![values.len()], values: Values::Int64(values) }
    }

    /// Its elements, little-endian.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.values {
            Values::Float32(values) => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
            Values::Int64(values) => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
        }
    }

    /// Its elements, separated by commas.
    pub(crate) fn flat_json(&self) -> String {
        self.json_of(0..self.len())
    }

    /// As nested lists.
    pub(crate) fn nested_json(&self) -> String {
        let mut text = String::new();
        self.nest(&mut text, &self.shape, 0);
        text
    }

    fn nest(&self, text: &mut String, shape: &[usize], from: usize) {
        text.push('[');
        match shape {
            [count] => text.push_str(&self.json_of(from..from + count)),
            [count, inner @ ..] => {
                let step: usize = inner.iter().product();
                for index in 0..*count {
                    if index > 0 {
                        text.push(',');
                    }
                    self.nest(text, inner, from + index * step);
                }
            }
            [] => {}
        }
        text.push(']');
    }

    fn json_of(&self, places: std::ops::Range<usize>) -> String {
        let mut text = String::new();
        for place in places.clone() {
            if place > places.start {
                text.push(',');
            }
            // Writing to a String cannot fail.
            let _ = match &self.values {
                Values::Float32(values) => write!(text, "{:.6}", values[place]),
                Values::Int64(values) => write!(text, "{}", values[place]),
            };
        }
        text
    }

    fn len(&self) -> usize {
        match &self.values {
            Values::Float32(values) => values.len(),
            Values::Int64(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_have_the_rows_shape() {
        let values = Values::Int64((0..6).collect());
        let row = Row { shape: vec![3, 2], values };
        assert_eq!(row.nested_json(), "[[0,1],[2,3],[4,5]]");
        assert_eq!(row.flat_json(), "0,1,2,3,4,5");
        assert_eq!(row.bytes().len(), 48);
    }

    #[test]
    fn padding_follows_the_tokens() {
        let row = Row::tokens(2, 4);
        assert_eq!(row.nested_json(), "[1000,8919,0,0]");
        assert_eq!(Row::tokens(2, 0).shape, [2]);
    }
}
