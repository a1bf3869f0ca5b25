//! Rules about the repository that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::root;

/// Every published crate with the crates of the workspace that it may use, in path order: a crate
/// uses only earlier ones.
const LAYERS: [(&str, &[&str]); 16] = [
    ("iopo-files", &[]),
    ("iopo-cli", &[]),
    ("trace-schema", &["iopo-files"]),
    ("trace-world", &["trace-schema"]),
    ("chat-client", &["iopo-files"]),
    ("trace-score", &["iopo-files", "trace-schema"]),
    ("trace-synthesis", &["iopo-files", "trace-schema", "trace-world", "chat-client", "trace-score"]),
    ("iopo-data", &["iopo-files", "trace-schema"]),
    ("iopo-loss", &[]),
    ("iopo-model", &["iopo-files"]),
    ("iopo-answer", &["iopo-data", "iopo-model"]),
    ("iopo-train", &["iopo-files", "trace-schema", "iopo-data", "iopo-loss", "iopo-model"]),
    (
        "iopo-lab",
        &[
            "iopo-files",
            "trace-schema",
            "trace-world",
            "trace-score",
            "iopo-data",
            "iopo-loss",
            "iopo-model",
            "iopo-answer",
            "iopo-train",
        ],
    ),
    (
        "trace-build",
        &[
            "iopo-cli",
            "iopo-files",
            "trace-schema",
            "trace-world",
            "chat-client",
            "trace-synthesis",
            "trace-score",
        ],
    ),
    (
        "trace-eval",
        &[
            "trace-schema",
            "chat-client",
            "trace-score",
            "iopo-data",
            "iopo-model",
            "iopo-answer",
            "iopo-cli",
            "iopo-files",
        ],
    ),
    (
        "trace-train",
        &[
            "iopo-files",
            "trace-world",
            "trace-score",
            "iopo-data",
            "iopo-model",
            "iopo-cli",
            "iopo-train",
            "iopo-lab",
        ],
    ),
];

/// Programs of the repository's own, which may use every crate.
const UNPUBLISHED: [&str; 4] = ["fuzz-parsers", "lab", "trace-replay", "xtask"];

/// The trainer and the crates below it: a run on local files compiles no program of the network.
const WITHOUT_NETWORK: [&str; 9] = [
    "iopo-files",
    "trace-schema",
    "trace-world",
    "iopo-data",
    "iopo-loss",
    "iopo-model",
    "iopo-answer",
    "iopo-cli",
    "iopo-train",
];

/// Packages through which programs reach the network.
const NETWORK: [&str; 3] = ["reqwest", "rustls", "tokio"];

/// Crates that must work without a tensor library; of optional dependencies, without those.
const WITHOUT_BURN: [&str; 11] = [
    "xtask",
    "iopo-files",
    "iopo-cli",
    "trace-schema",
    "trace-world",
    "chat-client",
    "trace-synthesis",
    "trace-score",
    "iopo-data",
    "trace-build",
    "trace-eval",
];

/// The crate through which programs choose a backend.
const CHOOSER: &str = "iopo-cli";

/// Features of burn that bring a backend along.
const BACKENDS: [&str; 13] = [
    "candle", "cpu", "cuda", "default", "flex", "metal", "ndarray", "remote", "rocm", "router", "tch",
    "vulkan", "webgpu",
];

/// Ways to name a backend in code.
const DEVICES: [&str; 7] = [
    "Device::cpu(",
    "Device::cuda(",
    "Device::default(",
    "Device::flex(",
    "Device::vulkan(",
    "Device::webgpu(",
    "Device::wgpu(",
];

/// What stands for work that was put off.
const PUT_OFF: [&str; 6] = ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!("];

/// Words that say nothing, and words about how a text came about instead of what it is about.
const EMPTY_WORDS: [&str; 8] = [
    "as requested",
    "blazing",
    "cutting-edge",
    "in this session",
    "seamless",
    "state-of-the-art",
    "subagent",
    "under the hood",
];

/// Longest file, tests not counted.
const MAX_LINES: usize = 500;

/// Normal and build dependencies of one package, with the features that it asks for.
type Dependencies = BTreeMap<String, Vec<String>>;

fn manifests() -> BTreeMap<String, Dependencies> {
    manifests_of(|_| true)
}

/// Without dependencies that a feature brings.
fn manifests_without_optional() -> BTreeMap<String, Dependencies> {
    manifests_of(|dependency| dependency["optional"] == false)
}

fn manifests_of(counts: impl Fn(&Value) -> bool) -> BTreeMap<String, Dependencies> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(&package["name"]), dependencies(package, &counts))).collect()
}

