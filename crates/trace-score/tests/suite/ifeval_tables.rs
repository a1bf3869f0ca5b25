//! The committed tables of English sentences, against the released ones, which are not part of this repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::recording;

/// Bits of an orthographic context: within a sentence in upper case, at its start in lower case, and sums.
const MIDDLE_UPPER: u32 = 1 << 2;
const START_LOWER: u32 = 1 << 4;
const UPPER: u32 = 1 << 1 | MIDDLE_UPPER | 1 << 3;
const LOWER: u32 = START_LOWER | 1 << 5 | 1 << 6;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ifeval/punkt/english")
}

/// The committed files by name, made from the released ones.
fn derive(folder: &Path) -> BTreeMap<&'static str, String> {
    let lines = |name: &str| -> Vec<String> {
        fs::read_to_string(folder.join(name)).unwrap().lines().map(str::to_owned).collect()
    };
    let pairs = lines("collocations.tab").iter().map(|line| line.replace('\t', " ")).collect();
    let mut files = BTreeMap::from([
        ("abbreviations.txt", lines("abbrev_types.txt")),
        ("collocations.txt", pairs),
        ("sentence_starters.txt", lines("sent_starters.txt")),
        ("lower_case.txt", Vec::new()),
        ("lower_case_start.txt", Vec::new()),
        ("either_case.txt", Vec::new()),
    ]);
    for line in lines("ortho_context.tab") {
        let (word, flags) = line.split_once('\t').unwrap();
        let flags: u32 = flags.parse().unwrap();
        let file = match () {
            () if flags & LOWER == 0 => continue,
            () if flags & MIDDLE_UPPER != 0 => "either_case.txt",
            () if flags & UPPER == 0 && flags & START_LOWER != 0 => "lower_case_start.txt",
            () => "lower_case.txt",
        };
        files.get_mut(file).unwrap().push(word.to_owned());
    }
    files.into_iter().map(|(name, lines)| (name, sorted(lines))).collect()
}

fn sorted(mut lines: Vec<String>) -> String {
    assert!(lines.iter().all(|line| !line.trim().is_empty()));
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

#[test]
fn the_committed_tables_are_derived_from_the_released_ones() {
    let Some(folder) = recording("punkt_english") else {
        return;
    };
    for (name, text) in derive(&folder) {
        let found = fs::read_to_string(committed().join(name)).unwrap();
        assert!(found == text, "{name} differs: cargo test -p trace-score --test suite -- --ignored");
    }
}

#[test]
fn the_committed_tables_have_the_released_sizes() {
    let lines = |name: &str| fs::read_to_string(committed().join(name)).unwrap().lines().count();
    assert_eq!(lines("abbreviations.txt"), 156);
    assert_eq!(lines("collocations.txt"), 37);
    assert_eq!(lines("sentence_starters.txt"), 39);
}

#[test]
#[ignore = "writes the tables"]
fn write_the_tables() {
    let folder = recording("punkt_english").expect("the released tables");
    for (name, text) in derive(&folder) {
        fs::write(committed().join(name), text).unwrap();
    }
}
