//! The input of a task: what the items may have to be chosen from.

use serde::{Deserialize, Serialize};

use crate::Item;
use crate::values::{Holder, PriceSide};

/// What stands under `# Inputs:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Background {
    /// Two sentences on what Ann and Ben have.
    Text {
        /// Ann's things.
        ann: Vec<Item>,
        /// Ben's things.
        ben: Vec<Item>,
    },
    /// A table of things and their prices.
    Table(Vec<(Item, u8)>),
}

impl Background {
    /// The input as the prompt shows it.
    pub fn text(&self) -> String {
        match self {
            Self::Text { ann, ben } => {
                format!("{} has {}. {} has {}.", Holder::Ann.name(), list(ann), Holder::Ben.name(), list(ben))
            }
            Self::Table(rows) => {
                let rows = rows.iter().map(|(item, price)| format!("\n{item} | {price}"));
                "thing | price".to_owned() + &rows.collect::<String>()
            }
        }
    }

    /// The things that a person has; none without a text.
    pub fn things_of(&self, holder: Holder) -> &[Item] {
        match (self, holder) {
            (Self::Text { ann, .. }, Holder::Ann) => ann,
            (Self::Text { ben, .. }, Holder::Ben) => ben,
            (Self::Table(_), _) => &[],
        }
    }

    /// Whether a thing is in the table with a price on that side of the number.
    pub fn has_price(&self, item: Item, side: PriceSide, price: u8) -> bool {
        let Self::Table(rows) = self else { return false };
        rows.iter().any(|(other, at)| {
            *other == item
                && match side {
                    PriceSide::Below => *at < price,
                    PriceSide::Above => *at > price,
                }
        })
    }

    /// All things in it.
    pub(crate) fn items(&self) -> Vec<Item> {
        match self {
            Self::Text { ann, ben } => [ann.as_slice(), ben].concat(),
            Self::Table(rows) => rows.iter().map(|(item, _)| *item).collect(),
        }
    }
}

/// `a, b and c`.
pub(crate) fn list(items: &[Item]) -> String {
    let names: Vec<String> = items.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}
