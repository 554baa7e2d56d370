//! Chance that depends on nothing but its seed and what it is asked about.
//!
//! The order in which requests arrive is not the same twice when they travel over connections. So nothing here draws from
//! a sequence: the same question always gets the same answer.

use std::hash::{Hash, Hasher};

/// The finaliser of the `SplitMix64` generator: mixes every bit of `n` into every other, and is one-to-one.
#[must_use]
pub fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A number from all 64 bits for `question` under `seed`.
#[must_use]
pub fn draw(seed: u64, question: impl Hash) -> u64 {
    let mut hasher = Fnv(mixed(seed));
    question.hash(&mut hasher);
    mixed(hasher.finish())
}

/// A number from 0 to less than 1 for `question` under `seed`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "the 53 bits of a fraction fit")]
pub fn fraction(seed: u64, question: impl Hash) -> f64 {
    (draw(seed, question) >> 11) as f64 / (1_u64 << 53) as f64
}

/// FNV-1a: the standard library's hasher may change from one release to the next, and a seed must not.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_gets_the_same_answer_and_another_another() {
        assert_eq!(draw(1, ("a", 2)), draw(1, ("a", 2)));
        assert_ne!(draw(1, ("a", 2)), draw(2, ("a", 2)));
        assert_ne!(draw(1, ("a", 2)), draw(1, ("a", 3)));
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let below = (0..10_000).filter(|n| fraction(7, n) < 0.25).count();
        assert!((2_300..2_700).contains(&below), "{below} of 10,000 below a quarter");
    }
}
