//! The state of a run as bytes, from which another process carries on with the same bits.
//!
//! The bytes are those of a safetensors file: a part a tensor, by name. What belongs to it, the
//! data, the order of the samples and every draw, is a function of the experiment and the seed.

use gradus_core::Scalar;
use gradus_optim::Walk;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::data::Prepared;
use crate::experiment::Experiment;
use crate::sabotage::is_removed;
use crate::train::Run;

impl<'a, T: Scalar> Run<'a, T> {
    /// Everything that decides what the run will come to, once a step is done. Before the first
    /// there is nothing to keep.
    ///
    /// # Panics
    /// Before the first step.
    pub fn checkpoint(&mut self) -> Vec<u8> {
        assert!(self.steps() > 0, "a run that has not begun has no checkpoint");
        let mut saver = Saver::default();
        self.walk(&mut saver);
        let view = |(name, dtype, bytes): &'_ (String, Dtype, Vec<u8>)| {
            let shape = vec![bytes.len() / width(*dtype)];
            (name.clone(), shape, *dtype)
        };
        let parts: Vec<_> = saver.parts.iter().map(view).collect();
        let views = parts.into_iter().zip(&saver.parts).map(|((name, shape, dtype), part)| {
            let view = TensorView::new(dtype, shape, &part.2);
            (name, view.expect("as many bytes as its shape says"))
        });
        serialize(views, None).expect("every part has a name of its own")
    }

    /// The run as it was when it was saved by [`Run::checkpoint`], in the same or in another
    /// process. Its next steps, and all that is measured, have the bits of the undisturbed run.
    ///
    /// # Errors
    /// When the bytes are not those of a run of this experiment; what is wrong with them.
    ///
    /// # Panics
    /// If the experiment was not checked against the data (see [`crate::File`]).
    pub fn carry_on(
        experiment: &'a Experiment,
        seed: u64,
        data: &'a Prepared<T>,
        checkpoint: &[u8],
    ) -> Result<Self, String> {
        let parts = SafeTensors::deserialize(checkpoint).map_err(|error| error.to_string())?;
        let mut restorer = Restorer { parts, read: 0, misfit: None };
        let mut run = Self::start(experiment, seed, data);
        run.walk(&mut restorer);
        run.set_last_step();
        if let Some(misfit) = restorer.misfit {
            return Err(misfit);
        }
        let unknown = restorer.parts.len() - restorer.read;
        if unknown > 0 {
            return Err(format!("{unknown} parts that this run does not have"));
        }
        if run.steps() == 0 {
            return Err("no step was done".to_string());
        }
        Ok(run)
    }
}

/// The type of the network's numbers, as the file says it.
fn dtype<T: Scalar>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

/// Bytes of a number.
fn width(dtype: Dtype) -> usize {
    if dtype == Dtype::F32 { 4 } else { 8 }
}

/// Copies every part.
#[derive(Default)]
struct Saver {
    parts: Vec<(String, Dtype, Vec<u8>)>,
}

impl<T: Scalar> Walk<T> for Saver {
    fn numbers(&mut self, name: &str, numbers: &mut [T]) {
        let mut bytes = Vec::with_capacity(size_of_val(numbers));
        numbers.iter().for_each(|number| number.extend_bytes(&mut bytes));
        self.parts.push((name.to_string(), dtype::<T>(), bytes));
    }

    fn words(&mut self, name: &str, words: &mut Vec<u64>) {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.parts.push((name.to_string(), Dtype::U64, bytes));
    }
}

/// Overwrites every part, and notes the first that is not there as it should be.
struct Restorer<'a> {
    parts: SafeTensors<'a>,
    read: usize,
    misfit: Option<String>,
}

impl<'a> Restorer<'a> {
    /// The bytes of a part; nothing where it is missing or of another type or length.
    fn part(&mut self, name: &str, dtype: Dtype, len: Option<usize>) -> Option<&'a [u8]> {
        let found = self.parts.tensor(name).ok().filter(|part| part.dtype() == dtype);
        let found = found.map(|part| part.data());
        let found = found.filter(|data| len.is_none_or(|len| data.len() == len * width(dtype)));
        match found {
            Some(_) => self.read += 1,
            None => {
                let misfit = || format!("its part {name:?} is missing, or of another size");
                self.misfit.get_or_insert_with(misfit);
            }
        }
        found
    }
}

impl<T: Scalar> Walk<T> for Restorer<'_> {
    fn numbers(&mut self, name: &str, numbers: &mut [T]) {
        let Some(bytes) = self.part(name, dtype::<T>(), Some(numbers.len())) else { return };
        if is_removed("checkpoint") && name != "parameters" {
            return;
        }
        let chunks = bytes.chunks_exact(size_of::<T>());
        for (number, chunk) in numbers.iter_mut().zip(chunks) {
            // Widening and rounding back is exact for every `f32`.
            *number = T::from_f64(match chunk {
                &[a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
                _ => f64::from_bits(word(chunk)),
            });
        }
    }

    fn words(&mut self, name: &str, words: &mut Vec<u64>) {
        let Some(bytes) = self.part(name, Dtype::U64, None) else { return };
        *words = bytes.chunks_exact(8).map(word).collect();
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a chunk of 8 has 8 bytes"))
}

#[cfg(test)]
mod tests {
    use crate::{File, Run};

    /// Interrupted once a rule has ended it, while its outcome is being computed: the one part that
    /// is empty in every other checkpoint.
    #[test]
    fn a_run_that_a_rule_has_ended_stays_so() {
        let text = "// Why?\n(name: \"stopped\", data: (source: Xor), model: [Dense(2)],
            loss: CrossEntropy, optimizer: (learning_rate: 0.1), train: (epochs: 2))";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("stopped.ron");
        std::fs::write(&path, text).expect("it is written");
        let file = File::read(&path, None).unwrap_or_else(|errors| panic!("{}", errors.text));
        let experiment = &file.plan.experiment;
        let kind = experiment.loss.target_kind();
        let data = file.dataset.prepare::<f64>(&experiment.data, kind, 0);
        let mut run = Run::start(experiment, 0, &data);
        assert_eq!(run.step(&[0, 1, 2, 3]), None);
        for stopped in [None, Some("the running loss was below 0.5 – at last".to_string())] {
            run.stopped = stopped.clone();
            let carried = Run::carry_on(experiment, 0, &data, &run.checkpoint()).expect("it fits");
            assert_eq!(carried.stopped, stopped);
        }
    }
}
