//! Weights as safetensors files: written from a record, and read as the beginning of a run.
//!
//! A file holds one tensor for each parameter and each state of an operation, by the names of
//! [`gradus_core::ParameterRange`], all of shape (rows, columns), in `F32` or `F64`.
//! Source: the format of <https://github.com/huggingface/safetensors>.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gradus_core::{Initialization, Mistake, Program, Scalar};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest;
use crate::experiment::Precision;
use crate::memory::{RELIEF, shortage_of};
use crate::record::NamedArray;

/// How the parameters begin. A file writes `(weights: He(Normal), biases: Zeros)`, or
/// `Weights("file.safetensors")`, a path as those of `data`.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// Drawn from the run's seed.
    Draw(Initialization),
    /// Read from a file.
    Weights {
        /// Where it stands.
        path: String,
        /// What it holds, once it is read.
        content: Option<Arc<Weights>>,
    },
}

impl Default for Init {
    fn default() -> Self {
        Init::Draw(Initialization::default())
    }
}

impl Init {
    /// What is drawn; of weights that are read afterwards, the default.
    pub fn drawn(&self) -> Initialization {
        match self {
            Init::Draw(initialization) => *initialization,
            Init::Weights { .. } => Initialization::default(),
        }
    }

    /// The weights that are read, once they are.
    pub fn content(&self) -> Option<&Weights> {
        match self {
            Init::Draw(_) => None,
            Init::Weights { content, .. } => content.as_deref(),
        }
    }
}

impl Serialize for Init {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Init::Draw(initialization) => initialization.serialize(serializer),
            Init::Weights { path, .. } => {
                serializer.serialize_newtype_variant("Init", 0, "Weights", path)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Init {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

/// Reads both forms. The word before the bracket does not come here: `syntax` looks at it.
struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Init;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("`(weights: …, biases: …)` or `Weights(\"file.safetensors\")`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Init, A::Error> {
        Initialization::deserialize(MapAccessDeserializer::new(map)).map(Init::Draw)
    }

    fn visit_unit<E: Error>(self) -> Result<Init, E> {
        Ok(Init::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Init, A::Error> {
        let path = items.next_element()?.ok_or_else(|| Error::invalid_length(0, &self))?;
        Ok(Init::Weights { path, content: None })
    }
}

/// The content of a file of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// SHA-256 of the file.
    pub digest: String,
    tensors: Vec<Tensor>,
}

#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    is_double: bool,
    values: Vec<f64>,
}

impl Weights {
    /// Reads a file. No more is allocated than a few times its size.
    pub(crate) fn read(path: &Path) -> Result<Self, Mistake> {
        let refuse = |message: String, help: &str| {
            Err(Mistake::new("init", format!("{}: {message}", path.display()), help))
        };
        let next = "give the path of a safetensors file, relative to this file or to --data";
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return refuse(error.to_string(), next),
        };
        if !metadata.is_file() {
            return refuse("not a file".to_string(), next);
        }
        // The file, and its numbers in double precision.
        if let Some(why) = shortage_of(metadata.len().saturating_mul(3)) {
            return refuse(why, RELIEF);
        }
        match fs::read(path) {
            Ok(bytes) => Self::parse(&bytes).or_else(|message| {
                refuse(message, "save the weights again, as F32 or F64 and all of them finite")
            }),
            Err(error) => refuse(error.to_string(), next),
        }
    }

    /// Reads the bytes of a file.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| format!("not a whole safetensors file: {error}"))?;
        let mut tensors = Vec::with_capacity(file.len());
        for (name, view) in file.iter() {
            let values: Vec<f64> = match view.dtype() {
                Dtype::F32 => words(view.data(), |word| f64::from(f32::from_le_bytes(word))),
                Dtype::F64 => words(view.data(), f64::from_le_bytes),
                other => return Err(format!("tensor {name:?} is of type {other}")),
            };
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(format!("tensor {name:?} holds {} at {index}", values[index]));
            }
            let is_double = view.dtype() == Dtype::F64;
            let shape = view.shape().to_vec();
            tensors.push(Tensor { name: name.to_string(), shape, is_double, values });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { digest: digest::of(bytes), tensors })
    }

    /// Everything in which they do not fit the network of `program`, in words.
    pub(crate) fn misfits<T: Scalar>(
        &self,
        program: &Program<T>,
        precision: Precision,
    ) -> Vec<String> {
        let wanted = places(program);
        let mut found = Vec::new();
        for (name, shape, _) in &wanted {
            let shape = shape.as_slice();
            match self.tensors.iter().find(|tensor| tensor.name == *name) {
                None => found.push(format!("{name:?} of shape {shape:?} is missing")),
                Some(tensor) if tensor.shape != shape => found.push(format!(
                    "{name:?} has shape {:?}, the model wants {shape:?}",
                    tensor.shape
                )),
                Some(tensor) if tensor.is_double && precision == Precision::F32 => {
                    found.push(format!("{name:?} is F64, the run computes in F32"));
                }
                Some(_) => {}
            }
        }
        for tensor in &self.tensors {
            if !wanted.iter().any(|(name, ..)| *name == tensor.name) {
                found.push(format!("{:?} is not in the model", tensor.name));
            }
        }
        found
    }

    /// Puts every tensor in its place.
    ///
    /// # Panics
    /// If one is missing or does not fit; the check of the file has seen to it.
    pub(crate) fn put_into<T: Scalar>(&self, program: &mut Program<T>) {
        for (name, _, place) in places(program) {
            let tensor = self.tensors.iter().find(|tensor| tensor.name == name);
            let values = &tensor.expect("the weights were checked against the model").values;
            let into = match place {
                Place::Parameter(range) => &mut program.parameters.values[range],
                Place::State(range) => &mut program.state_mut()[range],
            };
            assert_eq!(into.len(), values.len(), "{name}");
            for (into, &value) in into.iter_mut().zip(values) {
                *into = T::from_f64(value);
            }
        }
    }
}

