//! The four cells of a preference group.

use burn::tensor::Tensor;

use crate::{CompletionLogProbs, Pair};

/// One value for each of two responses under each of two instructions.
///
/// Response `y1` is the one that fits instruction `x1`, and `y2` the one that fits `x2`:
///
/// ```text
///          y1        y2
/// x1   matched   swapped
/// x2   swapped   matched
/// ```
///
/// # Source
///
/// IOPO (ACL 2025), Section 5: the group `{<x1, y1>, <x1, y2>, <x2, y2>, <x2, y1>}`.
///
/// # Examples
///
/// ```
/// use iopo_loss::PairGrid;
///
/// let grid = PairGrid { x1_y1: 1, x1_y2: 2, x2_y1: 3, x2_y2: 4 };
/// assert_eq!(grid.map(|cell| 10 * cell).x2_y1, 30);
/// assert_eq!(grid.swap_both().x1_y1, 4);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairGrid<T> {
    /// Response 1 under instruction 1: matched.
    pub x1_y1: T,
    /// Response 2 under instruction 1: swapped.
    pub x1_y2: T,
    /// Response 1 under instruction 2: swapped.
    pub x2_y1: T,
    /// Response 2 under instruction 2: matched.
    pub x2_y2: T,
}

impl<T> PairGrid<T> {
    /// Applies `f` to the four cells, row by row.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PairGrid<U> {
        PairGrid { x1_y1: f(self.x1_y1), x1_y2: f(self.x1_y2), x2_y1: f(self.x2_y1), x2_y2: f(self.x2_y2) }
    }

    /// Borrows the four cells.
    pub fn as_ref(&self) -> PairGrid<&T> {
        PairGrid { x1_y1: &self.x1_y1, x1_y2: &self.x1_y2, x2_y1: &self.x2_y1, x2_y2: &self.x2_y2 }
    }

    /// Combines the equally named cells of two grids.
    pub fn zip_with<U, V>(self, other: PairGrid<U>, mut f: impl FnMut(T, U) -> V) -> PairGrid<V> {
        PairGrid {
            x1_y1: f(self.x1_y1, other.x1_y1),
            x1_y2: f(self.x1_y2, other.x1_y2),
            x2_y1: f(self.x2_y1, other.x2_y1),
            x2_y2: f(self.x2_y2, other.x2_y2),
        }
    }

    /// Exchanges the names of the two responses: the columns of the table.
    pub fn swap_responses(self) -> Self {
        PairGrid { x1_y1: self.x1_y2, x1_y2: self.x1_y1, x2_y1: self.x2_y2, x2_y2: self.x2_y1 }
    }

    /// Exchanges the names of the two instructions: the rows of the table.
    pub fn swap_instructions(self) -> Self {
        PairGrid { x1_y1: self.x2_y1, x1_y2: self.x2_y2, x2_y1: self.x1_y1, x2_y2: self.x1_y2 }
    }

    /// Exchanges both: the same group with its two halves named the other way round.
    pub fn swap_both(self) -> Self {
        self.swap_responses().swap_instructions()
    }

    /// The table as output preferences: under `x1` and under `x2`, matched against swapped.
    pub fn by_instruction(self) -> [Pair<T>; 2] {
        [Pair { chosen: self.x1_y1, rejected: self.x1_y2 }, Pair { chosen: self.x2_y2, rejected: self.x2_y1 }]
    }

    /// The table as input preferences: for `y1` and for `y2`, matched against swapped.
    pub fn by_response(self) -> [Pair<T>; 2] {
        [Pair { chosen: self.x1_y1, rejected: self.x2_y1 }, Pair { chosen: self.x2_y2, rejected: self.x1_y2 }]
    }
}

impl PairGrid<Tensor<1>> {
    /// The interaction term of the table.
    ///
    /// ```text
    /// x1_y1 + x2_y2 - x1_y2 - x2_y1
    /// ```
    ///
    /// Adding any f(x) or g(y) to the cells leaves it as it is.
    ///
    /// # Shapes
    ///
    /// - every cell: `[n]`; returns `[n]`
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Equations 9 and 10: `(Π₁ + Π₂) / 2` without its factor β.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use iopo_loss::PairGrid;
    ///
    /// let device = Device::flex();
    /// let grid = PairGrid { x1_y1: -1.0f32, x1_y2: -4.0, x2_y1: -6.0, x2_y2: -2.0 };
    /// let grid = grid.map(|cell| Tensor::<1>::from_data([cell], &device));
    /// assert_eq!(grid.matched_minus_swapped().into_scalar::<f32>(), 7.0);
    /// ```
    pub fn matched_minus_swapped(self) -> Tensor<1> {
        // Differences within a row first: they are small where the sums are large.
        let [first, second] = self.by_instruction();
        (first.chosen - first.rejected) + (second.chosen - second.rejected)
    }

    /// The group as two preference pairs, the form in which DPO sees the same data.
    ///
    /// # Shapes
    ///
    /// - every cell: `[n]`; each side of the result: `[2n]`, first the pairs under `x1`, then
    ///   those under `x2`
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Section 6.2: DPO\*.
    pub fn output_pairs(self) -> Pair<Tensor<1>> {
        let [first, second] = self.by_instruction();
        first.zip_with(second, |a, b| Tensor::cat(vec![a, b], 0))
    }
}

impl PairGrid<CompletionLogProbs> {
    /// The group as two preference pairs, the form in which DPO sees the same data.
    ///
    /// # Shapes
    ///
    /// - every cell: `[n]`; each side of the result: `[2n]`, first the pairs under `x1`, then
    ///   those under `x2`
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Section 6.2: DPO\*.
    pub fn output_pairs(self) -> Pair<CompletionLogProbs> {
        let [first, second] = self.by_instruction();
        first.zip_with(second, CompletionLogProbs::cat)
    }

    /// The two matched responses, the form in which supervised fine-tuning sees the same data.
    ///
    /// # Shapes
    ///
    /// - every cell: `[n]`; the result: `[2n]`, first `x1_y1`, then `x2_y2`
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Section 6.2: SFT\*.
    pub fn matched(self) -> CompletionLogProbs {
        CompletionLogProbs::cat(self.x1_y1, self.x2_y2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: PairGrid<i32> = PairGrid { x1_y1: 11, x1_y2: 12, x2_y1: 21, x2_y2: 22 };

    #[test]
    fn swapping_responses_turns_matched_cells_into_swapped_ones() {
        let [first, second] = GRID.swap_responses().by_instruction();
        assert_eq!(first, Pair { chosen: 12, rejected: 11 });
        assert_eq!(second, Pair { chosen: 21, rejected: 22 });
    }

    #[test]
    fn swapping_both_indices_exchanges_the_two_pairs() {
        let [first, second] = GRID.by_instruction();
        assert_eq!(GRID.swap_both().by_instruction(), [second, first]);
    }

    #[test]
    fn both_ways_of_pairing_choose_the_matched_cells() {
        assert_eq!(GRID.by_instruction().map(|pair| pair.chosen), [11, 22]);
        assert_eq!(GRID.by_response().map(|pair| pair.chosen), [11, 22]);
        assert_eq!(GRID.by_instruction().map(|pair| pair.rejected), [12, 21]);
        assert_eq!(GRID.by_response().map(|pair| pair.rejected), [21, 12]);
    }
}
