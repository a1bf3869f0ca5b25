//! The kernels as operations of burn, with and without a tape.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::DType;

use super::attention::{self, AttentionPlan};
use super::{FlexTensor, linear, log_prob, norm, rope, swiglu};

/// The term that a product is added to.
#[derive(ExtensionType)]
pub enum Onto<B: Backend> {
    /// Zero.
    Nothing,
    /// A vector for every row, or a matrix.
    Values(FloatTensor<B>),
}

/// The tensors that give the backward pass a product's input: itself, or those to recompute it from.
#[derive(ExtensionType)]
pub enum Saved<B: Backend> {
    /// The input.
    Input,
    /// The tensors that a norm's output is recomputed from.
    Norm {
        /// The norm's input.
        x: FloatTensor<B>,
        /// The norm's weight.
        weight: FloatTensor<B>,
        /// Added to the mean square.
        eps: f64,
    },
    /// The tensors that `silu(gate) · up` is recomputed from.
    Gated {
        /// The gate before its activation.
        gate: FloatTensor<B>,
        /// The other factor.
        up: FloatTensor<B>,
    },
}

/// Operations of a decoder layer and its head, each with a gradient of its own.
#[backend_extension(Autodiff, Flex)]
pub trait CpuOperations: Backend {
    /// See [`linear::forward`].
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] onto: Onto<Self>,
        #[extension_type] saved: Saved<Self>,
        scale: f64,
    ) -> FloatTensor<Self>;

    /// See [`norm::forward`].
    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;

    /// See [`rope::rotate`].
    fn rotate(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`swiglu::forward`].
    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`attention::forward`].
    fn attend(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        plan: Arc<AttentionPlan>,
    ) -> FloatTensor<Self>;

    /// See [`log_prob::forward`].
    fn target_log_probs(scores: FloatTensor<Self>, targets: Arc<[u32]>) -> FloatTensor<Self>;

    /// Zero, with `upstream` as the gradient for `x`: the gradient of `sum(x · upstream)` without its products.
    fn with_gradient(x: FloatTensor<Self>, upstream: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Calls a kernel with the float type that the tensor has; callers have checked that it is f32 or f64.
macro_rules! typed {
    ($tensor:expr, $module:ident :: $kernel:ident ( $($argument:expr),* $(,)? )) => {
        match $tensor.dtype() {
            DType::F64 => $module::$kernel::<f64>($($argument),*),
            _ => $module::$kernel::<f32>($($argument),*),
        }
    };
}

impl CpuOperations for Flex {
    fn linear(x: FlexTensor, weight: FlexTensor, onto: Onto<Self>, _: Saved<Self>, scale: f64) -> FlexTensor {
        let onto = match onto {
            Onto::Nothing => None,
            Onto::Values(onto) => Some(onto),
        };
        typed!(x, linear::forward(&x, &weight, onto, scale))
    }

    fn rms_norm(x: FlexTensor, weight: FlexTensor, eps: f64) -> FlexTensor {
        typed!(x, norm::forward(&x, &weight, eps))
    }

    fn rotate(x: FlexTensor, cos: FlexTensor, sin: FlexTensor) -> FlexTensor {
        typed!(x, rope::rotate(&x, &cos, &sin, 1.0))
    }

    fn swiglu(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
        typed!(gate, swiglu::forward(&gate, &up))
    }

    fn attend(q: FlexTensor, k: FlexTensor, v: FlexTensor, plan: Arc<AttentionPlan>) -> FlexTensor {
        typed!(q, attention::forward(&q, &k, &v, &plan))
    }

    fn target_log_probs(scores: FlexTensor, targets: Arc<[u32]>) -> FlexTensor {
        typed!(scores, log_prob::forward(&scores, &targets))
    }

    fn with_gradient(x: FlexTensor, _: FlexTensor) -> FlexTensor {
        FlexTensor::zeros([1].into(), x.dtype())
    }
}

impl<C: CheckpointStrategy> CpuOperations for Autodiff<Flex, C> {
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        onto: Onto<Self>,
        saved: Saved<Self>,
        scale: f64,
    ) -> FloatTensor<Self> {
        // Each factor is kept only for the other's gradient.
        let (x_tracked, weight_tracked) = (x.is_tracked(), weight.is_tracked());
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let (onto, onto_node) = match onto {
            Onto::Nothing => (None, None),
            Onto::Values(onto) => {
                let (onto, node) = onto.into_parts();
                (Some(onto), Some(node))
            }
        };
        let onto_is_row = onto.as_ref().is_some_and(|onto: &FlexTensor| onto.layout().num_dims() == 1);
        let state = LinearState {
            x: weight_tracked.then(|| match saved {
                Saved::Input => SavedInput::Input(x.clone()),
                Saved::Norm { x, weight, eps } => {
                    SavedInput::Norm(x.into_primitive(), weight.into_primitive(), eps)
                }
                Saved::Gated { gate, up } => SavedInput::Gated(gate.into_primitive(), up.into_primitive()),
            }),
            weight: x_tracked.then(|| weight.clone()),
            onto_is_row,
            scale,
        };
        let y = Flex::linear(x, weight, onto.map_or(Onto::Nothing, Onto::Values), Saved::Input, scale);
        match onto_node {
            None => record::<_, C, 2>(Linear, [x_node, weight_node], state, y),
            Some(onto_node) => record::<_, C, 3>(Linear, [x_node, weight_node, onto_node], state, y),
        }
    }

    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let y = Flex::rms_norm(x.clone(), weight.clone(), eps);
        record::<_, C, 2>(RmsNorm, [x_node, weight_node], (x, weight, eps), y)
    }

    fn rotate(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((x, x_node), cos, sin) = (x.into_parts(), cos.into_primitive(), sin.into_primitive());
        let y = Flex::rotate(x, cos.clone(), sin.clone());
        record::<_, C, 1>(Rotate, [x_node], (cos, sin), y)
    }

    fn swiglu(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((gate, gate_node), (up, up_node)) = (gate.into_parts(), up.into_parts());
        let y = Flex::swiglu(gate.clone(), up.clone());
        record::<_, C, 2>(SwiGlu, [gate_node, up_node], (gate, up), y)
    }

    fn attend(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        plan: Arc<AttentionPlan>,
    ) -> FloatTensor<Self> {
        let ((q, q_node), (k, k_node), (v, v_node)) = (q.into_parts(), k.into_parts(), v.into_parts());
        let y = Flex::attend(q.clone(), k.clone(), v.clone(), plan.clone());
        record::<_, C, 3>(Attend, [q_node, k_node, v_node], ([q, k, v], plan), y)
    }

    fn target_log_probs(scores: FloatTensor<Self>, targets: Arc<[u32]>) -> FloatTensor<Self> {
        let (scores, node) = scores.into_parts();
        let y = Flex::target_log_probs(scores.clone(), targets.clone());
        record::<_, C, 1>(TargetLogProbs, [node], (scores, targets), y)
    }

    fn with_gradient(x: FloatTensor<Self>, upstream: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((x, node), upstream) = (x.into_parts(), upstream.into_primitive());
        let y = Flex::with_gradient(x, upstream.clone());
        record::<_, C, 1>(WithGradient, [node], upstream, y)
    }
}

