//! How sure a rate is.

/// The 97.5th percentile of the standard normal distribution: two sides of it leave 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % confidence interval of a rate: `count` of `total` went wrong. None without a total.
///
/// Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
/// American Statistical Association 22, 1927, pages 209–212). Unlike the textbook's p ± z·√(p(1−p)/n) it stays within 0 and 1 and is of
/// use for a rate of 0 of 5, which the textbook calls certain.
///
/// ```
/// let (low, high) = motmot_archive::report::interval::wilson(0, 5).unwrap();
/// assert!(low == 0.0 && (0.43..0.44).contains(&high), "none of five says little: {high}");
/// ```
pub fn wilson(count: u64, total: u64) -> Option<(f64, f64)> {
    if total == 0 {
        return None;
    }
    let (n, p) = (total as f64, count.min(total) as f64 / total as f64);
    let scale = 1.0 / (1.0 + Z * Z / n);
    let centre = scale * (p + Z * Z / (2.0 * n));
    let half = scale * Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the edges the exact bound is 0 or 1; rounding would miss it by a hair.
    let low = if count == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if count >= total { 1.0 } else { (centre + half).min(1.0) };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: u64, total: u64, expected: (f64, f64)) {
        let (low, high) = wilson(count, total).unwrap();
        assert!((low - expected.0).abs() < 5e-5 && (high - expected.1).abs() < 5e-5, "{count} of {total}: {low}, {high}");
    }

    #[test]
    fn it_agrees_with_published_values() {
        // R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        check(81, 263, (0.2553, 0.3662));
        check(15, 148, (0.0624, 0.1605));
        check(0, 20, (0.0, 0.1611));
        check(1, 29, (0.0061, 0.1718));
    }

    #[test]
    fn nothing_says_nothing_and_the_edges_are_exact() {
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(0, 3).unwrap().0, 0.0);
        assert_eq!(wilson(3, 3).unwrap().1, 1.0);
    }
}
