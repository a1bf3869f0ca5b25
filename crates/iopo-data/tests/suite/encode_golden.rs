//! Encoding against what the paper's trainer fed to its model.

use iopo_data::{
    EncodedExample, Encoder, LengthPolicy, Template, TextExample, TokenSequence, UnknownLabels, infer_seqlen,
    load_dataset,
};
use safetensors::SafeTensors;

use crate::common;

#[test]
fn every_recorded_truncation_is_reproduced() {
    let rows = common::golden_json("infer_seqlen.json");
    let rows = rows.as_array().unwrap();
    for row in rows {
        let [source, target, cutoff, kept_source, kept_target] =
            common::ids(row).try_into().map(|row: [u32; 5]| row.map(|n| n as usize)).unwrap();
        assert_eq!(infer_seqlen(source, target, cutoff), (kept_source, kept_target), "{row}");
    }
    assert_eq!(rows.len(), 150);
}

fn integers(tensors: &SafeTensors<'_>, name: &str) -> Vec<Vec<i64>> {
    let tensor = tensors.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()));
    let values: Vec<i64> = values.collect();
    values.chunks(tensor.shape()[1]).map(<[i64]>::to_vec).collect()
}

/// The recorded sequences of a batch, padding stripped, split where labels begin.
fn recorded(tensors: &SafeTensors<'_>, batch: &str) -> Vec<TokenSequence> {
    let read = |name: &str| integers(tensors, &format!("{batch}.{name}"));
    let rows = read("input_ids").into_iter().zip(read("labels")).zip(read("attention_mask"));
    rows.map(|((ids, labels), mask)| {
        let length = mask.iter().filter(|kept| **kept == 1).count();
        let prompt = labels.iter().take_while(|label| **label == -100).count();
        let to_ids = |ids: &[i64]| ids.iter().map(|&id| u32::try_from(id).unwrap()).collect::<Vec<u32>>();
        assert_eq!(labels[prompt..length], ids[prompt..length]);
        TokenSequence { prompt: to_ids(&ids[..prompt]), completion: to_ids(&ids[prompt..length]) }
    })
    .collect()
}

/// All x1_y1, then all x1_y2, x2_y2, x2_y1, as the paper's trainer stacks them.
fn stacked(encoder: &Encoder, rows: &[TextExample]) -> Vec<TokenSequence> {
    let groups: Vec<EncodedExample> = rows.iter().map(|row| encoder.encode(row).unwrap().unwrap()).collect();
    [0, 1, 3, 2]
        .iter()
        .flat_map(|&cell| groups.iter().map(move |group| group.sequences()[cell].clone()))
        .collect()
}

#[test]
fn groups_become_the_recorded_inputs_and_labels() {
    let rows =
        load_dataset("iopo_tiny", common::fixtures().join("golden/data"), UnknownLabels::Error).unwrap();
    let bytes = std::fs::read(common::fixtures().join("golden/quad_logps_qwen2-tiny.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let encoder =
        |cutoff, policy| Encoder::new(common::encoder("qwen2-tiny", Template::Qwen), cutoff, policy);
    let whole = encoder(6000, LengthPolicy::Drop);
    assert_eq!(stacked(&whole, &rows[..1]), recorded(&tensors, "b0"));
    assert_eq!(stacked(&whole, &rows[1..3]), recorded(&tensors, "b1"));
    assert_eq!(stacked(&encoder(120, LengthPolicy::Reference), &rows[3..4]), recorded(&tensors, "b2"));
}
