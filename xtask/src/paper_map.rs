//! Keeps `docs/paper-map.md` true: every item and every test that it names is there.

use std::path::{Path, PathBuf};

use crate::tidy::{files, read};

const MAP: &str = "docs/paper-map.md";

/// Pages that name tests in running text.
const PAGES: [&str; 2] = ["docs/architecture.md", "docs/mathematics.md"];

/// Says that a row has no code.
const NOT_YET: &str = "not yet";

/// A row of a table: `| place in the paper | what it is | code | tests |`.
#[derive(Debug, PartialEq)]
struct Row {
    place: String,
    /// `crate::item` or `crate::Type::member`.
    items: Vec<String>,
    tests: Vec<String>,
    not_yet: bool,
}

impl Row {
    /// `None` for headers, rules between them and rows, and everything that is no table.
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let &[place, _, code, tests] = cells.as_slice() else { return None };
        if place == "paper" || place.starts_with("---") {
            return None;
        }
        Some(Self {
            place: place.to_owned(),
            items: quoted(code).filter(|name| name.contains("::")).collect(),
            tests: quoted(tests).collect(),
            not_yet: code.contains(NOT_YET),
        })
    }

    fn problems(&self, sources: &Sources) -> Vec<String> {
        let mut problems = Vec::new();
        if self.items.is_empty() && !self.not_yet {
            problems.push(format!("no item, and no \"{NOT_YET}\""));
        }
        if self.items.is_empty() != self.tests.is_empty() {
            problems.push("items need tests, and tests items".to_owned());
        }
        problems.extend(self.items.iter().filter_map(|item| sources.missing_item(item)));
        let missing = self.tests.iter().filter(|test| !sources.has_test(test));
        problems.extend(missing.map(|test| format!("no test `{test}`")));
        problems.into_iter().map(|problem| format!("{}: {problem}", self.place)).collect()
    }
}

/// The texts between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// Rust files, by path relative to the root.
struct Sources(Vec<(PathBuf, String)>);

impl Sources {
    fn of_workspace() -> Self {
        let paths = files(&["crates", "bins", "xtask"], "rs");
        Self(paths.into_iter().map(|path| (path.clone(), read(&path))).collect())
    }

    /// Why `item` is not a public item, if it is not.
    fn missing_item(&self, item: &str) -> Option<String> {
        let (library, path) = item.split_once("::")?;
        let mut folder = Path::new("crates").join(library.replace('_', "-")).join("src");
        let mut root = folder.join("lib.rs");
        let mut path = path.split("::").peekable();
        // A module has a folder of its own, whose `mod.rs` exports what is in it.
        while let Some(module) = path.next_if(|part| part.starts_with(char::is_lowercase)) {
            let inside = folder.join(module).join("mod.rs");
            if path.peek().is_none() || !self.0.iter().any(|(path, _)| *path == inside) {
                return self.missing_name(item, &folder, &root, module, path.next());
            }
            folder = folder.join(module);
            root = inside;
        }
        self.missing_name(item, &folder, &root, path.next().unwrap_or_default(), path.next())
    }

    fn missing_name(
        &self,
        item: &str,
        folder: &Path,
        root: &Path,
        name: &str,
        member: Option<&str>,
    ) -> Option<String> {
        let own: Vec<&str> = self
            .0
            .iter()
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(_, text)| text.as_str())
            .collect();
        let library = self.0.iter().find(|(path, _)| path == root);
        let Some((_, library)) = library else { return Some(format!("no crate of `{item}`")) };
        if !is_exported(library, name) {
            return Some(format!("`{item}`: {} does not export {name}", root.display()));
        }
        if !own.iter().any(|text| text.lines().any(|line| defines(line, name))) {
            return Some(format!("`{item}`: {name} is not defined in {}", folder.display()));
        }
        let member = member?;
        let found = own.iter().any(|text| bodies(text, name).any(|line| is_member(line, member)));
        (!found).then(|| format!("`{item}`: {name} has no {member}"))
    }

    fn has_test(&self, name: &str) -> bool {
        self.0.iter().any(|(_, text)| is_test(text, name))
    }
}

fn is_exported(library: &str, name: &str) -> bool {
    let uses = library.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next());
    uses.flat_map(words).any(|word| word == name) || library.lines().any(|line| defines(line, name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Whether a line defines a public item of that name.
fn defines(line: &str, name: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix("pub ") else { return false };
    let mut words = words(rest).skip_while(|word| matches!(*word, "async" | "unsafe"));
    let kind = words.next().unwrap_or_default();
    let named = match (kind, words.next()) {
        ("const", Some("fn")) => words.next(),
        ("const" | "enum" | "fn" | "static" | "struct" | "trait" | "type", next) => next,
        _ => None,
    };
    named == Some(name)
}

/// The lines between the braces of a type, and of everything that is implemented for it.
fn bodies<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let is_head = line.starts_with("impl") && words(line).any(|word| word == name) || defines(line, name);
        if is_head && line.ends_with('{') {
            inside = true;
        } else if line.starts_with('}') {
            inside = false;
        }
        inside
    })
}

