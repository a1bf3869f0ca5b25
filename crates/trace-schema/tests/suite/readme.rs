//! The README is the specification; here it is held to the code.

use trace_schema::ConstraintDimension;

#[test]
fn readme_lists_every_dimension_as_the_code_has_it() {
    let readme = include_str!("../../README.md");
    let rows = ConstraintDimension::ALL.map(|dimension| {
        let (kind, label, description) =
            (dimension.constraint_type(), dimension.released_label(), dimension.description());
        format!("| {kind} | {dimension} | `{label}` | {description} |\n")
    });
    assert!(readme.contains(&rows.concat()), "the table in README.md should be:\n{}", rows.concat());
}
