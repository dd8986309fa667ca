//! Inputs that are made up, the same in every run.

use super::datatype::Datatype;
use super::shape::{Resolved, ResolvedInputs};
use super::tensor::{Elements, Tensor};

/// Integers are below this: small enough for every datatype, and for the vocabulary of a model.
const INTEGERS: u64 = 100;

/// Fractions have so many values in [0, 1): six digits in JSON.
const FRACTIONS: u64 = 1_000_000;

/// The tensors of the request with this number. Others have other elements.
pub fn generate(inputs: &ResolvedInputs, number: u64) -> Vec<Tensor> {
    let mut chance = Chance { state: number };
    inputs.0.iter().map(|input| tensor(input, &mut chance)).collect()
}

fn tensor(input: &Resolved, chance: &mut Chance) -> Tensor {
    let Resolved { name, datatype, shape, has_rows } = input.clone();
    let count = 0..shape.iter().product::<u64>();
    let elements = match datatype {
        _ if datatype.is_fraction() => Elements::Fractions(
            count.map(|_| chance.below(FRACTIONS) as f64 / FRACTIONS as f64).collect(),
        ),
        Datatype::Bool => Elements::Integers(count.map(|_| chance.below(2).into()).collect()),
        _ => Elements::Integers(count.map(|_| chance.below(INTEGERS).into()).collect()),
    };
    Tensor { name, datatype, shape, has_rows, elements }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
struct Chance {
    state: u64,
}

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_differ_and_are_the_same_in_every_run() {
        let of = |datatype, number| {
            let input = Resolved { name: "x".into(), datatype, shape: vec![1, 64], has_rows: true };
            generate(&ResolvedInputs(vec![input]), number).remove(0).elements
        };
        let Elements::Fractions(fractions) = of(Datatype::Fp32, 1) else { panic!("fractions") };
        assert!(fractions.iter().all(|value| (0.0..1.0).contains(value)));
        assert_ne!(of(Datatype::Fp32, 0), of(Datatype::Fp32, 1));
        assert_eq!(of(Datatype::Fp32, 1), Elements::Fractions(fractions));
        let Elements::Integers(bools) = of(Datatype::Bool, 1) else { panic!("integers") };
        assert!(bools.contains(&0) && bools.contains(&1) && bools.len() == 64);
        let Elements::Integers(integers) = of(Datatype::Int8, 1) else { panic!("integers") };
        assert!(integers.iter().all(|value| (0..100).contains(value)));
    }
}