fn dependencies(package: &Value, counts: &impl Fn(&Value) -> bool) -> Dependencies {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"] != "dev" && counts(dependency))
        .map(|dependency| {
            let mut features: Vec<String> =
                dependency["features"].as_array().unwrap().iter().map(text).collect();
            if dependency["uses_default_features"] == true {
                features.push("default".to_owned());
            }
            (text(&dependency["name"]), features)
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The crates through which `from` comes to `target`, if it does.
fn path_to(manifests: &BTreeMap<String, Dependencies>, from: &str, target: &str) -> Option<Vec<String>> {
    let rest = manifests.get(from)?.keys().find_map(|dependency| {
        if dependency == target {
            return Some(vec![target.to_owned()]);
        }
        path_to(manifests, dependency, target)
    })?;
    Some([vec![from.to_owned()], rest].concat())
}

/// All files below `folders` whose names end in `.ending`, by path relative to the root.
pub fn files(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), ending, &mut found);
    }
    found.sort();
    found.iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

pub fn read(path: &Path) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything that is not a test: files in `src` that are not tests, up to their own tests.
fn code() -> Vec<(PathBuf, String)> {
    let is_code = |path: &PathBuf| {
        let is_test =
            ["tests.rs", "testing.rs", "tidy.rs", "paper_map.rs"].iter().any(|name| path.ends_with(name));
        path.components().any(|part| part.as_os_str() == "src") && !is_test
    };
    let files = files(&["crates", "bins", "xtask"], "rs").into_iter().filter(is_code);
    files.map(|path| (path.clone(), before_tests(&read(&path)))).collect()
}

fn before_tests(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let tests =
        lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
    lines[..tests.unwrap_or(lines.len())].join("\n")
}

/// Pages for people: the front page, the book, and what each crate says of itself.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    pages.extend(files(&["docs", "crates"], "md"));
    pages
}

/// Link targets in a page, outside code.
fn links(page: &str) -> Vec<String> {
    let mut in_fence = false;
    let mut targets = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        targets.extend(
            prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).map(str::to_owned),
        );
    }
    targets
}

/// Links to files that are not there.
fn broken_links(path: &Path, page: &str) -> Vec<String> {
    let folder = root().join(path).parent().unwrap().to_owned();
    let is_path = |target: &String| {
        !(target.contains("://")
            || target.contains("::")
            || target.starts_with('#')
            || target.starts_with("mailto:"))
    };
    let is_broken = |target: &String| !folder.join(target.split('#').next().unwrap()).exists();
    links(page).into_iter().filter(is_path).filter(is_broken).collect()
}

#[test]
fn the_page_about_a_new_loss_shows_a_program_that_is_compiled() {
    let page = fs::read_to_string(root().join("docs/adding-a-loss.md")).unwrap();
    let example = fs::read_to_string(root().join("crates/iopo-lab/examples/new_loss.rs")).unwrap();
    assert!(page.contains(&format!("```rust,ignore\n{example}```\n")), "the page and the example differ");
    assert!(example.lines().count() < 60, "the page promises a loss in under 60 lines");
}

