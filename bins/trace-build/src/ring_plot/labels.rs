//! Labels beside the rings, without overlaps.

use super::{CENTRE, LABEL_BOUNDS, LABEL_RADIUS, OUTER_RING, Slice, point};

/// The least distance between the lines of two labels.
const LINE_HEIGHT: f64 = 21.0;

/// Where a label stands, and the line that leads to it.
pub(super) struct Label {
    /// Where the line starts: at the edge of the ring.
    edge: (f64, f64),
    /// Where it bends.
    bend: (f64, f64),
    /// Where the text starts, or ends when it stands on the left.
    pub(super) text: (f64, f64),
    pub(super) on_the_right: bool,
}

impl Label {
    /// The corners of the line from the slice to the text.
    pub(super) fn leader(&self) -> String {
        let stop = if self.on_the_right { self.text.0 - 5.0 } else { self.text.0 + 5.0 };
        format!("{},{} {},{} {},{}", self.edge.0, self.edge.1, self.bend.0, self.bend.1, stop, self.text.1)
    }
}

/// Places one label per slice: beside the middle of its slice, or as near to that as the others allow.
pub(super) fn place(slices: &[Slice]) -> Vec<Label> {
    let mut labels: Vec<Label> = slices.iter().map(|slice| beside(*slice)).collect();
    for right in [true, false] {
        let mut side: Vec<&mut Label> =
            labels.iter_mut().filter(|label| label.on_the_right == right).collect();
        side.sort_by(|a, b| a.text.1.total_cmp(&b.text.1));
        let wanted: Vec<f64> = side.iter().map(|label| label.text.1).collect();
        for (label, y) in
            side.into_iter().zip(within(LABEL_BOUNDS, spread(&wanted, LINE_HEIGHT), LINE_HEIGHT))
        {
            label.text.1 = y;
        }
    }
    labels
}

fn beside(slice: Slice) -> Label {
    let angle = slice.middle();
    let bend = point(OUTER_RING.1 + 10.0, angle);
    let on_the_right = angle.sin() >= 0.0;
    let x = if on_the_right { CENTRE.0 + LABEL_RADIUS + 10.0 } else { CENTRE.0 - LABEL_RADIUS - 10.0 };
    Label {
        edge: point(OUTER_RING.1 + 1.0, angle),
        bend,
        text: (x, point(LABEL_RADIUS, angle).1),
        on_the_right,
    }
}

/// Moves sorted positions as little as possible, so that neighbours are at least `gap` apart.
///
/// Positions that collide form a block that stands around the mean of what its members want.
fn spread(wanted: &[f64], gap: f64) -> Vec<f64> {
    // A block is its first position and its number of members.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for &position in wanted {
        let mut block = (position, 1);
        while let Some(&(start, count)) = blocks.last() {
            if start + gap * count as f64 <= block.0 {
                break;
            }
            blocks.pop();
            // The best start of the second block, as a start of the joined one: less the height of the first.
            let total = start * count as f64 + (block.0 - gap * count as f64) * block.1 as f64;
            block = (total / (count + block.1) as f64, count + block.1);
        }
        blocks.push(block);
    }
    blocks
        .into_iter()
        .flat_map(|(start, count)| (0..count).map(move |index| start + gap * index as f64))
        .collect()
}

/// Moves positions that are at least `gap` apart between two bounds, and keeps them so far apart.
fn within((top, bottom): (f64, f64), positions: Vec<f64>, gap: f64) -> Vec<f64> {
    let count = positions.len();
    let bounded = positions.into_iter().enumerate().map(|(index, position)| {
        let highest = top + gap * index as f64;
        let lowest = bottom - gap * (count - 1 - index) as f64;
        position.max(highest).min(lowest)
    });
    bounded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_far_apart_stay() {
        assert_eq!(spread(&[0.0, 30.0, 50.0], 20.0), [0.0, 30.0, 50.0]);
    }

    #[test]
    fn positions_that_collide_stand_around_their_mean() {
        assert_eq!(spread(&[10.0, 10.0, 10.0], 20.0), [-10.0, 10.0, 30.0]);
        assert_eq!(spread(&[0.0, 10.0, 200.0], 20.0), [-5.0, 15.0, 200.0]);
    }

    #[test]
    fn positions_beyond_the_bounds_are_pushed_inside() {
        assert_eq!(within((0.0, 100.0), vec![-30.0, -10.0, 95.0, 115.0], 20.0), [0.0, 20.0, 80.0, 100.0]);
    }

    #[test]
    fn neighbours_keep_their_distance() {
        let wanted: Vec<f64> = (0..18).map(|index| f64::from(index * index)).collect();
        let spread = spread(&wanted, 21.0);
        assert!(spread.windows(2).all(|pair| pair[1] - pair[0] > 20.999));
    }
}
