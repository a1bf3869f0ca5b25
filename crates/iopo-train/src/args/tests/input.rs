//! Overrides and files.

use super::*;

/// The message of a file or override that is not a configuration at all.
fn malformed(result: Result<TrainArgs, ArgsError>) -> String {
    match result {
        Err(error @ ArgsError::Malformed { .. }) => error.to_string(),
        other => panic!("expected a malformed configuration, got {other:?}"),
    }
}

#[test]
fn overrides_win_over_the_file_and_later_ones_over_earlier() {
    let args = read("seed: 1\nlearning_rate: 1.0\n", &["seed=2", "seed=3"]).unwrap();
    assert_eq!((args.seed, args.learning_rate), (3, 1.0));
}

#[test]
fn overrides_are_yaml_values() {
    let args = read(
        "max_samples: 5\nsimpo_gamma: 1.0\n",
        &[
            "max_samples=null",
            "simpo_gamma=",
            "learning_rate=5e-6",
            "dataset=[a, b]",
            "eval_dataset=c, d",
            "output_dir=runs/beta=0.1",
            " bf16 = true ",
            "save_steps=100.0",
        ],
    )
    .unwrap();
    assert_eq!((args.max_samples, args.simpo_gamma), (None, None));
    assert_eq!(args.learning_rate, 5e-6);
    assert_eq!(args.dataset, ["a", "b"]);
    assert_eq!(args.eval_dataset, ["c", "d"]);
    assert_eq!(args.output_dir.as_deref(), Some("runs/beta=0.1"));
    assert_eq!((args.bf16, args.save_steps), (true, 100));
}

#[test]
fn no_and_false_are_the_same_strategy() {
    for text in ["eval_strategy=no", "eval_strategy=false", "evaluation_strategy=no"] {
        assert_eq!(config(&[text]).eval, IntervalStrategy::No, "{text}");
    }
    assert_eq!(config(&["save_strategy=false"]).save.strategy, IntervalStrategy::No);
    let config = config(&["val_size=2", "evaluation_strategy=steps", "logging_steps=7"]);
    assert_eq!(config.eval, IntervalStrategy::Steps(7));
}

#[test]
fn resuming_takes_true_false_or_a_folder() {
    let resume = |text: &str| config(&[text]).resume;
    assert_eq!(resume("resume_from_checkpoint=false"), None);
    assert_eq!(resume("resume_from_checkpoint=true"), Some("".into()));
    assert_eq!(resume("resume_from_checkpoint=out/checkpoint-5"), Some("out/checkpoint-5".into()));
}

#[test]
fn an_override_without_a_key_or_equals_sign_is_refused() {
    for text in ["learning_rate", "=3", " =3", ""] {
        let message = malformed(read(MINIMAL, &[text]));
        assert_eq!(message, format!("override `{text}` is not of the form key=value"));
    }
}

#[test]
fn an_override_whose_value_is_not_yaml_is_refused() {
    for text in ["dataset=[a", "output_dir=*nowhere", "output_dir='a"] {
        let message = malformed(read(MINIMAL, &[text]));
        assert!(
            message.starts_with(&format!("the value of override `{text}` is not valid YAML")),
            "{message}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = TrainArgs::from_file(Path::new("nowhere.yaml"), &[]).unwrap_err();
    assert!(matches!(error, ArgsError::Read { .. }));
    assert_eq!(error.to_string(), "cannot read nowhere.yaml");
}

#[test]
fn a_file_that_is_not_utf8_is_a_read_error() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"seed: 1\n# \xff\xfe\n").unwrap();
    let error = TrainArgs::from_file(file.path(), &[]).unwrap_err();
    assert!(matches!(error, ArgsError::Read { .. }), "{error:?}");
}

#[test]
fn a_file_larger_than_any_configuration_is_refused_unread() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'#'; 2 << 20]).unwrap();
    let error = TrainArgs::from_file(file.path(), &[]).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it is larger than 1 MiB, the limit for such a file");
}

