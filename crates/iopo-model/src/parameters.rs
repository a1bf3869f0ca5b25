//! A model's parameters by name.
//!
//! The path of a parameter in the module tree is its name in Hugging Face's files; adapters use
//! PEFT's names, `base_model.model.<layer>.lora_A.weight`.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::causal_lm::CausalLm;
use crate::decoder::DecoderLayer;

/// A parameter, or something of its shape such as its gradient.
#[derive(Debug, Clone)]
pub struct NamedTensor {
    /// Hugging Face's name, or PEFT's for an adapter.
    pub name: String,
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: Tensor<1>,
}

/// Reading and replacing a model's parameters by name.
pub trait Parameters {
    /// Every parameter, without autodiff, in the order of the model.
    fn parameters(&self) -> Vec<NamedTensor>;

    /// The parameters that are being trained.
    fn trainable_parameters(&self) -> Vec<NamedTensor>;

    /// Takes the trained parameters' gradients out of a backward pass, those that took part in it.
    fn take_gradients(&self, gradients: &mut Gradients) -> Vec<NamedTensor>;

    /// Replaces the trained parameters for which `update` returns new values.
    ///
    /// `update` sees the name and the values, row by row.
    ///
    /// # Panics
    /// `update` returns more or fewer values than it was given.
    #[must_use]
    fn update_trainable(self, update: impl FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) -> Self;
}

impl Parameters for CausalLm {
    fn parameters(&self) -> Vec<NamedTensor> {
        collect(self, Path::default(), |tensor| Some(AnyRank::values(tensor)))
    }

    fn trainable_parameters(&self) -> Vec<NamedTensor> {
        collect(self, Path::default(), |tensor| tensor.is_trained().then(|| tensor.values()))
    }

    fn take_gradients(&self, gradients: &mut Gradients) -> Vec<NamedTensor> {
        collect(self, Path::default(), |tensor| tensor.take_gradient(gradients))
    }

    fn update_trainable(self, update: impl FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) -> Self {
        self.map(&mut Updater { path: Path::default(), update })
    }
}

/// A tensor whose rank does not matter.
trait AnyRank {
    fn is_trained(&self) -> bool;
    fn values(&self) -> Tensor<1>;
    fn take_gradient(&self, gradients: &mut Gradients) -> Option<Tensor<1>>;
}

impl<const D: usize> AnyRank for Tensor<D> {
    fn is_trained(&self) -> bool {
        self.is_require_grad()
    }

    fn values(&self) -> Tensor<1> {
        self.clone().without_autodiff().reshape([-1])
    }

    fn take_gradient(&self, gradients: &mut Gradients) -> Option<Tensor<1>> {
        self.grad_remove(gradients).map(|gradient| gradient.reshape([-1]))
    }
}

fn collect<M: Module>(
    module: &M,
    path: Path,
    read: impl FnMut(&dyn AnyRank) -> Option<Tensor<1>>,
) -> Vec<NamedTensor> {
    let mut collector = Collector { path, read, tensors: Vec::new() };
    module.visit(&mut collector);
    collector.tensors
}

/// As [`Parameters::take_gradients`], for one decoder layer.
pub(crate) fn take_layer_gradients(
    index: usize,
    layer: &DecoderLayer,
    gradients: &mut Gradients,
) -> Vec<NamedTensor> {
    let path = Path(["model", "layers"].map(str::to_owned).into_iter().chain([index.to_string()]).collect());
    collect(layer, path, |tensor| tensor.take_gradient(gradients))
}

struct Collector<F> {
    path: Path,
    read: F,
    tensors: Vec<NamedTensor>,
}

impl<F: FnMut(&dyn AnyRank) -> Option<Tensor<1>>> ModuleVisitor for Collector<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        if let Some(values) = (self.read)(&tensor) {
            let shape = tensor.dims().to_vec();
            self.tensors.push(NamedTensor { name: self.path.name(), shape, values });
        }
    }
}

struct Updater<F> {
    path: Path,
    update: F,
}

impl<F: FnMut(&str, Tensor<1>) -> Option<Tensor<1>>> ModuleMapper for Updater<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = param.val();
        if !tensor.is_require_grad() {
            return param;
        }
        match (self.update)(&self.path.name(), tensor.values()) {
            None => param,
            Some(values) => {
                let updated = values.without_autodiff().reshape(tensor.dims());
                param.map(|_| updated.autodiff().require_grad())
            }
        }
    }
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    /// `…q_proj.lora.a` is `base_model.model.…q_proj.lora_A.weight` in PEFT's files; other paths are names.
    fn name(&self) -> String {
        match self.0.as_slice() {
            [module @ .., lora, matrix] if lora == "lora" => peft_name(&module.join("."), matrix),
            path => path.join("."),
        }
    }
}

/// PEFT's name of the matrix `a` or `b` of the adapter at `module`.
pub(crate) fn peft_name(module: &str, matrix: &str) -> String {
    format!("base_model.model.{module}.lora_{}.weight", matrix.to_uppercase())
}
