//! Chance and names: everything that makes one simulated morning differ from another, out of one seed.

/// Pseudo-random numbers (SplitMix64): the same seed gives the same morning on every machine.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// From a seed; a small seed is as good as a large one.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).unsigned_abs().saturating_add(1);
        low.saturating_add(i64::try_from(self.next() % span).unwrap_or_default())
    }

    /// A position in a list of that length.
    pub(super) fn below(&mut self, length: usize) -> usize {
        usize::try_from(self.between(0, i64::try_from(length).unwrap_or(1).max(1) - 1)).unwrap_or_default()
    }

    /// One of a list.
    pub(super) fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }
}

const FIRST: [&str; 20] = [
    "Ada", "Bruno", "Clara", "David", "Edith", "Felix", "Greta", "Hugo", "Ines", "Jakob", "Karla", "Leo", "Mara", "Nils", "Olga",
    "Paul", "Rosa", "Simon", "Tilda", "Viktor",
];
const LAST: [&str; 19] = [
    "Adler", "Berg", "Conti", "Dahl", "Ebner", "Falk", "Gruber", "Haas", "Iversen", "Keller", "Lang", "Moretti", "Novak",
    "Olsen", "Peters", "Rossi", "Steiner", "Varga", "Weiss",
];

/// A customer of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Customer {
    /// The key of the touchpoints: the customer's number, or, of one who gave no name, the contact's.
    pub(crate) key: String,
    /// The name, unless none was given.
    pub(crate) name: Option<String>,
    /// Whether this is a priority customer.
    pub(crate) vip: bool,
}

/// Hands out customers, none of them twice.
#[derive(Debug)]
pub(super) struct Roster {
    next: usize,
}

impl Roster {
    /// Customers from number `first` on.
    pub(super) const fn new(first: usize) -> Self {
        Self { next: first }
    }

    /// The next customer.
    pub(super) fn customer(&mut self, vip: bool) -> Customer {
        let number = self.next;
        self.next += 1;
        // The two lists have lengths without a common factor, so a pair comes back only after all others.
        let name = |list: &[&'static str]| list.get(number % list.len()).copied().unwrap_or_default();
        Customer { key: format!("C-{}", 1_000 + number), name: Some(format!("{} {}", name(&FIRST), name(&LAST))), vip }
    }

    /// Somebody who gives no name.
    pub(super) fn stranger(&mut self) -> Customer {
        let number = self.next;
        self.next += 1;
        Customer { key: format!("contact-{number}"), name: None, vip: false }
    }
}
