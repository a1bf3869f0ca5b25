//! Kernels against tensor operations, against finite differences, and against themselves on other
//! numbers of threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Cpu;
use crate::kernels::{
    Activation, AdamWUpdate, Heads, Input, Kernels, Onto, Recipe, adamw_update, add, scale, sum_of_squares,
    tensors,
};
use crate::layout::{SegmentSpan, TokenLayout};
use crate::rope::RotaryEmbedding;

/// A function of several tensors, once by kernels and once by tensor operations.
struct Case {
    name: &'static str,
    inputs: Vec<[usize; 2]>,
    kernel: Function,
    tensors: Function,
}

type Function = fn(&[Tensor<2>]) -> Tensor<2>;

fn random(rng: &mut ChaCha8Rng, shape: [usize; 2], dtype: DType) -> Tensor<2> {
    let values: Vec<f64> = (0..shape[0] * shape[1]).map(|_| rng.random_range(-2.0..2.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex(), dtype))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().unwrap()
}

/// A root with two children, one of which has two of its own: more than one tile, and pieces of a tile.
fn tree() -> TokenLayout {
    let span = |range, parent| SegmentSpan { range, parent };
    let segments = vec![
        span(0..70, None),
        span(70..75, Some(0)),
        span(75..145, Some(1)),
        span(145..146, Some(1)),
        span(146..160, Some(0)),
        span(160..163, None),
    ];
    TokenLayout::new(vec![1; 163], (0..163).collect(), segments).unwrap()
}

