//! The examples in docs/data-formats.md are what the program writes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::{good, program};

/// The blocks of code of a page, with their languages.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

fn first_row(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    match path.extension().unwrap() == "json" {
        true => serde_json::from_str::<Value>(&text).unwrap()[0].clone(),
        false => serde_json::from_str(text.lines().next().unwrap()).unwrap(),
    }
}

#[test]
fn every_command_on_the_page_about_formats_gives_the_row_below_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data-formats.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = blocks(&page);
    let json = |block: &str| -> Value { serde_json::from_str(block).unwrap() };
    let folder = tempfile::tempdir().unwrap();
    let group = blocks.iter().find(|(language, _)| *language == "json").unwrap().1;
    fs::write(folder.path().join("groups.jsonl"), format!("{}\n", json(group))).unwrap();
    let mut commands = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].0 == "sh") {
        let arguments: Vec<&str> = pair[0].1.split_whitespace().collect();
        assert_eq!(arguments[0], "trace-build");
        let output = program(arguments[1]).args(&arguments[2..]).current_dir(folder.path()).output().unwrap();
        good(&output);
        let out = folder.path().join(arguments.last().unwrap());
        assert_eq!((pair[1].0, first_row(&out)), ("json", json(pair[1].1)), "{arguments:?}");
        commands += 1;
        if arguments.last() == Some(&"chat.json") {
            let entries = fs::read_to_string(folder.path().join("dataset_info.json")).unwrap();
            assert!(
                blocks.iter().any(|(language, block)| *language == "json" && json(block) == json(&entries))
            );
        }
    }
    assert_eq!(commands, 15);
}