/// Puts an operation on the tape if any of its inputs is tracked.
fn record<O, C, const N: usize>(
    operation: O,
    inputs: [NodeGuard; N],
    state: O::State,
    output: FlexTensor,
) -> FloatTensor<Autodiff<Flex, C>>
where
    O: Backward<Flex, N>,
    C: CheckpointStrategy,
{
    match operation.prepare::<C>(inputs).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct Linear;

#[derive(Debug, Clone)]
struct LinearState {
    x: Option<SavedInput>,
    weight: Option<FlexTensor>,
    onto_is_row: bool,
    scale: f64,
}

/// [`Saved`] on the tape.
#[derive(Debug, Clone)]
enum SavedInput {
    Input(FlexTensor),
    Norm(FlexTensor, FlexTensor, f64),
    Gated(FlexTensor, FlexTensor),
}

impl SavedInput {
    fn values(self) -> FlexTensor {
        match self {
            Self::Input(x) => x,
            Self::Norm(x, weight, eps) => Flex::rms_norm(x, weight, eps),
            Self::Gated(gate, up) => Flex::swiglu(gate, up),
        }
    }
}

impl<const N: usize> Backward<Flex, N> for Linear {
    type State = LinearState;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let LinearState { x, weight, onto_is_row, scale } = ops.state;
        let mut parents = ops.parents.into_iter();
        let mut next = || parents.next().flatten();
        let (x_node, weight_node, onto_node) = (next(), next(), next());
        if let (Some(node), Some(weight)) = (x_node, weight) {
            gradients.register::<Flex>(node.id, typed!(g, linear::input_gradient(&g, &weight, scale)));
        }
        if let (Some(node), Some(x)) = (weight_node, x) {
            let x = x.values();
            gradients.register::<Flex>(node.id, typed!(g, linear::weight_gradient(&g, &x, scale)));
        }
        if let Some(node) = onto_node {
            let onto = if onto_is_row { typed!(g, linear::bias_gradient(&g)) } else { g };
            gradients.register::<Flex>(node.id, onto);
        }
    }
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Flex, 2> for RmsNorm {
    type State = (FlexTensor, FlexTensor, f64);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let (x, weight, eps) = ops.state;
        let [x_node, weight_node] = ops.parents;
        if let Some(node) = weight_node {
            gradients.register::<Flex>(node.id, typed!(g, norm::weight_gradient(&g, &x, eps)));
        }
        if let Some(node) = x_node {
            gradients.register::<Flex>(node.id, typed!(g, norm::input_gradient(&g, &x, &weight, eps)));
        }
    }
}

#[derive(Debug)]
struct Rotate;

impl Backward<Flex, 1> for Rotate {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let (cos, sin) = ops.state;
        if let [Some(node)] = ops.parents {
            gradients.register::<Flex>(node.id, typed!(g, rope::rotate(&g, &cos, &sin, -1.0)));
        }
    }
}

#[derive(Debug)]
struct SwiGlu;

impl Backward<Flex, 2> for SwiGlu {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let (gate, up) = ops.state;
        let (d_gate, d_up) = typed!(g, swiglu::gradients(&g, &gate, &up));
        for (node, gradient) in ops.parents.into_iter().zip([d_gate, d_up]) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Attend;

impl Backward<Flex, 3> for Attend {
    type State = ([FlexTensor; 3], Arc<AttentionPlan>);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let ([q, k, v], plan) = ops.state;
        let found = typed!(g, attention::gradients(&g, &q, &k, &v, &plan));
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct TargetLogProbs;

impl Backward<Flex, 1> for TargetLogProbs {
    type State = (FlexTensor, Arc<[u32]>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let g = gradients.consume::<Flex>(&ops.node);
        let (scores, targets) = ops.state;
        if let [Some(node)] = ops.parents {
            gradients.register::<Flex>(node.id, typed!(g, log_prob::gradient(&g, scores, &targets)));
        }
    }
}

#[derive(Debug)]
struct WithGradient;

impl Backward<Flex, 1> for WithGradient {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        // The scalar is where the backward pass starts: its own gradient is 1.
        gradients.consume::<Flex>(&ops.node);
        if let [Some(node)] = ops.parents {
            gradients.register::<Flex>(node.id, ops.state);
        }
    }
}
