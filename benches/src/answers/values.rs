//! What an answer says, however it is written.

/// Its outputs by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    outputs: Vec<Output>,
}

/// One output.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Output {
    pub(super) name: String,
    /// Everything but numbers: shape, datatype, texts, structure.
    pub(super) exact: Vec<u8>,
    pub(super) numbers: Vec<Number>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// Integers have no last bits that could differ.
    pub(super) is_integer: bool,
}

impl Output {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Something that is not a number.
    pub(super) fn push_exact(&mut self, piece: &[u8]) {
        self.exact.extend_from_slice(piece);
        // Between pieces, so that two do not read as one.
        self.exact.push(b'\n');
    }

    pub(super) fn push_fraction(&mut self, value: f64) {
        self.numbers.push(Number { value, is_integer: false });
    }

    /// The mean magnitude of its finite numbers.
    fn magnitude(&self) -> f64 {
        let finite = self.numbers.iter().map(|number| number.value.abs());
        let finite: Vec<f64> = finite.filter(|value| value.is_finite()).collect();
        finite.iter().sum::<f64>() / finite.len().max(1) as f64
    }
}

impl Values {
    pub(super) fn new(mut outputs: Vec<Output>) -> Self {
        outputs.sort_by(|one, other| one.name.cmp(&other.name));
        Self { outputs }
    }

    /// In which way they differ from what was learned, if they do.
    pub(super) fn differ_from(&self, learned: &Self, tolerance: f64) -> Option<String> {
        let names = |values: &Self| {
            values.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>()
        };
        if names(self) != names(learned) {
            return Some(format!("it has {:?}, not {:?}", names(self), names(learned)));
        }
        let mut pairs = self.outputs.iter().zip(&learned.outputs);
        pairs.find_map(|(got, learned)| difference(got, learned, tolerance))
    }
}

fn difference(got: &Output, learned: &Output, tolerance: f64) -> Option<String> {
    let name = &got.name;
    if got.exact != learned.exact {
        return Some(format!("{name} has another shape, another type or other texts"));
    }
    if got.numbers.len() != learned.numbers.len() {
        let (got, learned) = (got.numbers.len(), learned.numbers.len());
        return Some(format!("{name} has {got} numbers, not {learned}"));
    }
    let magnitude = learned.magnitude();
    let mut pairs = got.numbers.iter().zip(&learned.numbers).enumerate();
    let (place, (got, learned)) =
        pairs.find(|(_, (got, learned))| !is_near(**got, **learned, tolerance, magnitude))?;
    Some(format!("number {place} of {name} is {}, alone it was {}", got.value, learned.value))
}

fn is_near(got: Number, learned: Number, tolerance: f64, magnitude: f64) -> bool {
    let both_nan = got.value.is_nan() && learned.value.is_nan();
    if got.value == learned.value || both_nan {
        return true;
    }
    let are_integers = got.is_integer && learned.is_integer;
    let allowed = tolerance * learned.value.abs().max(magnitude);
    // An infinity allows nothing but itself, which was compared above.
    !are_integers && allowed.is_finite() && (got.value - learned.value).abs() <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64], is_integer: bool) -> Values {
        let numbers = numbers.iter().map(|value| Number { value: *value, is_integer }).collect();
        Values::new(vec![Output { numbers, ..Output::named("y") }])
    }

    #[test]
    fn fractions_may_differ_by_the_tolerance() {
        let learned = of(&[1000.0, 0.0, 2000.0], false);
        // A zero by the tolerance of what it stands beside.
        for (numbers, is_same) in [
            ([1000.9, 0.0, 2000.0], true),
            ([1001.1, 0.0, 2000.0], false),
            ([1000.0, 0.9, 2000.0], true),
            ([1000.0, 1.1, 2000.0], false),
            ([1000.0, f64::NAN, 2000.0], false),
            ([f64::INFINITY, 0.0, 2000.0], false),
        ] {
            let difference = of(&numbers, false).differ_from(&learned, 1e-3);
            assert_eq!(difference.is_none(), is_same, "{numbers:?}: {difference:?}");
        }
    }

    #[test]
    fn integers_may_not_differ() {
        let learned = of(&[100_000.0], true);
        assert!(of(&[100_001.0], true).differ_from(&learned, 1e-3).is_some());
        assert!(of(&[100_000.0], true).differ_from(&learned, 1e-3).is_none());
        // One that writes whole fractions as integers is not wrong.
        assert!(of(&[100_001.0], false).differ_from(&learned, 1e-3).is_none());
    }

    #[test]
    fn what_is_not_finite_has_to_be_the_same() {
        let learned = of(&[f64::NAN, f64::INFINITY], false);
        assert!(of(&[f64::NAN, f64::INFINITY], false).differ_from(&learned, 1e-3).is_none());
        assert!(of(&[f64::NAN, f64::NEG_INFINITY], false).differ_from(&learned, 1e-3).is_some());
        assert!(of(&[f64::NAN, 5.0], false).differ_from(&learned, 1e-3).is_some());
    }

    #[test]
    fn names_and_texts_have_to_be_the_same() {
        let named = |name: &str, text: &str| {
            let mut output = Output::named(name);
            output.push_exact(text.as_bytes());
            Values::new(vec![output])
        };
        assert!(named("y", "cat").differ_from(&named("y", "cat"), 1.0).is_none());
        assert!(named("y", "cat").differ_from(&named("z", "cat"), 1.0).is_some());
        assert!(named("y", "cat").differ_from(&named("y", "dog"), 1.0).is_some());
    }
}
