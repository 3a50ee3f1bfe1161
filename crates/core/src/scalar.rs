//! The one type parameter of the engine: `f32` to train, `f64` to check.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{AddAssign, MulAssign, Neg, SubAssign};

use ndarray::LinalgScalar;

use crate::functions;
use crate::simd;

mod sealed {
    use ndarray::{ArrayView2, ArrayViewMut2};

    use crate::blas::RustProduct;
    #[cfg(feature = "openblas")]
    use crate::blas::{BlasProduct, IN_DOUBLE, IN_SINGLE};
    use crate::graph::{Graph, NodeId};
    use crate::{Layer, Loss, Targets};

    /// What is compiled once for each type, here: a generic function is compiled again in every
    /// crate that calls it, and the kernels behind these take a minute.
    pub trait Sealed: Sized {
        /// See [`Layer::build`].
        fn build(layer: &Layer, graph: &mut Graph<Self>, input: NodeId) -> Result<NodeId, String>;
        /// See [`Loss::share`].
        fn share(
            loss: &Loss,
            z: ArrayView2<'_, Self>,
            targets: Targets<'_, Self>,
            total: f64,
        ) -> f64;
        /// See [`Loss::differentiate`].
        fn differentiate(
            loss: &Loss,
            z: ArrayView2<'_, Self>,
            targets: Targets<'_, Self>,
            total: f64,
            dz: ArrayViewMut2<'_, Self>,
        ) -> f64;
        /// The product of matrices in Rust.
        fn rust_product() -> RustProduct<Self>;
        /// The product of matrices by OpenBLAS.
        #[cfg(feature = "openblas")]
        fn blas_product() -> BlasProduct<Self>;
    }

    macro_rules! sealed {
        ($type:ident, $rust_product:expr, $blas_product:expr) => {
            impl Sealed for $type {
                #[inline(never)]
                fn build(
                    layer: &Layer,
                    graph: &mut Graph<Self>,
                    input: NodeId,
                ) -> Result<NodeId, String> {
                    layer.build(graph, input)
                }
                #[inline(never)]
                fn share(
                    loss: &Loss,
                    z: ArrayView2<'_, Self>,
                    targets: Targets<'_, Self>,
                    total: f64,
                ) -> f64 {
                    loss.compute_share(z, targets, total)
                }
                #[inline(never)]
                fn differentiate(
                    loss: &Loss,
                    z: ArrayView2<'_, Self>,
                    targets: Targets<'_, Self>,
                    total: f64,
                    dz: ArrayViewMut2<'_, Self>,
                ) -> f64 {
                    loss.compute_gradient(z, targets, total, dz)
                }
                fn rust_product() -> RustProduct<Self> {
                    $rust_product
                }
                #[cfg(feature = "openblas")]
                fn blas_product() -> BlasProduct<Self> {
                    $blas_product
                }
            }
        };
    }

    sealed!(f32, gemm_f32::gemm::f32::get_gemm_fn(), IN_SINGLE);
    sealed!(f64, gemm_f64::gemm::f64::get_gemm_fn(), IN_DOUBLE);
}

/// A floating-point type that networks are made of: `f32` or `f64`, nothing else.
///
/// The transcendental functions of `f64` are those of the `libm` crate; those of `f32` are our own,
/// which a loop computes in vectors. None is the platform's: the platform's choose an instruction
/// set at run time and differ in the last bit between machines.
pub trait Scalar:
    sealed::Sealed
    + simd::Vectors
    + LinalgScalar
    + AddAssign
    + SubAssign
    + MulAssign
    + Neg<Output = Self>
    + PartialOrd
    + Sum
    + Default
    + Debug
    + Display
    + Send
    + Sync
{
    /// Name of the type as experiment files and stamps say it.
    const NAME: &'static str;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Rounds to the nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// Widens without loss.
    fn to_f64(self) -> f64;
    /// Natural exponential.
    fn exp(self) -> Self;
    /// `exp(x) - 1`, precise near 0.
    fn exp_m1(self) -> Self;
    /// `ln(1 + x)`, precise near 0.
    fn ln_1p(self) -> Self;
    /// The complementary error function, `1 - erf(x)`, precise where it is small.
    fn erfc(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The logistic function, `1/(1 + exp(-x))`: 0 where the exponential is infinite, below -88.73
    /// in `f32`.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
    /// Absolute value.
    fn abs(self) -> Self;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// Square root, rounded correctly as IEEE 754 demands of every machine.
    fn sqrt(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Appends the little-endian bytes of the value.
    fn extend_bytes(self, bytes: &mut Vec<u8>);
}

macro_rules! scalar {
    ($type:ident, $name:literal, $exp:path, $exp_m1:path, $ln_1p:path, $erfc:path, $tanh:path) => {
        impl Scalar for $type {
            const NAME: &'static str = $name;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                $exp_m1(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $ln_1p(self)
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                $erfc(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }
            #[inline(always)]
            fn extend_bytes(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}

scalar!(
    f32,
    "F32",
    functions::exp,
    functions::exp_m1,
    functions::ln_1p,
    functions::erfc,
    functions::tanh
);
scalar!(f64, "F64", libm::exp, libm::expm1, libm::log1p, libm::erfc, libm::tanh);
