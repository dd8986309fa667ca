//! Outputs that are kept, and whether two of them agree.

use forge_ipc::{Dtype, FrameFull, MAX_PAYLOAD, OutputSink, Structure, TensorMeta, of_rows};
use half::{bf16, f16};

/// Two numbers agree when they differ by no more than this, or by this part of the larger one.
const TOLERANCE: f64 = 1e-3;

/// The same for the dtypes of 16 bits, which have two to three digits.
const COARSE_TOLERANCE: f64 = 2e-2;

/// What a run returned.
#[derive(Debug, Default)]
pub struct Collected {
    tensors: Vec<(TensorMeta, Vec<u8>)>,
    structure: Option<Structure>,
}

/// Where two outputs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub output: usize,
    /// From the first number that differs on.
    pub left: Vec<f64>,
    pub right: Vec<f64>,
}

/// The first difference between the numbers of two outputs; `None` where they agree. NaN agrees
/// with NaN.
pub fn difference(left: &Collected, right: &Collected) -> Option<Difference> {
    const SHOWN: usize = 4;
    let pairs = std::iter::zip(&left.tensors, &right.tensors).enumerate();
    for (output, ((left_meta, left), (right_meta, right))) in pairs {
        let (left, right) = (elements(left_meta.dtype, left), elements(right_meta.dtype, right));
        let tolerance = tolerance(left_meta.dtype);
        let mut pairs = left.zip(right).skip_while(|(a, b)| agree(*a, *b, tolerance)).peekable();
        if pairs.peek().is_some() {
            let (left, right) = pairs.take(SHOWN).unzip();
            return Some(Difference { output, left, right });
        }
    }
    None
}

impl Collected {
    /// Whether the two differ in anything but the numbers of their tensors.
    pub fn shape_differs(&self, other: &Self) -> bool {
        let values_differ = match (&self.structure, &other.structure) {
            (Some(left), Some(right)) => !values_agree(left, right),
            (left, right) => left != right,
        };
        values_differ || self.metas() != other.metas()
    }

    /// Its tensors' shapes and its values, for a message.
    pub(crate) fn outline(&self) -> String {
        const LONGEST: usize = 200;
        let shapes: Vec<String> = self.metas().iter().map(|meta| meta.shape.to_string()).collect();
        let mut outline = format!("shapes {}, {:?}", shapes.join(" "), self.structure);
        if let Some((end, _)) = outline.char_indices().nth(LONGEST) {
            outline.truncate(end);
            outline.push('…');
        }
        outline
    }

    fn metas(&self) -> Vec<TensorMeta> {
        self.tensors.iter().map(|(meta, _)| *meta).collect()
    }

    /// What the outputs hold of one row; `None` where one of them has no such row.
    pub(crate) fn row(&self, row: u64, of: u64) -> Option<Self> {
        let tensor = |(meta, bytes): &(TensorMeta, Vec<u8>)| {
            let shape = meta.shape.row()?;
            if meta.shape.dims().first() != Some(&of) {
                return None;
            }
            let one = TensorMeta { dtype: meta.dtype, shape };
            let length = usize::try_from(one.bytes()?).ok()?;
            let start = usize::try_from(row).ok()?.checked_mul(length)?;
            Some((one, bytes.get(start..start.checked_add(length)?)?.to_vec()))
        };
        let (first, rows) = (usize::try_from(row).ok()?, usize::try_from(of).ok()?);
        let structure = match &self.structure {
            None => None,
            Some(structure) => Some(of_rows(structure, first, 1, rows).ok()?),
        };
        Some(Self { tensors: self.tensors.iter().map(tensor).collect::<Option<_>>()?, structure })
    }

    /// The shape of an output.
    pub(crate) fn meta(&self, output: usize) -> Option<TensorMeta> {
        self.tensors.get(output).map(|(meta, _)| *meta)
    }

    pub(crate) fn tensors(&self) -> usize {
        self.tensors.len()
    }
}

impl OutputSink for Collected {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        let needed = meta.bytes().unwrap_or(u64::MAX);
        let full = FrameFull { needed, capacity: MAX_PAYLOAD };
        let length = usize::try_from(needed).map_err(|_| full)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| full)?;
        bytes.resize(length, 0);
        self.tensors.push((meta, bytes));
        Ok(self.tensors.last_mut().map_or(&mut [], |(_, bytes)| bytes))
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        self.structure = Some(structure.clone());
        Ok(())
    }
}

/// The numbers of a tensor, as doubles.
pub(crate) fn elements(dtype: Dtype, bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
    bytes.chunks_exact(dtype.size()).map(move |element| number(dtype, element))
}

