//! Random draws as a pure function of (seed, stream name, epoch, step, index).
//!
//! Nothing is saved and nothing is shared: whoever needs numbers opens the stream by its name, so
//! neither the order of runs nor the number of threads can change a draw, and adding a new kind of
//! draw leaves the others as they were.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The name of a stream, hashed once, so that a step opens its stream without touching text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamName(u64);

impl StreamName {
    /// Hashes a name by FNV-1a. Source: Fowler, Noll, Vo, RFC 9923.
    pub fn new(name: &str) -> Self {
        Self(fnv1a(name))
    }
}

/// One sequence of draws. The index of the design is the position in it.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Stream {
    /// Opens the stream `name` of `seed` at (`epoch`, `step`).
    ///
    /// The four together are the 256-bit key of ChaCha8, the name by its FNV-1a hash, so that two
    /// streams that differ in any of them are unrelated.
    /// Source: D. J. Bernstein, *ChaCha, a variant of Salsa20* (2008).
    pub fn new(seed: u64, name: &str, epoch: u64, step: u64) -> Self {
        Self::named(seed, StreamName::new(name), epoch, step)
    }

    /// The same stream, by its hashed name.
    pub fn named(seed: u64, name: StreamName, epoch: u64, step: u64) -> Self {
        let mut key = [0_u8; 32];
        for (part, word) in key.chunks_exact_mut(8).zip([seed, name.0, epoch, step]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        Self { generator: ChaCha8Rng::from_seed(key), spare_normal: None }
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform on `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.generator.next_u64() >> 11) as f64 * SCALE
    }

    /// Standard normal, by the Box-Muller transform; both values of a pair are used.
    ///
    /// Source: Box and Muller, *Annals of Mathematical Statistics* 29 (1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = std::f64::consts::TAU * self.uniform();
        self.spare_normal = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Uniform on `0..bound`, without bias.
    ///
    /// Source: Lemire, *Fast Random Integer Generation in an Interval* (2019), algorithm 5.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw below 0 has no value");
        let mut product = u128::from(self.generator.next_u64()) * u128::from(bound);
        // The division is slower than the draw, and whoever is above `bound` is above the threshold.
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.generator.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// Puts `items` into a random order, every order equally likely.
    ///
    /// Source: Knuth, *The Art of Computer Programming* 2, section 3.4.2, algorithm P.
    pub fn shuffle<Item>(&mut self, items: &mut [Item]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::Stream;

    fn first(seed: u64, name: &str, epoch: u64, step: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, name, epoch, step);
        (0..4).map(|_| stream.uniform()).collect()
    }

    #[test]
    fn same_address_same_draws_and_any_other_differs() {
        let here = first(7, "init", 1, 2);
        assert_eq!(here, first(7, "init", 1, 2));
        for other in [
            first(8, "init", 1, 2),
            first(7, "shuffle", 1, 2),
            first(7, "init", 2, 2),
            first(7, "init", 1, 3),
        ] {
            assert_ne!(here, other);
        }
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut stream = Stream::new(1, "test", 0, 0);
        let n = 200_000;
        let draws: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        // Five standard errors of the mean (1/√n) and of the variance (√(2/n)).
        assert!(mean.abs() < 5.0 / f64::from(n).sqrt(), "mean {mean}");
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / f64::from(n)).sqrt(), "variance {variance}");
    }

    #[test]
    fn shuffle_reaches_every_order_equally() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6_000 {
            let mut items = [0, 1, 2];
            Stream::new(seed, "shuffle", 0, 0).shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Each count is binomial(6000, 1/6): five standard deviations are 145.
        assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn box_muller_pairs_follow_the_formula() {
        let mut uniforms = Stream::new(3, "test", 0, 0);
        let mut normals = uniforms.clone();
        let (u, v) = (uniforms.uniform(), uniforms.uniform());
        let radius = (-2.0 * (1.0 - u).ln()).sqrt();
        let angle = std::f64::consts::TAU * v;
        assert!((normals.normal() - radius * angle.cos()).abs() < 1e-14);
        assert!((normals.normal() - radius * angle.sin()).abs() < 1e-14);
    }
}