/// Whether a line of a body names a function, a constant or a variant.
fn is_member(line: &str, member: &str) -> bool {
    let line = line.trim_start();
    let function = |line: &str| words(line).take(2).eq(["fn", member]);
    let is_variant = line
        .strip_prefix(member)
        .is_some_and(|rest| matches!(rest.trim_start().chars().next(), Some(',' | '(' | '{')));
    defines(line, member) || function(line) || is_variant
}

/// Whether there is a function of that name with `#[test]` above it.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_function =
        |line: &str| line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) == Some(name);
    let is_marked = |index: usize| {
        let above =
            lines[..index].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|line| *line == "#[test]")
    };
    (0..lines.len()).any(|index| is_function(lines[index]) && is_marked(index))
}

#[test]
fn everything_that_the_map_names_is_there() {
    let sources = Sources::of_workspace();
    let problems: Vec<String> =
        read(Path::new(MAP)).lines().filter_map(Row::parse).flat_map(|row| row.problems(&sources)).collect();
    assert!(problems.is_empty(), "{MAP}:\n{}", problems.join("\n"));
}

#[test]
fn the_map_has_every_equation_table_figure_and_appendix() {
    let rows: Vec<Row> = read(Path::new(MAP)).lines().filter_map(Row::parse).collect();
    let numbered = |what: &'static str, last: usize| (1..=last).map(move |number| format!("{what} {number}"));
    let appendices = ('A'..='G').map(|letter| format!("App. {letter}"));
    for place in numbered("Eq.", 14).chain(numbered("Table", 7)).chain(numbered("Fig.", 7)).chain(appendices)
    {
        assert_eq!(rows.iter().filter(|row| row.place == place).count(), 1, "rows of {place}");
    }
}

/// A name of four words or more is a claim, and so a test.
#[test]
fn tests_that_other_pages_name_are_there() {
    let sources = Sources::of_workspace();
    for page in PAGES {
        let text = read(Path::new(page));
        let is_claim = |name: &String| name.split('_').count() > 3 && words(name).count() == 1;
        let missing: Vec<String> =
            text.lines().flat_map(quoted).filter(is_claim).filter(|name| !sources.has_test(name)).collect();
        assert!(missing.is_empty(), "{page} names {missing:?}");
    }
}

/// A crate with one type, one function and one test.
fn made_up() -> Sources {
    let library = "mod shape;\npub use shape::{Shape, area};\n";
    let shape = "pub enum Shape {\n    Round,\n    Square { side: f64 },\n}\n\nimpl Shape {\n    pub const fn sides(self) -> u8 {\n        4\n    }\n}\n\npub fn area() {}\npub struct Hidden;\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn squares_have_sides() {}\n\n    fn helper() {}\n}\n";
    Sources(vec![
        (PathBuf::from("crates/made-up/src/lib.rs"), library.to_owned()),
        (PathBuf::from("crates/made-up/src/shape.rs"), shape.to_owned()),
    ])
}

#[test]
fn public_items_members_and_tests_are_found() {
    let sources = made_up();
    for item in ["Shape", "Shape::Round", "Shape::Square", "Shape::sides", "area"] {
        assert_eq!(sources.missing_item(&format!("made_up::{item}")), None);
    }
    assert!(sources.has_test("squares_have_sides"));
}

#[test]
fn renamed_hidden_and_invented_names_are_not_found() {
    let sources = made_up();
    for item in [
        "made_up::Form",
        "made_up::Hidden",
        "made_up::Shape::corners",
        "made_up::Shape::Oval",
        "made_down::Shape",
    ] {
        assert!(sources.missing_item(item).is_some(), "{item}");
    }
    assert!(!sources.has_test("helper") && !sources.has_test("squares_have_side"));
}

#[test]
fn a_row_without_code_must_say_so() {
    let problems = |line: &str| Row::parse(line).unwrap().problems(&made_up()).len();
    assert_eq!(problems("| Eq. 1 | area | `made_up::area` | `squares_have_sides` |"), 0);
    assert_eq!(problems("| Eq. 2 | volume | not yet | |"), 0);
    assert_eq!(problems("| Eq. 3 | volume | | |"), 1);
    assert_eq!(problems("| Eq. 4 | area | `made_up::area` | |"), 1);
    assert_eq!(Row::parse("| paper | what | code | tests |"), None);
}
