//! Randomness that repeats: one stream for each use, all split from one seed, so that drawing
//! more from one never changes another.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

pub(crate) struct Streams {
    seed: u64,
    streams: BTreeMap<&'static str, Pcg64Mcg>,
}

impl Streams {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, streams: BTreeMap::new() }
    }

    fn stream(&mut self, name: &'static str) -> &mut Pcg64Mcg {
        let seed = self.seed;
        self.streams.entry(name).or_insert_with(|| {
            // FNV-1a of the name, so that streams differ.
            let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
            Pcg64Mcg::seed_from_u64(seed ^ hash)
        })
    }

    /// A number below `bound`, by multiplication; the bias is far below what anybody can see.
    pub(crate) fn below(&mut self, name: &'static str, bound: u64) -> u64 {
        let word = self.stream(name).next_u64();
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn hex(&mut self, name: &'static str, digits: usize) -> String {
        let stream = self.stream(name);
        let mut text = String::with_capacity(digits + 15);
        while text.len() < digits {
            let word = stream.next_u64();
            for shift in (0..16).rev() {
                let digit = (word >> (shift * 4) & 0xf) as u8;
                text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
            }
        }
        text.truncate(digits);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Streams;

    #[test]
    fn streams_are_independent_and_repeat() {
        let mut a = Streams::new(7);
        let mut b = Streams::new(7);
        let first = a.hex("ids", 64);
        b.below("jitter", 100);
        assert_eq!(b.hex("ids", 64), first);
        assert_ne!(a.hex("ids", 64), first);
        assert_ne!(Streams::new(8).hex("ids", 64), first);
    }
}
