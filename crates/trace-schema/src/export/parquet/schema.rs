//! The columns of each format, in Parquet's own notation.

use ::parquet::errors::ParquetError;
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::Type;

use crate::export::{ExportFormat, ExportOptions, Shape};

const PROVENANCE: &str = "
    optional group provenance {
        optional binary source (STRING);
        optional binary source_id (STRING);
        optional binary generator_model (STRING);
        optional binary prompt_hash (STRING);
        optional int64 seed (INTEGER(64,false));
        optional int64 attempts (INTEGER(64,false));
        optional int64 prompt_tokens (INTEGER(64,false));
        optional int64 completion_tokens (INTEGER(64,false));
        optional group reasoning {
            optional binary response (STRING);
            optional binary worse_response (STRING);
            optional binary second_response (STRING);
        }
    }";

/// The columns of an exported file.
pub(super) fn of(options: &ExportOptions) -> Result<Type, ParquetError> {
    let ExportOptions { format, shape, ids, .. } = options;
    let id = match (format, ids) {
        (ExportFormat::Trace, _) | (_, false) => String::new(),
        (_, true) => "optional binary id (STRING);".to_owned(),
    };
    let fields = match format {
        ExportFormat::Trace => own(*shape),
        ExportFormat::Sharegpt => {
            let turn = |name| text_struct(name, &["from", "value"]);
            let conversations = list("conversations", &turn("element"));
            match shape {
                Shape::Completion => conversations,
                _ => conversations + &turn("chosen") + &turn("rejected"),
            }
        }
        ExportFormat::Alpaca => texts(match shape {
            Shape::Completion => &["instruction", "input", "output"],
            _ => &["instruction", "input", "chosen", "rejected"],
        }),
        ExportFormat::Trl => texts(trl(*shape)),
        ExportFormat::TrlChat => trl(*shape).iter().map(|name| messages(name)).collect(),
        ExportFormat::Messages => messages("messages"),
    };
    parse_message_type(&format!("message row {{ {id} {fields} }}"))
}

fn trl(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Completion => &["prompt", "completion"],
        Shape::Evaluation => &["prompt"],
        _ => &["prompt", "chosen", "rejected"],
    }
}

/// The rows of this crate.
fn own(shape: Shape) -> String {
    match shape {
        Shape::Group => {
            texts(&["id", "operation"])
                + &instruction("x1")
                + &texts(&["y1"])
                + &instruction("x2")
                + &texts(&["y2"])
                + PROVENANCE
        }
        Shape::Pair => {
            texts(&["id"]) + &instruction("instruction") + &texts(&["chosen", "rejected"]) + PROVENANCE
        }
        Shape::Completion => {
            format!("optional binary id (STRING); {} {PROVENANCE}", texts(&["prompt", "completion"]))
        }
        Shape::Evaluation => {
            let text_list = |name| list(name, &texts(&["element"]));
            texts(&["id"])
                + &messages("messages")
                + &texts(&["type", "description", "constraints", "input"])
                + "required int64 constraints_num;"
                + &text_list("constraints_splits")
                + &text_list("levels2")
                + &texts(&["category"])
        }
    }
}

fn instruction(name: &str) -> String {
    let constraint = "required group element {
        required binary text (STRING);
        optional binary dimension (STRING);
    }";
    let constraints = list("constraints", constraint);
    let description = texts(&["description"]);
    format!("required group {name} {{ {description} {constraints} optional binary input (STRING); }}")
}

fn messages(name: &str) -> String {
    list(name, &text_struct("element", &["role", "content"]))
}

fn text_struct(name: &str, fields: &[&str]) -> String {
    format!("required group {name} {{ {} }}", texts(fields))
}

/// A list in the three levels that the format specification asks for; `element` has that name.
fn list(name: &str, element: &str) -> String {
    format!("required group {name} (LIST) {{ repeated group list {{ {element} }} }}")
}

fn texts(names: &[&str]) -> String {
    names.iter().map(|name| format!("required binary {name} (STRING);")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_columns_for_every_shape_that_it_has_a_form_for() {
        for format in ExportFormat::ALL {
            for shape in format.shapes() {
                let schema = of(&ExportOptions { ids: true, ..ExportOptions::new(format, *shape) });
                assert!(schema.is_ok(), "{format} {shape}: {schema:?}");
            }
        }
    }
}
