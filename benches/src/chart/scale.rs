//! The vertical axis: from zero, with round numbers.

use crate::numbers::with_thousands;

/// About as many lines are drawn across.
const LINES: f64 = 5.0;

/// From zero to a round number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    step: f64,
    count: u32,
}

impl Scale {
    /// One that has room for this value.
    pub(super) fn up_to(largest: f64) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
        let magnitude = 10f64.powf((largest / LINES).log10().floor());
        let round = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * magnitude);
        let enough = round.into_iter().find(|step| largest / step <= LINES);
        let step = enough.unwrap_or(10.0 * magnitude);
        Self { step, count: (largest / step).ceil() as u32 }
    }

    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step;
        (0..=self.count).map(move |place| step * f64::from(place))
    }

    /// How far up a value is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        value / (self.step * f64::from(self.count))
    }

    /// With as many digits as tell the ticks apart.
    pub(super) fn label(&self, tick: f64) -> String {
        let digits = (0..9).find(|digits| {
            let shifted = self.step * 10f64.powi(*digits);
            (shifted - shifted.round()).abs() < 1e-6
        });
        with_thousands(tick, digits.unwrap_or(9).unsigned_abs() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_have_room_for_the_largest_value() {
        for (largest, labels) in [
            (96_000.0, "0 20,000 40,000 60,000 80,000 100,000"),
            (4.9, "0 1 2 3 4 5"),
            (0.012, "0.0000 0.0025 0.0050 0.0075 0.0100 0.0125"),
            (1.3, "0.0 0.5 1.0 1.5"),
            (0.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
        ] {
            let scale = Scale::up_to(largest);
            let told: Vec<String> = scale.ticks().map(|tick| scale.label(tick)).collect();
            assert_eq!(told.join(" "), labels);
            assert!(scale.share(largest) <= 1.0);
        }
    }
}
