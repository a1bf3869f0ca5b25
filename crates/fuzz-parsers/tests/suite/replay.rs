use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzz_parsers::{TARGETS, Target};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::damage::damaged;

/// Damaged files of each target that the checks try.
const TRIES: usize = 400;

/// Longest time that one input may take in a build without optimisation, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a target's corpus by name.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("fuzz/corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Runs a target; an input that it fails on is kept for the report.
fn try_one(target: &Target, bytes: &[u8], origin: &str) {
    let kept = env::temp_dir().join(format!("fuzz-{}-{}", target.name, std::process::id()));
    fs::write(&kept, bytes).unwrap();
    let started = Instant::now();
    (target.run)(bytes);
    let taken = started.elapsed();
    assert!(taken < PATIENCE, "{} took {taken:?} for {} ({origin})", target.name, kept.display());
    fs::remove_file(kept).unwrap();
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    for target in TARGETS {
        assert!(corpus(&target).len() >= 3, "{}", target.name);
        let program = root().join("fuzz/fuzz_targets").join(format!("{}.rs", target.name));
        assert!(fs::read_to_string(program).unwrap().contains(&format!("\"{}\"", target.name)));
    }
}

/// For longer runs: `FUZZ_SECONDS=60` tries each target for a minute, with new damage each time.
#[test]
fn no_bytes_of_the_corpus_break_a_parser() {
    let seconds: Option<u64> = env::var("FUZZ_SECONDS").ok().map(|text| text.parse().unwrap());
    for target in TARGETS {
        let corpus = corpus(&target);
        for (path, bytes) in &corpus {
            try_one(&target, bytes, &path.display().to_string());
        }
        let started = Instant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(seconds.map_or(0, |_| rand::random()));
        let goes_on = |tried| match seconds {
            Some(seconds) => started.elapsed() < Duration::from_secs(seconds),
            None => tried < TRIES,
        };
        let mut tried = 0;
        while goes_on(tried) {
            let (path, bytes) = &corpus[rng.random_range(0..corpus.len())];
            let (_, other) = &corpus[rng.random_range(0..corpus.len())];
            try_one(&target, &damaged(&mut rng, bytes, other), &path.display().to_string());
            tried += 1;
        }
        println!(
            "{}: {} files, {tried} damaged ones in {:.1?}",
            target.name,
            corpus.len(),
            started.elapsed()
        );
    }
}