#[test]
fn a_file_of_another_kind_or_encoding_is_named() {
    for (bytes, kind) in [
        (&b"\xff\xfes\0e\0e\0d\0"[..], "text in UTF-16; save it as UTF-8"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html>", "an HTML page"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let error = TrainArgs::from_file(file.path(), &[]).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(kind), "{source}");
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all("\u{feff}seed: 7\n".as_bytes()).unwrap();
    assert_eq!(TrainArgs::from_file(file.path(), &[]).unwrap().seed, 7);
}

#[test]
fn references_are_filled_in_from_the_file_and_from_overrides() {
    let text = "stage: dpo\ntemplate: qwen\nlearning_rate: 5.0e-6\nseed: 7\nsave_steps: ${seed}\n\
                output_dir: saves/${stage}/${template}-${learning_rate}\n";
    let args = read(text, &[]).unwrap();
    assert_eq!(args.output_dir.as_deref(), Some("saves/dpo/qwen-5e-06"));
    assert_eq!(args.save_steps, 7);
    let args = read(text, &["stage=sft", "eval_dataset='${stage}.jsonl'"]).unwrap();
    assert_eq!(args.output_dir.as_deref(), Some("saves/sft/qwen-5e-06"));
    assert_eq!(args.eval_dataset, ["sft.jsonl"]);
    assert_eq!(read("output_dir: '\\${stage}'\n", &[]).unwrap().output_dir.as_deref(), Some("${stage}"));
    // Cargo sets this variable for tests.
    let args = read("output_dir: ${oc.env:CARGO_PKG_NAME}/${oc.env:NO_SUCH_VARIABLE,none}\n", &[]).unwrap();
    assert_eq!(args.output_dir.as_deref(), Some("iopo-train/none"));
}

#[test]
fn references_that_cannot_be_filled_in_are_problems_beside_all_others() {
    let text = "output_dir: saves/${stag}\nrun_name: ${now:%Y}\nmodel_name_or_path: ${oc.env:NO_SUCH_VARIABLE}\n\
                seed: x\n";
    let Err(ArgsError::Invalid { problems, .. }) = read(text, &[]) else { panic!("they are filled in") };
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for expected in [
        "`output_dir` holds `${stag}`, and the configuration has no key `stag`",
        "`run_name` asks for `${now:...}`, which is not filled in; known are `${key}` and `${oc.env:NAME}`",
        "`model_name_or_path` needs the environment variable `NO_SUCH_VARIABLE`, which is not set",
        "`seed` should be an integer, found \"x\"",
    ] {
        assert!(messages.iter().any(|message| message == expected), "{expected}: {messages:?}");
    }
    assert_eq!(messages.len(), 4);
}

#[test]
fn an_empty_file_leaves_everything_to_defaults_and_overrides() {
    for text in ["", "\n\n", "# nothing\n", "null\n", "---\n"] {
        let mut args = read(text, &[]).unwrap();
        args.origin = String::new();
        assert_eq!(args, TrainArgs::default(), "{text:?}");
    }
    assert!(read("", &["model_name_or_path=m", "dataset=d", "output_dir=o"]).unwrap().validate().is_ok());
}

#[test]
fn what_is_not_a_map_is_not_a_configuration() {
    for text in ["- a\n- b\n", "42\n", "just text\n", "a: 1\n---\nb: 2\n", "a: [1\n", "{", "%"] {
        assert!(malformed(read(text, &[])).starts_with("run.yaml is not valid YAML: "), "{text:?}");
    }
}

#[test]
fn a_key_that_is_given_twice_is_refused() {
    let message = malformed(read("seed: 1\nlearning_rate: 1.0\nseed: 2\n", &[]));
    assert!(message.contains("seed"), "{message}");
}

#[test]
fn numbers_that_are_none_are_refused_and_never_taken_for_the_default() {
    for value in [".nan", ".inf", "-.inf", "nan", "inf", "1e400"] {
        let result = read(&format!("{MINIMAL}\nlearning_rate: {value}\n"), &[]).and_then(TrainArgs::validate);
        assert!(result.is_err(), "{value}: {result:?}");
    }
}

/// Ten lists of ten references each make 10^10 items out of half a kilobyte.
#[test]
fn references_to_references_do_not_multiply() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let item = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![item; 10].join(",")));
    }
    // Multiplied, they would be ten thousand million items.
    let started = Instant::now();
    assert!(read(&text, &[]).is_err());
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn depth_does_not_overflow_the_stack() {
    let text = format!("dataset: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(malformed(read(&text, &[])).starts_with("run.yaml is not valid YAML: "));
    assert!(read(MINIMAL, &[text.trim().replacen(": ", "=", 1).as_str()]).is_err());
}
