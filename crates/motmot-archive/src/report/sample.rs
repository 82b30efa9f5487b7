//! Percentiles of what was measured, in bounded memory.

use hdrhistogram::Histogram;

/// Values that a sample keeps as they are; beyond it, only how many there were of about this size.
const EXACT: usize = 1 << 16;
/// Significant decimal digits that a large sample keeps: an error of 0.1 % at most.
const DIGITS: u8 = 3;

/// What was measured in one group, in whole units; negative values count as zero.
#[derive(Clone, Debug)]
pub struct Sample(Values);

#[derive(Clone, Debug)]
enum Values {
    Exact(Vec<u64>),
    /// A high dynamic range histogram: its memory grows with the logarithm of the largest value only.
    Sketch(Box<Histogram<u64>>),
}

/// Three percentiles, by the nearest rank: the smallest value that at least that share of all values does not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// How many values there are.
    pub count: u64,
    /// Half of all are at most this.
    pub p50: f64,
    /// Nine in ten are at most this.
    pub p90: f64,
    /// 99 in a hundred are at most this.
    pub p99: f64,
    /// Whether the values are right to three digits only: there were more than 65,536 of them.
    pub is_approximate: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self(Values::Exact(Vec::new()))
    }
}

impl Sample {
    /// Adds a value.
    pub fn push(&mut self, value: i64) {
        let value = value.max(0).unsigned_abs();
        match &mut self.0 {
            Values::Exact(values) if values.len() < EXACT => values.push(value),
            Values::Exact(values) => {
                if let Some(mut sketch) = sketch() {
                    values.iter().chain([&value]).for_each(|value| keep(&mut sketch, *value));
                    self.0 = Values::Sketch(sketch);
                }
            }
            Values::Sketch(sketch) => keep(sketch, value),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Values::Exact(values) => values.len() as u64,
            Values::Sketch(sketch) => sketch.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The percentiles, each divided by `scale`; none of nothing.
    pub fn quantiles(&mut self, scale: f64) -> Option<Quantiles> {
        let count = self.len();
        if count == 0 {
            return None;
        }
        let is_approximate = matches!(self.0, Values::Sketch(_));
        if let Values::Exact(values) = &mut self.0 {
            values.sort_unstable();
        }
        let at = |share: f64| {
            let value = match &self.0 {
                Values::Exact(values) => values.get(nearest_rank(values.len(), share)).copied().unwrap_or_default(),
                Values::Sketch(sketch) => sketch.lowest_equivalent(sketch.value_at_quantile(share)),
            };
            value as f64 / scale
        };
        Some(Quantiles { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), is_approximate })
    }

    /// How many values lie in each of `bins` ranges of `width`, the first from 0; what lies beyond is in one more. A range includes its upper
    /// end, so that "exactly the limit" stays on the side of the kept.
    pub fn bins(&self, width: u64, bins: usize) -> Vec<u64> {
        let mut counts = vec![0; bins + 1];
        let mut add = |value: u64, count: u64| {
            let bin = value.saturating_sub(1) / width.max(1);
            let bin = usize::try_from(bin).unwrap_or(bins).min(bins);
            if let Some(counted) = counts.get_mut(bin) {
                *counted += count;
            }
        };
        match &self.0 {
            Values::Exact(values) => values.iter().for_each(|value| add(*value, 1)),
            Values::Sketch(sketch) => {
                sketch.iter_recorded().for_each(|step| {
                    add(sketch.lowest_equivalent(step.value_iterated_to()), step.count_since_last_iteration());
                });
            }
        }
        counts
    }
}

/// One that grows as it must. It could only fail for a number of digits that it does not support.
fn sketch() -> Option<Box<Histogram<u64>>> {
    let mut sketch = Histogram::new(DIGITS).ok()?;
    sketch.auto(true);
    Some(Box::new(sketch))
}

/// Records a value. Only `record` makes the sketch grow; what it cannot grow to counts as the largest that it has.
fn keep(sketch: &mut Histogram<u64>, value: u64) {
    if sketch.record(value).is_err() {
        sketch.saturating_record(value);
    }
}

/// The position, from 0, of the smallest of `count` values that at least `share` of them do not exceed.
fn nearest_rank(count: usize, share: f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a length is a length
    let rank = (share * count as f64).ceil() as usize;
    rank.clamp(1, count.max(1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Sample {
        let mut sample = Sample::default();
        values.into_iter().for_each(|value| sample.push(value));
        sample
    }

    fn check(values: &[i64], expected: (f64, f64, f64)) {
        let found = of(values.iter().copied()).quantiles(1.0).unwrap();
        assert_eq!((found.p50, found.p90, found.p99), expected, "{values:?}");
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        check(&[7], (7.0, 7.0, 7.0));
        check(&[1, 2], (1.0, 2.0, 2.0));
        check(&[50, 10, 40, 30, 20], (30.0, 50.0, 50.0));
        check(&(1..=100).collect::<Vec<_>>(), (50.0, 90.0, 99.0));
        assert_eq!(Sample::default().quantiles(1.0), None);
    }

    #[test]
    fn a_large_sample_keeps_three_digits_and_says_so() {
        let count = 200_000;
        let found = of((1..=count).map(|value| value * 37 % 200_003)).quantiles(1.0).unwrap();
        assert!(found.is_approximate && found.count == 200_000);
        for (found, exact) in [(found.p50, 100_000.0), (found.p90, 180_000.0), (found.p99, 198_000.0)] {
            assert!((found / exact - 1.0_f64).abs() < 2e-3, "{found} for {exact}");
        }
        let few = of(1..=60_000).quantiles(1.0).unwrap();
        assert!(!few.is_approximate && few.p50 == 30_000.0);
    }

    #[test]
    fn exactly_the_limit_is_on_the_side_of_the_kept() {
        let sample = of([0, 1, 100, 101, 200, 1_000]);
        assert_eq!(sample.bins(100, 3), [3, 2, 0, 1]);
        let large = of(std::iter::repeat_n(100, EXACT).chain([101, 5_000]));
        assert_eq!(large.bins(100, 3), [EXACT as u64, 1, 0, 1]);
    }
}
