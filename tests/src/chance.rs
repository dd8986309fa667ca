//! Chance that can be repeated.

/// Numbers from a seed: Marsaglia's xorshift64 with the triple 13, 7, 17 ("Xorshift RNGs", 2003).
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    pub fn from_seed(seed: u64) -> Self {
        // Zero would stay zero, and small seeds would begin alike.
        let mut chance = Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 };
        for _ in 0..8 {
            chance.next();
        }
        chance
    }

    /// With another seed each time. Prints it, so that what it led to can be repeated.
    pub fn new() -> Self {
        let seed = Self::any_seed();
        println!("seed {seed}");
        Self::from_seed(seed)
    }

    pub fn any_seed() -> u64 {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_nanos() as u64 % 1_000_000_007
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of several.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The high bits are the better ones.
        self.state >> 11
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_another_differs() {
        let numbers = |seed| {
            let mut chance = Chance::from_seed(seed);
            (0..50).map(|_| chance.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!((0..10).all(|number| numbers(1).contains(&number)));
    }
}