fn rope(tokens: usize, head_dim: usize, dtype: DType) -> RotaryEmbedding {
    let frequencies: Vec<f64> = (0..head_dim / 2).map(|i| 0.5f64.powi(i as i32)).collect();
    let positions: Vec<u32> = (0..tokens as u32).collect();
    RotaryEmbedding::new(&frequencies, &positions, dtype, &Device::flex())
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |name, inputs: &[[usize; 2]], kernel: Function, tensors: Function| {
        cases.push(Case { name, inputs: inputs.to_vec(), kernel, tensors });
    };
    case(
        "linear",
        &[[300, 17], [9, 17]],
        |t| by_kernel(&kept(&t[0]), &t[1], Onto::Nothing, 0.7),
        |t| tensors::linear(&t[0], &t[1], Onto::Nothing, 0.7),
    );
    case(
        "linear with bias",
        &[[5, 17], [290, 17], [1, 290]],
        |t| by_kernel(&kept(&t[0]), &t[1], Onto::EveryRow(vector(&t[2])), 1.0),
        |t| tensors::linear(&t[0], &t[1], Onto::EveryRow(vector(&t[2])), 1.0),
    );
    case(
        "linear onto a matrix",
        &[[33, 8], [31, 8], [33, 31]],
        |t| by_kernel(&kept(&t[0]), &t[1], Onto::Matrix(t[2].clone()), -1.5),
        |t| tensors::linear(&t[0], &t[1], Onto::Matrix(t[2].clone()), -1.5),
    );
    case(
        "one row",
        &[[1, 8], [31, 8], [1, 31]],
        |t| by_kernel(&kept(&t[0]), &t[1], Onto::Matrix(t[2].clone()), 2.0),
        |t| tensors::linear(&t[0], &t[1], Onto::Matrix(t[2].clone()), 2.0),
    );
    case(
        "norm",
        &[[261, 21], [1, 21]],
        |t| Cpu.rms_norm(&t[0], &vector(&t[1]), 1e-6).unwrap(),
        |t| tensors::rms_norm(t[0].clone(), &vector(&t[1]), 1e-6),
    );
    case(
        "linear of a recomputed norm",
        &[[37, 21], [1, 21], [9, 21]],
        |t| {
            let (x, weight, eps) = (t[0].clone(), vector(&t[1]), 1e-6);
            let value = Cpu.rms_norm(&x, &weight, eps).unwrap();
            let input = Input { value, recipe: Some(Recipe::Norm { x, weight, eps }) };
            by_kernel(&input, &t[2], Onto::Nothing, 1.0)
        },
        |t| {
            let x = tensors::rms_norm(t[0].clone(), &vector(&t[1]), 1e-6);
            tensors::linear(&x, &t[2], Onto::Nothing, 1.0)
        },
    );
    case(
        "linear of a recomputed gate",
        &[[37, 19], [37, 19], [5, 19]],
        |t| {
            let (activation, gate, up) = (Activation::Silu, t[0].clone(), t[1].clone());
            let value = Cpu.gated(activation, &gate, &up).unwrap();
            let input = Input { value, recipe: Some(Recipe::Gated { activation, gate, up }) };
            by_kernel(&input, &t[2], Onto::Nothing, 1.0)
        },
        |t| {
            let x = tensors::gated(Activation::Silu, t[0].clone(), t[1].clone());
            tensors::linear(&x, &t[2], Onto::Nothing, 1.0)
        },
    );
    case(
        "linear of a gate whose activation has no kernel",
        &[[37, 19], [37, 19], [5, 19]],
        |t| {
            let (activation, gate, up) = (Activation::GeluTanh, t[0].clone(), t[1].clone());
            assert!(Cpu.gated(activation, &gate, &up).is_none());
            let value = tensors::gated(activation, gate.clone(), up.clone());
            let input = Input { value, recipe: Some(Recipe::Gated { activation, gate, up }) };
            by_kernel(&input, &t[2], Onto::Nothing, 1.0)
        },
        |t| {
            let x = tensors::gated(Activation::GeluTanh, t[0].clone(), t[1].clone());
            tensors::linear(&x, &t[2], Onto::Nothing, 1.0)
        },
    );
    case(
        "rotation",
        &[[40, 24]],
        |t| {
            let rope = rope(40, 8, t[0].dtype());
            Cpu.rotate(&t[0], &rope.cos, &rope.sin).unwrap()
        },
        |t| {
            let rope = rope(40, 8, t[0].dtype());
            tensors::rotate(t[0].clone(), &rope.cos, &rope.sin)
        },
    );
    case(
        "swiglu",
        &[[37, 19], [37, 19]],
        |t| Cpu.gated(Activation::Silu, &t[0], &t[1]).unwrap(),
        |t| tensors::gated(Activation::Silu, t[0].clone(), t[1].clone()),
    );
    case(
        "attention",
        &[[163, 24], [163, 8], [163, 8]],
        |t| Cpu.attend([&t[0], &t[1], &t[2]], &tree(), HEADS).unwrap(),
        |t| tensors::attend([t[0].clone(), t[1].clone(), t[2].clone()], &tree(), HEADS),
    );
    case(
        "log-probs of targets",
        &[[23, 45]],
        |t| Cpu.target_log_probs(&t[0], &targets(23)).unwrap().unsqueeze_dim(1),
        |t| tensors::target_log_probs(t[0].clone(), &targets(23)).unsqueeze_dim(1),
    );
    cases
}

const HEADS: Heads = Heads { key_value: 2, width: 4, scale: 0.5 };

fn kept(x: &Tensor<2>) -> Input {
    Input::kept(x.clone())
}

fn vector(row: &Tensor<2>) -> Tensor<1> {
    row.clone().reshape([-1])
}

fn by_kernel(x: &Input, weight: &Tensor<2>, onto: Onto, scale: f64) -> Tensor<2> {
    Cpu.linear(x, weight, onto, scale).unwrap_or_else(|_| panic!("no kernel"))
}

fn targets(rows: usize) -> Vec<u32> {
    (0..rows as u32).map(|row| row * 7 % 45).collect()
}

/// The function's values, and the gradient of a weighted sum of them for every input.
fn value_and_gradients(function: Function, inputs: &[Tensor<2>], upstream: &Tensor<2>) -> Vec<Vec<f64>> {
    let leaves: Vec<_> = inputs.iter().map(|input| input.clone().autodiff().require_grad()).collect();
    let output = function(&leaves);
    let mut found = (output.clone() * upstream.clone()).sum().backward();
    let gradients = leaves.iter().map(|leaf| values(leaf.grad_remove(&mut found).unwrap()));
    std::iter::once(values(output)).chain(gradients).collect()
}

fn inputs(case: &Case, dtype: DType) -> (Vec<Tensor<2>>, Tensor<2>) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let inputs: Vec<_> = case.inputs.iter().map(|&shape| random(&mut rng, shape, dtype)).collect();
    let upstream = random(&mut rng, (case.tensors)(&inputs).dims(), dtype);
    (inputs, upstream)
}

