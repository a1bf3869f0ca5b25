//! The two sides of a preference.

/// One value each for a chosen and a rejected response.
///
/// # Examples
///
/// ```
/// use iopo_loss::Pair;
///
/// let lengths = Pair { chosen: "yes", rejected: "perhaps" }.map(str::len);
/// assert_eq!(lengths, Pair { chosen: 3, rejected: 7 });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// The value of the preferred response.
    pub chosen: T,
    /// The value of the other response.
    pub rejected: T,
}

impl<T> Pair<T> {
    /// Applies `f` to both sides.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Pair<U> {
        Pair { chosen: f(self.chosen), rejected: f(self.rejected) }
    }

    /// Borrows both sides.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { chosen: &self.chosen, rejected: &self.rejected }
    }

    /// Combines the sides of two pairs, chosen with chosen and rejected with rejected.
    pub fn zip_with<U, V>(self, other: Pair<U>, mut f: impl FnMut(T, U) -> V) -> Pair<V> {
        Pair { chosen: f(self.chosen, other.chosen), rejected: f(self.rejected, other.rejected) }
    }

    /// Exchanges the two sides.
    pub fn swap(self) -> Self {
        Pair { chosen: self.rejected, rejected: self.chosen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip_with_keeps_the_sides_apart() {
        let difference =
            Pair { chosen: 5, rejected: 3 }.zip_with(Pair { chosen: 1, rejected: 2 }, |a, b| a - b);
        assert_eq!(difference, Pair { chosen: 4, rejected: 1 });
    }

    #[test]
    fn swap_twice_is_the_identity() {
        let pair = Pair { chosen: 1, rejected: 2 };
        assert_eq!(pair.swap(), Pair { chosen: 2, rejected: 1 });
        assert_eq!(pair.swap().swap(), pair);
    }
}
