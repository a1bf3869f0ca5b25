//! The paper's Table 3 from its numbers, and how tables are shown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{failed, scored};
use trace_score::stats::{Estimate, IntervalConfig};
use trace_score::{Cell, Column, Comparison, Metric, Scores, Table};

/// IOPO (ACL 2025), Table 3, the columns of TRACE and IFEval.
const ROWS: [(&str, &str, [f64; 4]); 6] = [
    ("Qwen2-7B", "SFT", [76.0, 56.1, 52.3, 54.2]),
    ("Qwen2-7B", "DPO", [79.0, 67.2, 52.7, 58.2]),
    ("Qwen2-7B", "IOPO", [82.0, 68.9, 59.9, 63.6]),
    ("Llama3.1-8B", "Instruct", [67.5, 52.9, 74.3, 78.6]),
    ("Llama3.1-8B", "DPO", [79.0, 69.2, 71.5, 76.5]),
    ("Llama3.1-8B", "IOPO", [81.5, 70.7, 78.2, 81.0]),
];

fn paper() -> Comparison {
    let columns = [("TRACE", "IF-S"), ("TRACE", "IF-M"), ("IFEval", "S-Acc"), ("IFEval", "L-Acc")];
    let mut table =
        Comparison::new(columns.map(|(benchmark, name)| Metric::percent(benchmark, name)).to_vec());
    for (model, method, values) in ROWS {
        table.add(model, method, values.map(|value| Estimate::quoted(value / 100.0)).to_vec()).unwrap();
    }
    table.show_improvement("IOPO", "DPO").unwrap();
    table
}

#[test]
fn the_paper_table_is_shown_as_text() {
    let expected = "\
┌────────────────────────────────────────────────────────────────────────────┐
│                               TRACE        TRACE       IFEval       IFEval │
│ Model         Method           IF-S         IF-M        S-Acc        L-Acc │
╞════════════════════════════════════════════════════════════════════════════╡
│ Qwen2-7B      SFT              76.0         56.1         52.3         54.2 │
│               DPO              79.0         67.2         52.7         58.2 │
│               IOPO       82.0 ↑ 3.0   68.9 ↑ 1.7   59.9 ↑ 7.2   63.6 ↑ 5.4 │
│ Llama3.1-8B   Instruct         67.5         52.9         74.3         78.6 │
│               DPO              79.0         69.2         71.5         76.5 │
│               IOPO       81.5 ↑ 2.5   70.7 ↑ 1.5   78.2 ↑ 6.7   81.0 ↑ 4.5 │
└────────────────────────────────────────────────────────────────────────────┘
Arrows: IOPO compared with DPO.
";
    assert_eq!(paper().table().to_text(), expected);
}

#[test]
fn the_paper_table_is_shown_as_markdown() {
    let expected = "\
| Model | Method | TRACE IF-S | TRACE IF-M | IFEval S-Acc | IFEval L-Acc |
| --- | --- | --: | --: | --: | --: |
| Qwen2-7B | SFT | 76.0 | 56.1 | 52.3 | 54.2 |
|  | DPO | 79.0 | 67.2 | 52.7 | 58.2 |
|  | IOPO | **82.0** ↑ 3.0 | **68.9** ↑ 1.7 | **59.9** ↑ 7.2 | **63.6** ↑ 5.4 |
| Llama3.1-8B | Instruct | 67.5 | 52.9 | 74.3 | 78.6 |
|  | DPO | 79.0 | 69.2 | 71.5 | 76.5 |
|  | IOPO | **81.5** ↑ 2.5 | **70.7** ↑ 1.5 | **78.2** ↑ 6.7 | **81.0** ↑ 4.5 |

Arrows: IOPO compared with DPO.
";
    assert_eq!(paper().table().to_markdown(), expected);
}

#[test]
fn json_has_values_intervals_and_improvements() {
    let json: serde_json::Value = serde_json::from_str(&paper().to_json().unwrap()).unwrap();
    assert_eq!(json["improvement"], serde_json::json!({"of": "IOPO", "over": "DPO"}));
    assert_eq!(json["systems"][2]["values"][0]["value"], 0.82);
    let improvement = json["systems"][2]["improvements"][0].as_f64().unwrap();
    assert!((improvement - 0.03).abs() < 1e-12);
    assert!(json["systems"][1].get("improvements").is_none());
}

#[test]
fn less_can_be_better_and_nothing_is_no_change() {
    let mut table = Comparison::new(vec![Metric::number("", "loss", 2).lower_is_better()]);
    for (method, value) in [("a", 0.704), ("b", 0.701), ("c", 0.9)] {
        table.add("m", method, vec![Estimate::quoted(value)]).unwrap();
    }
    table.show_improvement("b", "a").unwrap();
    assert!(table.table().to_markdown().contains("| **0.70** = 0.00 |"));
    table.show_improvement("b", "c").unwrap();
    assert!(table.table().to_markdown().contains("| **0.70** ↓ 0.20 |"));
    assert!(table.systems()[1].improvements[0].unwrap() < 0.0);
    assert!(table.systems()[2].improvements.is_empty());
}

#[test]
fn what_failed_stands_under_the_table_and_nothing_is_a_dash() {
    let rows = [scored("a", &[10.0, 10.0]), scored("b", &[10.0, 3.0]), failed("c", 2, "no verdict")];
    let scores = Scores::of(&rows, &IntervalConfig::default()).unwrap();
    let mut table = Comparison::of_trace();
    table.add_scores("toy", "SFT", &scores).unwrap();
    let text = table.table_of_intervals().to_markdown();
    assert!(text.contains("| toy | SFT | – | 50.0 \\[9.5, 90.5\\] |"), "{text}");
    assert!(text.contains("toy SFT: failed and left out: IF-M 1 of 3, IF 1 of 3, Score 1 of 3."), "{text}");
    let overview = &scores.tables()[0].to_text();
    assert!(overview.contains("1 failed (c): no verdict"), "{overview}");
}

#[test]
fn every_way_to_be_wrong_is_an_error() {
    let mut table = Comparison::new(vec![Metric::percent("", "IF")]);
    let error = table.add("m", "a", Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "m a has 0 values for 1 metrics");
    table.add("m", "a", vec![Estimate::default()]).unwrap();
    let error = table.add("m", "a", vec![Estimate::default()]).unwrap_err();
    assert_eq!(error.to_string(), "m a is in the comparison already");
    let error = table.show_improvement("a", "b").unwrap_err();
    assert!(error.to_string().starts_with("no model has both a and b"), "{error}");
}

#[test]
fn hostile_names_break_no_table() {
    let table = Table {
        columns: vec![Column::text("a|b\n<i>"), Column::number("*")],
        rows: vec![
            vec!["\u{1b}[31mred | `x`".into()],
            vec![Cell::from("_y_"), Cell::from("1"), Cell::from("2")],
        ],
        ..Table::default()
    };
    let markdown = table.to_markdown();
    let expected =
        "| a\\|b &lt;i\\> | \\* |\n| --- | --: |\n|  \\[31mred \\| \\`x\\` |  |\n| \\_y\\_ | 1 |\n";
    assert_eq!(markdown, expected);
    assert!(!table.to_text().contains('\u{1b}'));
}