fn words<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let word = |chunk: &[u8]| number(chunk.try_into().expect("a chunk of N has N bytes"));
    bytes.chunks_exact(N).map(word).collect()
}

enum Place {
    Parameter(std::ops::Range<usize>),
    State(std::ops::Range<usize>),
}

/// Name, shape and place of everything that a network keeps.
fn places<T: Scalar>(program: &Program<T>) -> Vec<(String, [usize; 2], Place)> {
    let parameters = program.parameters.ranges.iter().map(|parameter| {
        (parameter.name.clone(), parameter.shape, Place::Parameter(parameter.range.clone()))
    });
    let states = program.state().1.iter().map(|state| {
        (state.name.clone(), [1, state.range.len()], Place::State(state.range.clone()))
    });
    parameters.chain(states).collect()
}

/// Everything that a network keeps, by name, as a record stores it.
pub(crate) fn arrays<T: Scalar>(program: &Program<T>) -> Vec<NamedArray> {
    let array = |(name, [rows, columns], place): (String, [usize; 2], Place)| {
        let values = match place {
            Place::Parameter(range) => &program.parameters.values[range],
            Place::State(range) => &program.state().0[range],
        };
        let values = values.iter().map(|value| value.to_f64()).collect();
        NamedArray { name, rows: rows as u64, columns: columns as u64, values }
    };
    places(program).into_iter().map(array).collect()
}

/// The bytes of a safetensors file with these arrays; the same arrays always give the same bytes.
///
/// # Errors
/// Where two arrays have one name.
pub fn safetensors_bytes(arrays: &[NamedArray], precision: Precision) -> Result<Vec<u8>, String> {
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F64 => Dtype::F64,
    };
    let bytes: Vec<Vec<u8>> = arrays
        .iter()
        .map(|array| match precision {
            Precision::F32 => array.values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
            Precision::F64 => array.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        })
        .collect();
    let mut views = Vec::with_capacity(arrays.len());
    for (array, bytes) in arrays.iter().zip(&bytes) {
        let shape = vec![array.rows as usize, array.columns as usize];
        let view = TensorView::new(dtype, shape, bytes).map_err(|error| error.to_string())?;
        views.push((array.name.as_str(), view));
    }
    serialize(views, None).map_err(|error| error.to_string())
}
