//! Colours that stay apart for colour-blind eyes and carry white text.

use trace_schema::ConstraintType;

/// The colour of a type as red, green and blue.
const fn channels(kind: ConstraintType) -> [u8; 3] {
    match kind {
        ConstraintType::Content => [0x33, 0x68, 0xA8],
        ConstraintType::Situation => [0x2A, 0x8C, 0x7E],
        ConstraintType::Style => [0x86, 0x5A, 0x9E],
        ConstraintType::Format => [0xC4, 0x72, 0x1B],
        ConstraintType::Example => [0xB8, 0x3A, 0x52],
    }
}

/// The colour of a type.
pub(super) fn colour(kind: ConstraintType) -> String {
    hex(channels(kind))
}

/// The colour of a dimension: that of its type, lighter, and unlike those of its neighbours.
pub(super) fn shade(kind: ConstraintType, index: usize) -> String {
    let white = [0.28, 0.46, 0.64][index % 3];
    hex(channels(kind).map(|channel| (f64::from(channel) + (255.0 - f64::from(channel)) * white) as u8))
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
