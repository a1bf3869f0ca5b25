//! Rows and recordings for the tests.

use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use trace_schema::{Constraint, ConstraintDimension};
use trace_score::{ConstraintScore, Judged, JudgedConstraint, Verdict};

/// A file or folder of recordings or of released data, or `None` after a line that says what is skipped.
///
/// Much of it belongs to others and is not part of this repository.
pub fn recording(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = ["fixtures/golden", "../shared/data"].map(|folder| root.join(folder).join(name));
    if let Some(path) = places.iter().find(|path| path.exists()) {
        return Some(path.clone());
    }
    // Unlike `eprintln!`, this is shown for a test that passes.
    std::io::stderr()
        .write_all(format!("SKIPPED: there is no {}\n", places[1].display()).as_bytes())
        .unwrap();
    None
}

/// A row whose constraints have these scores; constraint k has the k-th dimension.
pub fn scored(id: &str, scores: &[f64]) -> Judged {
    let constraint = |(index, &score): (usize, &f64)| JudgedConstraint {
        text: format!("{}. Do so.", index + 1),
        dimension: Some(ConstraintDimension::ALL[index].into()),
        score: ConstraintScore::new(score).unwrap(),
    };
    let constraints = scores.iter().enumerate().map(constraint).collect();
    row(id, Verdict::Scored { constraints, also_required: true })
}

/// A failed row of so many constraints.
pub fn failed(id: &str, constraints: usize, reason: &str) -> Judged {
    let constraint =
        |index: usize| Constraint::new(format!("{}. Do so.", index + 1), ConstraintDimension::ALL[index]);
    let constraints = (0..constraints).map(constraint).collect();
    row(id, Verdict::Failed { constraints, reason: reason.to_owned() })
}

fn row(id: &str, verdict: Verdict) -> Judged {
    Judged { id: id.to_owned(), prompt: format!("Prompt {id}"), answer: format!("Answer {id}"), verdict }
}

/// Rows with 1 to 4 constraints and ids "0", "1", ..., some of them failed.
pub fn rows() -> impl Strategy<Value = Vec<Judged>> {
    let scores = prop::collection::vec(prop_oneof![3 => Just(10.0), 1 => 0.0..=10.0], 1..5);
    let rows = prop::collection::vec((scores, prop::bool::weighted(0.2)), 0..30);
    rows.prop_map(|rows| {
        let row = |(index, (scores, is_failed)): (usize, (Vec<f64>, bool))| match is_failed {
            true => failed(&index.to_string(), scores.len(), "no verdict"),
            false => scored(&index.to_string(), &scores),
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}
