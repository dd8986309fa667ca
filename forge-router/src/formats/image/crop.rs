//! The middle of an image, as torchvision's `CenterCrop` cuts it.

use super::pixels::{CHANNELS, Pixels};

/// Draws the middle of `from` over `into`, which is black; where `from` is smaller it stays so.
pub(super) fn center(from: &Pixels, into: &mut Pixels) {
    let columns = Overlap::of(from.width(), into.width());
    let rows = Overlap::of(from.height(), into.height());
    let (from_row, into_row) = (from.row_bytes(), into.row_bytes());
    for row in 0..rows.length {
        let source = (rows.from + row) * from_row + columns.from * CHANNELS;
        let target = (rows.into + row) * into_row + columns.into * CHANNELS;
        let length = columns.length * CHANNELS;
        into.data[target..target + length].copy_from_slice(&from.data[source..source + length]);
    }
}

/// Where two lengths lie on each other, middle on middle.
#[derive(Debug, PartialEq)]
struct Overlap {
    from: usize,
    into: usize,
    length: usize,
}

impl Overlap {
    fn of(from: usize, into: usize) -> Self {
        match from.checked_sub(into) {
            Some(more) => Self { from: half_to_even(more), into: 0, length: into },
            None => Self { from: 0, into: (into - from) / 2, length: from },
        }
    }
}

/// Half of a number, rounded as Python's `round` does.
fn half_to_even(number: usize) -> usize {
    let half = number / 2;
    half + (number % 2) * (half % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_where_torchvision_has_it() {
        let overlap = |from, into, length| Overlap { from, into, length };
        for (from, into, expected) in [
            (256, 224, overlap(16, 0, 224)),
            (5, 4, overlap(0, 0, 4)),
            (7, 4, overlap(2, 0, 4)),
            (9, 4, overlap(2, 0, 4)),
            (4, 4, overlap(0, 0, 4)),
            (3, 6, overlap(0, 1, 3)),
        ] {
            assert_eq!(Overlap::of(from, into), expected, "{from} {into}");
        }
    }
}
