//! All chance of a run: one number gives everything.

/// SplitMix64: small, quick, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// From `low` on and below `high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.next() % u64::try_from((high - low).max(1)).unwrap()).unwrap()
    }

    /// True so many times in a thousand.
    pub(super) fn per_mille(&mut self, chance: usize) -> bool {
        self.below(1000) < chance
    }

    pub(super) fn pick<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }

    /// One of these, or nothing, which comes as often as `nothing` values.
    pub(super) fn maybe<T: Clone>(&mut self, nothing: usize, values: &[T]) -> Option<T> {
        values.get(self.below(values.len() + nothing)).cloned()
    }
}
