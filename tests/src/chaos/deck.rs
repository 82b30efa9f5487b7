//! Which fault comes next: cards of a deck, shuffled by the seed, so that every kind comes, and comes in an order that nobody thought of.

use crate::service::Dice;

/// What may be done to an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A worker is killed; its supervisor starts it again.
    KillWorker,
    /// A worker's process stands still past its session, and then goes on as if nothing had been.
    FreezeWorker,
    /// A worker is restarted in order.
    RestartWorker,
    /// One more worker comes, or leaves in order, or is taken away for good.
    JoinOrLeave,
    /// All workers are killed at one instant.
    KillAllWorkers,
    /// All workers are restarted in order, at once.
    RestartAllWorkers,
    /// The broker that coordinates the group is killed.
    KillGroupCoordinator,
    /// The broker that coordinates a worker's transactions is killed.
    KillTransactionCoordinator,
    /// The broker that leads a partition is killed.
    KillLeader,
    /// A broker stands still past the time-outs of sessions and transactions, and then goes on.
    FreezeBroker,
    /// A broker is restarted in order.
    RestartBroker,
    /// All brokers are killed at one instant.
    KillAllBrokers,
    /// Another strategy is put in force.
    Swap,
}

impl Fault {
    /// All of them, and how many cards of each a deck holds: what happens often in life comes often here.
    pub const DECK: [(Self, usize); 13] = [
        (Self::KillWorker, 3),
        (Self::FreezeWorker, 2),
        (Self::RestartWorker, 2),
        (Self::JoinOrLeave, 2),
        (Self::KillAllWorkers, 1),
        (Self::RestartAllWorkers, 1),
        (Self::KillGroupCoordinator, 1),
        (Self::KillTransactionCoordinator, 1),
        (Self::KillLeader, 1),
        (Self::FreezeBroker, 1),
        (Self::RestartBroker, 1),
        (Self::KillAllBrokers, 1),
        (Self::Swap, 3),
    ];

    /// In words, as the counts have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillWorker => "worker killed",
            Self::FreezeWorker => "worker frozen past its session",
            Self::RestartWorker => "worker restarted",
            Self::JoinOrLeave => "worker joined or left",
            Self::KillAllWorkers => "all workers killed",
            Self::RestartAllWorkers => "all workers restarted",
            Self::KillGroupCoordinator => "group's coordinator killed",
            Self::KillTransactionCoordinator => "transactions' coordinator killed",
            Self::KillLeader => "partition's leader killed",
            Self::FreezeBroker => "broker frozen past all time-outs",
            Self::RestartBroker => "broker restarted",
            Self::KillAllBrokers => "all brokers killed",
            Self::Swap => "strategy swapped",
        }
    }

    /// Whether it needs all brokers to be there first: two losses at once would only stop everything.
    pub const fn is_of_brokers(self) -> bool {
        matches!(
            self,
            Self::KillGroupCoordinator
                | Self::KillTransactionCoordinator
                | Self::KillLeader
                | Self::FreezeBroker
                | Self::RestartBroker
                | Self::KillAllBrokers
        )
    }
}

/// Cards of one deck after another.
#[derive(Debug)]
pub struct Deck {
    dice: Dice,
    of_each: fn(usize) -> usize,
    cards: Vec<Fault>,
}

impl Deck {
    /// A whole deck, again and again.
    pub fn endless(seed: u64) -> Self {
        Self { dice: Dice::new(seed), of_each: |count| count, cards: Vec::new() }
    }

    /// A deck with one card of each kind.
    pub fn one_of_each(seed: u64) -> Self {
        let mut deck = Self { dice: Dice::new(seed), of_each: |_| 1, cards: Vec::new() };
        deck.shuffle();
        deck
    }

    fn shuffle(&mut self) {
        self.cards = Fault::DECK.iter().flat_map(|(fault, count)| std::iter::repeat_n(*fault, (self.of_each)(*count))).collect();
        for place in (1..self.cards.len()).rev() {
            let other = usize::try_from(self.dice.below(i64::try_from(place).unwrap_or(0) + 1)).unwrap_or(0);
            self.cards.swap(place, other);
        }
    }

    /// Whether the deck in hand is dealt.
    pub fn is_dealt(&self) -> bool {
        self.cards.is_empty()
    }

    /// The next card for which `fits`; none: none of those in hand does now.
    pub fn draw(&mut self, fits: impl Fn(Fault) -> bool) -> Option<Fault> {
        if self.cards.is_empty() {
            self.shuffle();
        }
        let place = self.cards.iter().rposition(|fault| fits(*fault))?;
        Some(self.cards.remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_order_and_every_kind_comes() {
        let dealt = |seed| {
            let mut deck = Deck::one_of_each(seed);
            std::iter::from_fn(|| if deck.is_dealt() { None } else { deck.draw(|_| true) }).collect::<Vec<_>>()
        };
        assert_eq!(dealt(7), dealt(7));
        assert_ne!(dealt(7), dealt(8));
        let mut kinds = dealt(7);
        kinds.sort();
        assert_eq!(kinds, Fault::DECK.map(|(fault, _)| fault));
    }

    #[test]
    fn a_card_that_does_not_fit_stays_in_hand() {
        let mut deck = Deck::one_of_each(3);
        while deck.draw(|fault| !fault.is_of_brokers()).is_some() {}
        assert!(deck.draw(|fault| !fault.is_of_brokers()).is_none() && !deck.is_dealt());
        assert!(deck.draw(|_| true).is_some_and(Fault::is_of_brokers));
    }
}
