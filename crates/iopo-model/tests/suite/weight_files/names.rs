//! Tensors that the model does not use, or that have other names.

use std::path::Path;

use burn::tensor::FloatDType;
use safetensors::Dtype;

use super::{NORM, WEIGHTS, load_error, try_load};
use crate::common::{Stored, copy_of, edit_tensors, fixture, load, probe_bits, read_tensors, write_tensors};

const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";

fn one() -> Stored {
    (Dtype::F32, vec![1], vec![0; 4])
}

/// Gives every tensor another name.
fn rename(dir: &Path, name: impl Fn(&str) -> String) {
    let path = dir.join(WEIGHTS);
    let tensors = read_tensors(&path).into_iter().map(|(old, stored)| (name(&old), stored));
    write_tensors(&path, &tensors.collect());
}

#[test]
fn a_stored_head_that_equals_the_embedding_is_silent_and_another_one_is_not_used() {
    let expected = probe_bits(&load(&fixture("qwen2-tiny-tied"), FloatDType::F32));
    let dir = copy_of("qwen2-tiny-tied");
    let path = dir.path().join(WEIGHTS);
    edit_tensors(&path, |tensors| {
        tensors.insert(HEAD.to_owned(), tensors[EMBEDDING].clone());
    });
    let model = try_load(dir.path()).unwrap();
    assert_eq!((probe_bits(&model), model.notes().len()), (expected.clone(), 0));
    edit_tensors(&path, |tensors| {
        let head = tensors.get_mut(HEAD).unwrap();
        head.2[5] ^= 1;
    });
    let model = try_load(dir.path()).unwrap();
    assert_eq!(probe_bits(&model), expected);
    let [note] = model.notes() else { panic!("{:?}", model.notes()) };
    assert!(
        note.contains("lm_head.weight differs from model.embed_tokens.weight, and is not used"),
        "{note}"
    );
}

#[test]
fn names_below_another_module_are_read_without_it() {
    let expected = probe_bits(&load(&fixture("qwen2-tiny"), FloatDType::F32));
    for wrapper in ["base_model.model.", "model.", "module.", "_orig_mod."] {
        let dir = copy_of("qwen2-tiny");
        rename(dir.path(), |name| format!("{wrapper}{name}"));
        let model = try_load(dir.path()).unwrap();
        assert_eq!(probe_bits(&model), expected, "{wrapper}");
        let [note] = model.notes() else { panic!("{:?}", model.notes()) };
        assert!(note.contains(&format!("begin with `{wrapper}`")), "{note}");
    }
}

#[test]
fn a_decoder_without_a_head_loads_where_its_head_is_the_embedding() {
    let bare = |name: &str| name.strip_prefix("model.").unwrap_or(name).to_owned();
    let dir = copy_of("qwen2-tiny-tied");
    rename(dir.path(), bare);
    let model = try_load(dir.path()).unwrap();
    assert_eq!(probe_bits(&model), probe_bits(&load(&fixture("qwen2-tiny-tied"), FloatDType::F32)));
    assert!(model.notes()[0].contains("have no `model.` before them"), "{:?}", model.notes());
    let dir = copy_of("qwen2-tiny");
    rename(dir.path(), bare);
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.remove(HEAD);
    });
    assert!(load_error(dir.path()).ends_with(": 1 tensor missing: lm_head.weight"));
}

#[test]
fn an_adapter_that_is_not_merged_is_named() {
    let dir = copy_of("qwen2-tiny");
    rename(dir.path(), |name| format!("base_model.model.{name}"));
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        for matrix in ["A", "B"] {
            let name =
                format!("base_model.model.model.layers.0.self_attn.q_proj.lora_{matrix}.default.weight");
            tensors.insert(name, one());
        }
    });
    let message = load_error(dir.path());
    assert!(message.contains(": 2 tensors unexpected: ") && message.contains("merge it first"), "{message}");
}

#[test]
fn tensors_of_the_decoder_that_the_configuration_lacks_are_errors() {
    for name in [
        "model.layers.0.self_attn.o_proj.bias",
        "model.layers.0.mlp.up_proj.bias",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.2.input_layernorm.weight",
        "lm_head.bias",
    ] {
        let dir = copy_of("qwen2-tiny");
        edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
            tensors.insert(name.to_owned(), one());
        });
        let message = load_error(dir.path());
        assert!(message.contains(&format!(": 1 tensor unexpected: {name}; ")), "{message}");
    }
}

#[test]
fn tensors_of_no_part_of_a_language_model_are_counted_and_named() {
    let dir = copy_of("qwen2-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.insert("v_head.summary.weight".to_owned(), one());
        tensors.insert("v_head.summary.bias".to_owned(), one());
        // A table that follows from the configuration is not worth a word.
        tensors.insert("model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(), one());
    });
    let model = try_load(dir.path()).unwrap();
    assert_eq!(probe_bits(&model), probe_bits(&load(&fixture("qwen2-tiny"), FloatDType::F32)));
    let [note] = model.notes() else { panic!("{:?}", model.notes()) };
    let expected = "2 tensors not used: v_head.summary.bias, v_head.summary.weight; they are no part of a language model";
    assert_eq!(*note, format!("{}: {expected}", dir.path().display()));
}

#[test]
fn missing_weights_are_shown_beside_those_that_are_there() {
    let dir = copy_of("qwen2-tiny");
    rename(dir.path(), |name| match name {
        NORM => "model.final_layernorm.weight".to_owned(),
        name => name.replace("model.layers.0.self_attn.", "model.layers.0.attention."),
    });
    let message = load_error(dir.path());
    assert!(message.contains(" tensors missing: model.layers.0.self_attn."), "{message}");
    assert!(
        message.contains(" tensors that the model does not have: model.final_layernorm.weight, "),
        "{message}"
    );
    let like =
        "the name most like model.layers.0.self_attn.q_proj.weight is model.layers.0.attention.q_proj.weight";
    assert!(message.contains(like), "{message}");
}