#[test]
fn kernels_and_their_gradients_equal_tensor_operations() {
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
        for case in cases() {
            let (inputs, upstream) = inputs(&case, dtype);
            let kernel = value_and_gradients(case.kernel, &inputs, &upstream);
            let tensors = value_and_gradients(case.tensors, &inputs, &upstream);
            for (part, (a, b)) in kernel.iter().zip(&tensors).enumerate() {
                let size = b.iter().fold(1.0f64, |size, value| size.max(value.abs()));
                let error = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
                assert!(error < tolerance, "{} {dtype:?}, part {part}: {error:e}", case.name);
            }
        }
    }
}

/// Without a tape the same code runs, so that a policy equals its frozen copy to the bit.
#[test]
fn values_do_not_depend_on_the_tape() {
    for case in cases() {
        let (inputs, upstream) = inputs(&case, DType::F32);
        let with = value_and_gradients(case.kernel, &inputs, &upstream).remove(0);
        assert_eq!(values((case.kernel)(&inputs)), with, "{}", case.name);
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-6;
    for case in cases() {
        let (inputs, upstream) = inputs(&case, DType::F64);
        let found = value_and_gradients(case.kernel, &inputs, &upstream);
        let weighted = |inputs: &[Tensor<2>]| {
            values((case.kernel)(inputs))
                .iter()
                .zip(values(upstream.clone()))
                .map(|(y, g)| y * g)
                .sum::<f64>()
        };
        for (input, shape) in case.inputs.iter().enumerate() {
            let size = shape[0] * shape[1];
            // A few elements of each input: the ends, and some between.
            for element in [0, size / 3, size / 2, size - 1] {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    let mut changed = values(inputs[input].clone());
                    changed[element] += by;
                    inputs[input] =
                        Tensor::from_data(TensorData::new(changed, *shape), (&Device::flex(), DType::F64));
                    weighted(&inputs)
                };
                let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                let gradient = found[input + 1][element];
                assert!(
                    (gradient - difference).abs() < 1e-6 * (1.0 + gradient.abs()),
                    "{}, input {input}, element {element}: {gradient} and {difference}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for case in cases() {
        let (inputs, upstream) = inputs(&case, DType::F32);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| value_and_gradients(case.kernel, &inputs, &upstream))
        };
        let one = on(1);
        for threads in [2, 3, 8] {
            assert_eq!(on(threads), one, "{} on {threads} threads", case.name);
        }
    }
}

/// What is generated after a prompt, to the bit, must not depend on the prompts beside it.
#[test]
fn a_row_of_a_product_does_not_depend_on_the_rows_beside_it() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for [inner, out] in [[1, 3], [2, 12], [12, 4], [8, 64], [64, 8], [64, 176], [128, 128], [900, 33]] {
        for dtype in [DType::F32, DType::F64] {
            let [x, weight, onto] =
                [[600, inner], [out, inner], [600, out]].map(|shape| random(&mut rng, shape, dtype));
            let product = |start: usize, rows: usize| {
                let input = kept(&x.clone().narrow(0, start, rows));
                let onto = Onto::Matrix(onto.clone().narrow(0, start, rows));
                let added = by_kernel(&input, &weight, onto, 0.7);
                let alone = by_kernel(&input, &weight, Onto::Nothing, 1.0);
                (values(added), values(alone))
            };
            let whole = product(0, 600);
            for rows in [1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 65, 100, 257, 513] {
                for start in [0, 1, 600 - rows] {
                    let (added, alone) = product(start, rows);
                    let part = start * out..(start + rows) * out;
                    let what = format!("{rows} rows of {inner} x {out} from {start}, {dtype:?}");
                    assert!(added == whole.0[part.clone()], "{what}, added");
                    assert!(alone == whole.1[part], "{what}");
                }
            }
        }
    }
}

