//! How the state of an optimizer is taken out and put back.

/// A walk over everything that decides later steps, part by part in a fixed order.
///
/// One that saves copies the parts, one that restores overwrites them. The owner of a part has one
/// function for both, so that nothing can be saved and then not restored.
pub trait Walk<T> {
    /// Numbers of the network's own type, such as velocities: as many as the shapes say.
    fn numbers(&mut self, name: &str, numbers: &mut [T]);

    /// Everything else, in words of 64 bits; there may be more of them later in a run.
    fn words(&mut self, name: &str, words: &mut Vec<u64>);

    /// One count.
    fn count(&mut self, name: &str, count: &mut u64) {
        let mut words = vec![*count];
        self.words(name, &mut words);
        *count = words.first().copied().unwrap_or_default();
    }

    /// Doubles, by their bits.
    fn doubles(&mut self, name: &str, doubles: &mut Vec<f64>) {
        let mut words = doubles.iter().map(|double| double.to_bits()).collect();
        self.words(name, &mut words);
        doubles.clear();
        doubles.extend(words.into_iter().map(f64::from_bits));
    }

    /// One double.
    fn double(&mut self, name: &str, double: &mut f64) {
        let mut bits = double.to_bits();
        self.count(name, &mut bits);
        *double = f64::from_bits(bits);
    }
}
