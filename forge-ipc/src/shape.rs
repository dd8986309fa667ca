//! Shapes of tensors: few dimensions, held inline, every product checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Dtype;

/// Most dimensions of a tensor, the rows dimension of a batch included.
pub const MAX_RANK: usize = 8;

/// Most tensors of a batch in each direction.
pub const MAX_TENSORS: usize = 64;

/// The dimensions of a tensor, outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Shape {
    rank: u8,
    /// Dimensions past `rank` are 0, so that the derived `Eq` and `Hash` hold.
    dims: [u64; MAX_RANK],
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Self = Self { rank: 0, dims: [0; MAX_RANK] };

    /// `None` where there are more than [`MAX_RANK`] dimensions.
    pub fn new(dims: &[u64]) -> Option<Self> {
        let mut held = [0; MAX_RANK];
        held.get_mut(..dims.len())?.copy_from_slice(dims);
        Some(Self { rank: u8::try_from(dims.len()).ok()?, dims: held })
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.rank()]
    }

    /// How many dimensions there are; 0 for a scalar.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// How many elements there are; `None` where the product overflows.
    pub fn elements(&self) -> Option<u64> {
        self.dims().iter().try_fold(1u64, |product, dim| product.checked_mul(*dim))
    }

    /// This shape of one row as the shape of a batch of `rows`; `None` where the rank is full.
    pub fn with_rows(&self, rows: u64) -> Option<Self> {
        let mut dims = [0; MAX_RANK + 1];
        dims[0] = rows;
        dims[1..=self.rank()].copy_from_slice(self.dims());
        Self::new(&dims[..=self.rank()])
    }

    /// This shape of a batch as the shape of one row; `None` for a scalar.
    pub fn row(&self) -> Option<Self> {
        Self::new(self.dims().get(1..)?)
    }

    /// This shape with another size of one dimension; `None` where there is no such dimension.
    pub fn with_dim(&self, dim: usize, size: u64) -> Option<Self> {
        let mut shape = *self;
        *shape.dims[..self.rank()].get_mut(dim)? = size;
        Some(shape)
    }
}

impl TryFrom<Vec<u64>> for Shape {
    type Error = &'static str;

    fn try_from(dims: Vec<u64>) -> Result<Self, Self::Error> {
        Self::new(&dims).ok_or("more dimensions than a shape holds")
    }
}

impl From<Shape> for Vec<u64> {
    fn from(shape: Shape) -> Self {
        shape.dims().to_vec()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.dims()).finish()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What a tensor is without its bytes. In a batch the first dimension is the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorMeta {
    pub dtype: Dtype,
    pub shape: Shape,
}

impl TensorMeta {
    /// The bytes of its elements; `None` where the product overflows.
    pub fn bytes(&self) -> Option<u64> {
        self.shape.elements()?.checked_mul(self.dtype.size() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_prepended_and_dropped_again() {
        let row = Shape::new(&[3, 224, 224]).unwrap();
        let batch = row.with_rows(8).unwrap();
        assert_eq!(batch.dims(), [8, 3, 224, 224]);
        assert_eq!(batch.row(), Some(row));
        assert_eq!(Shape::new(&[]).unwrap().row(), None);
    }

    #[test]
    fn only_a_dimension_that_there_is_can_have_another_size() {
        let shape = Shape::new(&[3, 7]).unwrap();
        assert_eq!(shape.with_dim(1, 8), Shape::new(&[3, 8]));
        assert_eq!(shape.with_dim(2, 8), None);
        assert_eq!(Shape::SCALAR.with_dim(0, 8), None);
    }

    #[test]
    fn a_shape_holds_no_more_dimensions_than_its_bound() {
        assert!(Shape::new(&[1; MAX_RANK]).is_some());
        assert!(Shape::new(&[1; MAX_RANK + 1]).is_none());
        assert!(Shape::new(&[1; MAX_RANK]).unwrap().with_rows(1).is_none());
    }

    #[test]
    fn sizes_that_overflow_are_none() {
        let shape = Shape::new(&[u64::MAX / 2, 4]).unwrap();
        assert_eq!(shape.elements(), None);
        let shape = Shape::new(&[u64::MAX / 4]).unwrap();
        assert_eq!(TensorMeta { dtype: Dtype::Float64, shape }.bytes(), None);
    }

    #[test]
    fn a_scalar_has_one_element() {
        let scalar = Shape::new(&[]).unwrap();
        assert_eq!(scalar.elements(), Some(1));
        assert_eq!(scalar.to_string(), "[]");
    }
}
