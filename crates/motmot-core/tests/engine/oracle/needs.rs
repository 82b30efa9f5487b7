//! The needs of a cycle: one cycle may hold several, and each must be fulfilled and verified.

use motmot_core::Touchpoint;
use motmot_core::touchpoint::{Outcome, Stage};

/// One need.
#[derive(Clone, Debug)]
pub(super) struct Need {
    /// None where the source does not name it.
    pub(super) name: Option<String>,
    /// The touchpoint that first spoke of it.
    pub(super) opened: usize,
    /// The touchpoint that first met it, at least in part.
    pub(super) fulfilled: Option<usize>,
    /// The checks after that.
    pub(super) checks: Vec<usize>,
    /// Every touchpoint that is about it.
    pub(super) concerned: Vec<usize>,
}

/// The needs, in the order in which they were spoken of.
pub(super) fn needs(touchpoints: &[Touchpoint<'static>]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for (index, touchpoint) in touchpoints.iter().enumerate() {
        let name = touchpoint.need.as_deref();
        let opens = match name {
            Some(name) => !needs.iter().any(|need| need.name.as_deref() == Some(name)),
            None => needs.is_empty() && matches!(touchpoint.stage, Stage::Fulfilment | Stage::NeedDetection),
        };
        if opens {
            let name = name.map(str::to_owned);
            needs.push(Need { name, opened: index, fulfilled: None, checks: Vec::new(), concerned: Vec::new() });
        }
        for need in needs.iter_mut().filter(|need| is_concerned(need, touchpoint, index)) {
            need.concerned.push(index);
            match touchpoint.stage {
                Stage::Fulfilment if need.fulfilled.is_none() && is_met(touchpoint) => need.fulfilled = Some(index),
                Stage::Verification
                    if need.fulfilled.is_some() && (is_met(touchpoint) || touchpoint.outcome == Outcome::None) =>
                {
                    need.checks.push(index);
                }
                _ => {}
            }
        }
    }
    needs
}

/// Met, at least in part.
pub(super) fn is_met(touchpoint: &Touchpoint<'_>) -> bool {
    matches!(touchpoint.outcome, Outcome::Met | Outcome::PartlyMet)
}

fn is_concerned(need: &Need, touchpoint: &Touchpoint<'_>, index: usize) -> bool {
    match (&touchpoint.need, touchpoint.stage) {
        (Some(name), _) => need.name.as_deref() == Some(name.as_str()),
        (None, Stage::Verification) => need.fulfilled.is_some(),
        (None, Stage::NeedDetection) => need.opened == index,
        (None, _) => need.fulfilled.is_none(),
    }
}
