//! The telephone: calls arrive ever faster, two agents answer, and the queue gets worse until a third one comes.

use motmot_core::Timestamp;
use motmot_core::touchpoint::Outcome::{Met, Pending, Unmet};
use motmot_core::touchpoint::Stage::{Farewell, Fulfilment, Greeting, NeedDetection, Verification};

use super::people::{Chance, Customer, Roster};
use super::story::{PHONE, Story, Who};

/// What the recorded voice announces, however long the queue is.
const ANNOUNCED_MS: i64 = 8_000;
/// When the calls come fastest.
const RUSH_MS: i64 = 40_000;
/// When the third agent comes.
const RELIEF_MS: i64 = 85_000;

/// An agent, and until when a customer has them.
struct Agent {
    name: &'static str,
    busy_until_ms: i64,
}

/// The calls of the first `length_ms`.
pub(super) fn calls(chance: &mut Chance, roster: &mut Roster, start: Timestamp, length_ms: i64) -> Vec<Story> {
    let mut agents = [("jonas", 0), ("lena", 0), ("emil", RELIEF_MS)].map(|(name, busy_until_ms)| Agent { name, busy_until_ms });
    let mut stories = Vec::new();
    let mut at_ms = 6_000;
    while at_ms < length_ms {
        let vip = stories.len() % 6 == 5;
        let customer = if chance.between(0, 4) == 0 && !vip { roster.stranger() } else { roster.customer(vip) };
        stories.push(call(chance, &mut agents, customer, start, at_ms));
        at_ms += chance.between(1_600, 2_400) + pause(at_ms);
    }
    stories
}

/// What lies between two calls beyond the least: two agents bear a call every three seconds. It is quiet at first, too much after
/// half a minute, and quiet again from the relief on.
fn pause(at_ms: i64) -> i64 {
    if at_ms < RELIEF_MS { (RUSH_MS - at_ms).max(0) * 2_500 / RUSH_MS } else { 3_000 }
}

fn call(chance: &mut Chance, agents: &mut [Agent; 3], customer: Customer, start: Timestamp, at_ms: i64) -> Story {
    let need = chance.pick(&["balance", "transfer", "card", "loan", "online-banking"]);
    let patience_ms = if customer.vip { 40_000 } else { chance.between(12_000, 22_000) };
    let mut story = Story::new(PHONE, customer, need, start.plus(at_ms));
    story.touch(0, Greeting, Met, Who::System("voice-menu"));
    story.touch(900, NeedDetection, Met, Who::System("voice-menu"));
    let asked_ms = at_ms + 1_000;
    let agent = agents.iter_mut().min_by_key(|agent| agent.busy_until_ms);
    let Some(agent) = agent else { return story };
    let wait_ms = (agent.busy_until_ms - asked_ms).max(0);
    if wait_ms > 0 {
        story.touch(1_000, Fulfilment, Pending, Who::Surroundings("queue")).announced_wait_ms = Some(ANNOUNCED_MS);
    }
    if wait_ms > patience_ms {
        story.touch(1_000 + patience_ms, Farewell, Unmet, Who::Surroundings("queue")).waited_ms = Some(patience_ms);
        return story;
    }
    let service_ms = chance.between(4_500, 7_000);
    let answered_ms = 1_000 + wait_ms;
    agent.busy_until_ms = at_ms + answered_ms + service_ms;
    let who = Who::Named(agent.name);
    story.touch(answered_ms, Fulfilment, Met, who).waited_ms = Some(wait_ms);
    story.touch(answered_ms + service_ms - 1_000, Verification, Met, who);
    let farewell = story.touch(answered_ms + service_ms, Farewell, Met, who);
    farewell.rating = Some(if wait_ms > 15_000 && chance.between(0, 1) == 0 { 2 } else { 4 });
    story
}
