//! Tensors from numbers and back, for the tests of this folder.

use burn::tensor::{DType, Device, Tensor, TensorData};
use iopo_loss::{
    CompletionLogProbs, DpoLossConfig, DpoLossType, IopoLossConfig, IopoVariant, Pair, PairGrid,
    PreferenceLink,
};

/// A tensor that can be differentiated.
pub(crate) fn column_of(values: &[f64], dtype: DType) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::from_data(data, (&Device::flex().autodiff(), dtype)).require_grad()
}

/// A tensor in f64 that can be differentiated.
pub(crate) fn column(values: &[f64]) -> Tensor<1> {
    column_of(values, DType::F64)
}

/// The numbers of a tensor.
pub(crate) fn values(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().unwrap()
}

/// Completions of ten tokens each.
pub(crate) fn ten_tokens(sum: Tensor<1>) -> CompletionLogProbs {
    let tokens = sum.clone().detach().ones_like().mul_scalar(10.0);
    CompletionLogProbs::new(sum, tokens).unwrap()
}

/// Inputs in the order sums, token counts, reference: chosen, then rejected.
pub(crate) fn pair_of(inputs: &[Tensor<1>]) -> (Pair<CompletionLogProbs>, Pair<Tensor<1>>) {
    let side =
        |index: usize| CompletionLogProbs::new(inputs[index].clone(), inputs[2 + index].clone()).unwrap();
    let reference = Pair { chosen: inputs[4].clone(), rejected: inputs[5].clone() };
    (Pair { chosen: side(0), rejected: side(1) }, reference)
}

/// Inputs in the order sums, token counts, reference: each row by row.
pub(crate) fn grid_of(inputs: &[Tensor<1>]) -> (PairGrid<CompletionLogProbs>, PairGrid<Tensor<1>>) {
    let index = PairGrid { x1_y1: 0, x1_y2: 1, x2_y1: 2, x2_y2: 3 };
    let cell =
        |index: usize| CompletionLogProbs::new(inputs[index].clone(), inputs[4 + index].clone()).unwrap();
    (index.map(cell), index.map(|index| inputs[8 + index].clone()))
}

/// Label smoothing with which a loss of the margin can be made.
pub(crate) fn usual_label_smoothing(link: PreferenceLink) -> f64 {
    match link {
        PreferenceLink::Robust | PreferenceLink::ExoPair => 0.1,
        _ => 0.0,
    }
}

/// A config of every loss type of a pair.
pub(crate) fn all_dpo_configs() -> Vec<DpoLossConfig> {
    DpoLossType::all()
        .map(|loss_type| {
            let label_smoothing = match loss_type {
                DpoLossType::Margin(link) => usual_label_smoothing(link),
                _ => 0.0,
            };
            DpoLossConfig { loss_type, label_smoothing, ..Default::default() }
        })
        .collect()
}

/// Every variant of IOPO.
pub(crate) const VARIANTS: [IopoVariant; 4] =
    [IopoVariant::Full, IopoVariant::Simplified, IopoVariant::InputPreference, IopoVariant::OutputPreference];

/// A config of every variant with every loss of the margin.
pub(crate) fn all_iopo_configs() -> Vec<IopoLossConfig> {
    let with_link = |variant, link| IopoLossConfig {
        variant,
        link,
        label_smoothing: usual_label_smoothing(link),
        ..Default::default()
    };
    VARIANTS
        .into_iter()
        .flat_map(|variant| PreferenceLink::ALL.map(|link| with_link(variant, link)))
        .collect()
}