#[test]
fn dependencies_reach_down_only() {
    let manifests = manifests();
    for (name, dependencies) in manifests.iter().filter(|(name, _)| !UNPUBLISHED.contains(&name.as_str())) {
        let place = LAYERS.iter().position(|(layer, _)| layer == name);
        let place = place.unwrap_or_else(|| panic!("{name} has no place in LAYERS of xtask/src/tidy.rs"));
        for dependency in dependencies.keys().filter(|dependency| manifests.contains_key(*dependency)) {
            assert!(LAYERS[place].1.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
            let below = LAYERS[..place].iter().any(|(layer, _)| layer == dependency);
            assert!(below, "{dependency} stands above {name}");
        }
    }
}

#[test]
fn crates_for_data_do_not_know_burn() {
    let (manifests, needed) = (manifests(), manifests_without_optional());
    for name in WITHOUT_BURN {
        assert!(manifests.contains_key(name), "{name} is gone");
        assert_eq!(path_to(&needed, name, "burn"), None);
    }
    // The search finds what is there.
    assert!(path_to(&manifests, "iopo-train", "burn").is_some());
}

/// The names of all packages that a crate is compiled with, as users of the crate compile it.
fn packages_below(name: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_trainer_and_the_crates_below_it_do_not_know_the_network() {
    for name in WITHOUT_NETWORK {
        let packages = packages_below(name);
        for network in NETWORK {
            let hint = format!("`cargo tree -p {name} -e normal -i {network}` shows through what");
            assert!(!packages.contains(network), "{name} needs {network}; {hint}");
        }
    }
    // The search finds what is there.
    assert!(NETWORK.iter().all(|network| packages_below("chat-client").contains(*network)));
}

fn chooser() -> PathBuf {
    Path::new("crates").join(CHOOSER)
}

#[test]
fn the_losses_need_tensors_and_errors_alone() {
    let manifests = manifests();
    assert_eq!(manifests["iopo-loss"].keys().collect::<Vec<_>>(), ["burn", "thiserror"]);
}

#[test]
fn no_library_chooses_a_backend() {
    let manifests = manifests();
    for path in files(&["crates"], "toml").into_iter().filter(|path| !path.starts_with(chooser())) {
        let name = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for feature in manifests[&name].get("burn").into_iter().flatten() {
            assert!(!BACKENDS.contains(&feature.as_str()), "{name} asks burn for {feature}");
        }
    }
    // The kernels of one backend ask whether a tensor is on it.
    let is_library = |path: &Path| {
        path.starts_with("crates")
            && !path.starts_with("crates/iopo-model/src/kernels")
            && !path.starts_with(chooser())
    };
    for (path, code) in code().into_iter().filter(|(path, _)| is_library(path)) {
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let named = DEVICES.iter().find(|device| line.contains(**device));
            assert!(named.is_none(), "{}: a library is given its device: {line}", path.display());
        }
    }
}

#[test]
fn no_library_sets_the_allocator() {
    for (path, code) in code().into_iter().filter(|(path, _)| path.starts_with("crates")) {
        assert!(!code.contains("#[global_allocator]"), "{}: that is for programs", path.display());
    }
}

#[test]
fn no_file_is_too_long() {
    for (path, code) in code() {
        let lines = code.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines before its tests", path.display());
    }
}

#[test]
fn nothing_is_put_off() {
    let sources = files(&["crates", "bins", "xtask"], "rs");
    for path in sources.into_iter().chain(pages()).filter(|path| !path.ends_with("tidy.rs")) {
        let text = read(&path);
        let found = PUT_OFF.iter().find(|word| text.contains(**word));
        assert!(found.is_none(), "{} says {}", path.display(), found.unwrap());
    }
}

#[test]
fn pages_have_no_empty_words() {
    for path in pages() {
        let text = read(&path).to_lowercase();
        let found = EMPTY_WORDS.iter().find(|word| text.contains(**word));
        assert!(found.is_none(), "{} says \"{}\"", path.display(), found.unwrap());
    }
}

#[test]
fn the_readme_of_a_library_is_its_documentation() {
    for manifest in files(&["crates"], "toml") {
        let folder = manifest.parent().unwrap();
        let first = read(&folder.join("src/lib.rs")).lines().next().unwrap().to_owned();
        assert_eq!(first, r#"#![doc = include_str!("../README.md")]"#, "{}", folder.display());
        let length = read(&folder.join("README.md")).lines().count();
        assert!(length > 3, "{}/README.md has {length} lines", folder.display());
    }
}

#[test]
fn links_between_files_resolve() {
    for path in pages() {
        let broken = broken_links(&path, &read(&path));
        assert!(broken.is_empty(), "{} links to {broken:?}", path.display());
    }
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = links(&read(Path::new("docs/SUMMARY.md")));
    for page in files(&["docs"], "md").into_iter().filter(|page| !page.ends_with("SUMMARY.md")) {
        let name = page.strip_prefix("docs").unwrap().to_string_lossy().into_owned();
        assert!(summary.contains(&name), "docs/SUMMARY.md does not list {name}");
    }
}

#[test]
fn a_link_to_nothing_is_found_and_code_has_no_links() {
    let page =
        "[a](LICENSE) [b](gone.md#x) [c](https://example.org) `[d](gone.rs)`\n```\n[e](gone.txt)\n```\n";
    assert_eq!(broken_links(Path::new("README.md"), page), ["gone.md#x"]);
}

#[test]
fn tests_do_not_count_as_code() {
    assert_eq!(before_tests("fn f() {}\n#[cfg(test)]\nmod tests {\n}"), "fn f() {}");
    assert_eq!(before_tests("#[cfg(test)]\nmod tests;\nfn f() {}"), "#[cfg(test)]\nmod tests;\nfn f() {}");
    assert_eq!(
        before_tests("#[cfg(test)]\nmod testing;\nfn f() {}"),
        "#[cfg(test)]\nmod testing;\nfn f() {}"
    );
}