fn number(dtype: Dtype, element: &[u8]) -> f64 {
    let mut eight = [0; 8];
    eight[..element.len()].copy_from_slice(element);
    let [a, b, c, d, ..] = eight;
    match dtype {
        Dtype::Bool | Dtype::Uint8 => f64::from(a),
        Dtype::Int8 => f64::from(a as i8),
        Dtype::Int16 => f64::from(i16::from_le_bytes([a, b])),
        Dtype::Int32 => f64::from(i32::from_le_bytes([a, b, c, d])),
        // Rounding is no matter here.
        Dtype::Int64 => i64::from_le_bytes(eight) as f64,
        Dtype::Float16 => f16::from_le_bytes([a, b]).to_f64(),
        Dtype::Bfloat16 => bf16::from_le_bytes([a, b]).to_f64(),
        Dtype::Float32 => f64::from(f32::from_le_bytes([a, b, c, d])),
        Dtype::Float64 => f64::from_le_bytes(eight),
    }
}

/// Integers are classes and indices more often than quantities: they agree only where equal.
fn tolerance(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::Float16 | Dtype::Bfloat16 => COARSE_TOLERANCE,
        Dtype::Float32 | Dtype::Float64 => TOLERANCE,
        _ => 0.0,
    }
}

/// Whether the values that are no tensors agree.
fn values_agree(left: &Structure, right: &Structure) -> bool {
    let all_agree = |left: &[Structure], right: &[Structure]| {
        left.len() == right.len() && left.iter().zip(right).all(|(l, r)| values_agree(l, r))
    };
    match (left, right) {
        (Structure::Float(left), Structure::Float(right)) => agree(*left, *right, TOLERANCE),
        (Structure::Tuple(left), Structure::Tuple(right))
        | (Structure::List(left), Structure::List(right)) => all_agree(left, right),
        (Structure::Dict(left), Structure::Dict(right)) => {
            let keys = |members: &[(String, Structure)]| {
                members.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
            };
            let values = |members: &[(String, Structure)]| {
                members.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>()
            };
            keys(left) == keys(right) && all_agree(&values(left), &values(right))
        }
        (left, right) => left == right,
    }
}

fn agree(left: f64, right: f64, tolerance: f64) -> bool {
    let difference = (left - right).abs();
    let is_close = difference <= tolerance * left.abs().max(right.abs()).max(1.0);
    (difference.is_finite() && is_close) || left == right || (left.is_nan() && right.is_nan())
}

#[cfg(test)]
mod tests {
    use forge_ipc::Shape;

    use super::*;

    fn floats(rows: &[[f32; 2]]) -> Collected {
        let mut collected = Collected::default();
        let shape = Shape::new(&[rows.len() as u64, 2]).unwrap();
        let meta = TensorMeta { dtype: Dtype::Float32, shape };
        let bytes: Vec<u8> = rows.iter().flatten().flat_map(|float| float.to_le_bytes()).collect();
        collected.tensor(meta).unwrap().copy_from_slice(&bytes);
        collected
    }

    #[test]
    fn numbers_agree_within_a_thousandth() {
        let nan = f32::NAN;
        let infinity = f32::INFINITY;
        for (left, right, agree) in [
            ([1.0, 2.0], [1.0009, 2.0], true),
            ([1.0, 2.0], [1.002, 2.0], false),
            ([0.0, 0.0], [0.0009, 0.0], true),
            ([1000.0, 0.0], [1000.9, 0.0], true),
            ([nan, infinity], [nan, infinity], true),
            ([nan, 0.0], [0.0, 0.0], false),
            ([infinity, 0.0], [-infinity, 0.0], false),
        ] {
            let found = difference(&floats(&[left]), &floats(&[right]));
            assert_eq!(found.is_none(), agree, "{left:?} {right:?}");
        }
    }

    #[test]
    fn integers_agree_only_where_they_are_equal() {
        let one = |number: i64| {
            let mut collected = Collected::default();
            let meta = TensorMeta { dtype: Dtype::Int64, shape: Shape::new(&[1]).unwrap() };
            collected.tensor(meta).unwrap().copy_from_slice(&number.to_le_bytes());
            collected
        };
        assert!(difference(&one(100_001), &one(100_002)).is_some());
        assert!(difference(&one(100_001), &one(100_001)).is_none());
    }

    #[test]
    fn values_and_shapes_are_compared_too() {
        let with = |structure: Structure| Collected {
            structure: Some(structure),
            ..floats(&[[1.0, 2.0]])
        };
        let mean = |value| with(Structure::Tuple(vec![Structure::Tensor, Structure::Float(value)]));
        assert!(mean(1.0).shape_differs(&mean(1.5)));
        assert!(!mean(1.0).shape_differs(&mean(1.0001)));
        assert!(floats(&[[1.0, 2.0]]).shape_differs(&floats(&[[1.0, 2.0], [3.0, 4.0]])));
    }

    #[test]
    fn a_difference_tells_both_results() {
        let found = difference(&floats(&[[1.0, 2.0]]), &floats(&[[1.0, 3.0]]));
        let expected = Difference { output: 0, left: vec![2.0], right: vec![3.0] };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_row_is_compared_with_itself_alone() {
        let both = floats(&[[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(difference(&both.row(1, 2).unwrap(), &floats(&[[3.0, 4.0]])), None);
        assert!(both.row(0, 3).is_none());
    }
}
