//! Where things are.

use std::f64::consts::{PI, TAU};

use svg::node::element::path::Data;

use super::round;

/// The size of the drawing.
pub(super) const WIDTH: f64 = 1440.0;
pub(super) const HEIGHT: f64 = 800.0;

/// The centre of the rings.
pub(super) const CENTRE: (f64, f64) = (WIDTH / 2.0, 412.0);

/// The highest and the lowest place of a label: below the heading, above the legend.
pub(super) const LABEL_BOUNDS: (f64, f64) = (104.0, HEIGHT - 76.0);

/// The inner and outer radius of the ring of types.
pub(super) const INNER_RING: (f64, f64) = (85.0, 185.0);

/// The inner and outer radius of the ring of dimensions.
pub(super) const OUTER_RING: (f64, f64) = (189.0, 250.0);

/// The distance of the labels from the centre.
pub(super) const LABEL_RADIUS: f64 = 278.0;

/// A part of a ring, in radians clockwise from the top.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    start: f64,
    end: f64,
}

impl Slice {
    /// One slice after another, each as wide as its share of the whole.
    pub(super) fn around(shares: impl Iterator<Item = f64>) -> Vec<Self> {
        let next = |start: &mut f64, share: f64| {
            let slice = Self { start: *start, end: *start + share * TAU };
            *start = slice.end;
            Some(slice)
        };
        shares.scan(0.0, next).collect()
    }

    pub(super) fn middle(self) -> f64 {
        f64::midpoint(self.start, self.end)
    }

    /// The length of the slice's arc.
    pub(super) fn length_at(self, radius: f64) -> f64 {
        (self.end - self.start) * radius
    }
}

/// The point at a distance and an angle from the centre.
pub(super) fn point(radius: f64, angle: f64) -> (f64, f64) {
    (round(CENTRE.0 + radius * angle.sin()), round(CENTRE.1 - radius * angle.cos()))
}

/// The outline of a slice of a ring.
pub(super) fn ring_segment(slice: Slice, (inner, outer): (f64, f64)) -> Data {
    // An arc that ends where it starts is not drawn: a slice that is the whole ring stays open by a hair.
    let end = slice.end.min(slice.start + TAU - 1e-3);
    let large = i32::from(end - slice.start > PI);
    Data::new()
        .move_to(point(outer, slice.start))
        .elliptical_arc_to(arc(outer, large, 1, end))
        .line_to(point(inner, end))
        .elliptical_arc_to(arc(inner, large, 0, slice.start))
        .close()
}

/// The parameters of an arc to an angle: radii, rotation, which way round, where to.
fn arc(radius: f64, large: i32, sweep: i32, angle: f64) -> (f64, f64, i32, i32, i32, f64, f64) {
    let (x, y) = point(radius, angle);
    (radius, radius, 0, large, sweep, x, y)
}