/// Not a number times a weight of zero would not be a number: what is not seen is not read.
#[test]
fn attention_never_reads_what_a_segment_does_not_see() {
    let layout = tree();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let [q, k, v] = [24, 8, 8].map(|width| random(&mut rng, [163, width], DType::F32));
    let poison = |x: &Tensor<2>| {
        let mut changed = values(x.clone());
        let width = x.dims()[1];
        // The segment 146..160 sees 0..70 and itself.
        changed[70 * width..146 * width].fill(f64::NAN);
        changed[160 * width..].fill(f64::NAN);
        Tensor::from_data(TensorData::new(changed, x.dims()), (&Device::flex(), DType::F32))
    };
    let rows = |k: &Tensor<2>, v: &Tensor<2>| {
        let attended = Cpu.attend([&q, k, v], &layout, HEADS).unwrap();
        values(attended.narrow(0, 146, 14))
    };
    assert_eq!(rows(&poison(&k), &poison(&v)), rows(&k, &v));
}

#[test]
fn kernels_leave_other_types_to_tensor_operations() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let [half, single] = [DType::BF16, DType::F32].map(|dtype| random(&mut rng, [4, 4], dtype));
    assert!(Cpu.linear(&kept(&half), &half, Onto::Nothing, 1.0).is_err());
    assert!(Cpu.linear(&kept(&single), &half, Onto::Nothing, 1.0).is_err());
    let onto = Cpu.linear(&kept(&single), &single, Onto::Matrix(half.clone()), 1.0).err();
    assert!(matches!(onto, Some(Onto::Matrix(_))));
    assert!(Cpu.key_values(&half, HEADS).is_none() && Cpu.key_values(&single, HEADS).is_some());
    let silu = |gate, up| Cpu.gated(Activation::Silu, gate, up);
    assert!(silu(&half, &single).is_none() && silu(&single, &single).is_some());
}

/// Rows that lie inside a larger tensor, which has another owner.
#[test]
fn shared_and_partial_tensors_are_not_written_to() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let [x, weight, all] = [[3, 4], [5, 4], [9, 5]].map(|shape| random(&mut rng, shape, DType::F32));
    let part = all.clone().narrow(0, 2, 3);
    let before = values(all.clone());
    let expected = values(tensors::linear(&x, &weight, Onto::Matrix(part.clone()), 1.0));
    let y = by_kernel(&kept(&x), &weight, Onto::Matrix(part), 1.0);
    let error = values(y).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(error < 1e-5 && values(all) == before, "{error:e}");
}

fn sines(length: usize, seed: f64) -> Tensor<1> {
    let values: Vec<f32> = (0..length).map(|i| ((i as f64 + 1.0) * seed).sin() as f32).collect();
    Tensor::from_data(TensorData::new(values, [length]), &Device::flex())
}

/// The same operations in the same order: the same bits, so that a run may move between devices' code.
#[test]
fn an_update_in_one_pass_gives_what_tensor_operations_give() {
    for kept in [1.0, 0.999] {
        let update =
            AdamWUpdate { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, kept, corrected2: 0.3, rate: 1e-3 };
        let inputs =
            || [sines(70_001, 0.7), sines(70_001, 0.3), sines(70_001, 0.2), sines(70_001, 0.1).square()];
        let in_one_pass = Cpu.adamw_update(&update, inputs()).unwrap();
        let by_tensors = tensors::adamw_update(&update, inputs());
        assert_eq!(in_one_pass.map(values), by_tensors.map(values));
    }
}

#[test]
fn sums_and_updates_leave_tensors_that_others_hold() {
    let [a, b, c, d] = [0.7, 0.3, 0.2, 0.1].map(|seed| sines(100, seed));
    let all = [&a, &b, &c, &d].map(|x| values(x.clone()));
    let sum = add(a.clone(), b.clone());
    assert_eq!(values(sum), values(a.clone() + b.clone()));
    assert_eq!(values(scale(a.clone(), 0.3)), values(a.clone() * 0.3));
    let update =
        AdamWUpdate { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, kept: 1.0, corrected2: 0.3, rate: 1e-3 };
    let _ = adamw_update(&update, [&a, &b, &c, &d].map(Clone::clone));
    let squares: f64 = all[0].iter().map(|x| x * x).sum();
    assert!((sum_of_squares(&a).unwrap() / squares - 1.0).abs() < 1e-12);
    assert_eq!([a, b, c, d].map(values), all);
}
