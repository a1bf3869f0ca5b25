//! The table of keys, for a terminal and for `docs/configuration.md`.

use super::TrainArgs;
use super::foreign::{IGNORED, UNSUPPORTED};
use super::values::{KeyValue, Range};

/// Keys about one subject.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) keys: Vec<Key>,
}

/// A key, every cell in Markdown.
pub(super) struct Key {
    pub(super) name: &'static str,
    kind: &'static str,
    default: String,
    range: String,
    meaning: &'static str,
}

impl Key {
    pub(super) fn new<T: KeyValue>(
        name: &'static str,
        default: &T,
        shown: Option<&str>,
        range: Range,
        meaning: &'static str,
    ) -> Self {
        let names = T::names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        Self {
            name,
            kind: T::TYPE,
            default: shown.map_or_else(|| default.written(), str::to_owned),
            range: if names.is_empty() { range.text.to_owned() } else { names.join(", ") },
            meaning: meaning.trim(),
        }
    }
}

/// A table for a page.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) markdown: String,
}

/// Every table of the page: the keys that are read, those that are accepted without meaning, and those that are refused.
pub(super) fn tables() -> Vec<Table> {
    let read = TrainArgs::sections().into_iter().map(|section| {
        let rows = section.keys.iter().map(|key| {
            let name = format!("`{}`", key.name);
            [name.as_str(), key.kind, &key.default, &key.range, key.meaning].map(str::to_owned)
        });
        Table { title: section.title, markdown: table(["key", "type", "default", "range", "meaning"], rows) }
    });
    let in_marks = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let ignored = ignored().into_iter().map(|(text, keys)| [in_marks(&keys), text.to_owned()]);
    let refused = refused().into_iter().map(|((harmless, reason), keys)| {
        let passes: Vec<&str> = harmless.iter().copied().filter(|value| !value.is_empty()).collect();
        [in_marks(&keys), in_marks(&passes), reason.to_owned()]
    });
    read.chain([
        Table { title: "Accepted without meaning", markdown: table(["keys", "what happens"], ignored) },
        Table { title: "Refused", markdown: table(["keys", "passes", "why, or what to do"], refused) },
    ])
    .collect()
}

/// What is said about keys, and the keys.
type Keys<T> = (T, Vec<&'static str>);

/// The keys that are accepted without meaning, by what happens instead.
fn ignored() -> Vec<Keys<&'static str>> {
    grouped(IGNORED.iter().map(|ignored| (ignored.text, ignored.key)))
}

/// The keys that are refused, by the values that pass and the reason.
fn refused() -> Vec<Keys<(&'static [&'static str], &'static str)>> {
    grouped(UNSUPPORTED.iter().map(|refused| ((refused.harmless, refused.reason), refused.key)))
}

/// Keys that share a text, each group where its first key stands.
fn grouped<T: PartialEq>(keys: impl Iterator<Item = (T, &'static str)>) -> Vec<Keys<T>> {
    let mut groups: Vec<Keys<T>> = Vec::new();
    for (text, key) in keys {
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, keys)) => keys.push(key),
            None => groups.push((text, vec![key])),
        }
    }
    groups
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(N));
    [line(&header.map(str::to_owned)), rule].into_iter().chain(rows.map(|row| line(&row))).collect()
}

impl TrainArgs {
    /// Every key with type, default, range and meaning, as Markdown tables under headings.
    #[must_use]
    pub fn keys_as_markdown() -> String {
        let section = |table: Table| format!("## {}\n\n{}", table.title, table.markdown);
        tables().into_iter().map(section).collect::<Vec<_>>().join("\n")
    }

    /// The same for a terminal.
    #[must_use]
    pub fn keys_as_text() -> String {
        let mut text = String::new();
        for section in Self::sections() {
            text += &format!("{}\n\n", section.title.to_uppercase());
            for Key { name, kind, default, range, meaning } in section.keys {
                let facts = [kind, &range, &format!("default {default}")];
                let facts = facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join("; ");
                text += &format!("  {name}\n      {meaning}\n      ({facts})\n");
            }
            text.push('\n');
        }
        text += "ACCEPTED WITHOUT MEANING\n\n";
        let entry = |keys: &[&str], text: &str| format!("  {}\n      {text}\n", keys.join(", "));
        text.extend(ignored().iter().map(|(text, keys)| entry(keys, text)));
        text += "\nREFUSED\n\n";
        text.extend(refused().iter().map(|((_, reason), keys)| entry(keys, reason)));
        text.replace('`', "").replace("default – (needed)", "needed").replace("; default –", "")
    }
}
