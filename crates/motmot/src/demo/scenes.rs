//! What can go well and what can go wrong in a bank, one scene a function. Times are milliseconds; a second stands for a minute.

use motmot_core::Timestamp;
use motmot_core::touchpoint::Initiator::Company;
use motmot_core::touchpoint::Intent::{Complaint, Question};
use motmot_core::touchpoint::Outcome::{Met, None as Nothing, PartlyMet, Pending, Unmet};
use motmot_core::touchpoint::Stage::{Farewell, Fulfilment, Greeting, NeedDetection, Verification};

use super::people::Customer;
use super::story::{CHAT, HARBOUR, MARKET, PHONE, Story, Who};

/// A visit as it should be: all five stages, and something more.
pub(super) fn good_visit(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(MARKET, customer, "savings", start);
    story.touch(0, Greeting, Met, Who::Named("oskar"));
    story.touch(1_500, NeedDetection, Met, Who::Named("oskar"));
    story.touch(4_000, Fulfilment, Met, Who::Named("oskar")).added_value.push("better-rate".into());
    story.touch(6_000, Verification, Met, Who::Named("oskar"));
    story.touch(7_000, Farewell, Met, Who::Named("oskar")).rating = Some(5);
    story
}

/// Whoever receives the customer gives no name; a colleague, minutes later, does.
pub(super) fn no_name_given(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(HARBOUR, customer, "account", start);
    story.touch(0, Greeting, Met, Who::Unnamed("petra"));
    story.touch(5_000, NeedDetection, Met, Who::Named("mina"));
    story.touch(8_000, Fulfilment, Met, Who::Named("mina"));
    story.touch(10_000, Verification, Met, Who::Named("mina"));
    story.touch(11_000, Farewell, Met, Who::Named("mina")).rating = Some(4);
    story
}

/// The cash machine gives nothing; the counter helps later.
pub(super) fn cash_machine_down(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(HARBOUR, customer, "cash", start);
    story.touch(0, Greeting, Met, Who::Surroundings("cash-machine-2")).team = Some("machines".into());
    story.touch(500, NeedDetection, Met, Who::Surroundings("cash-machine-2")).team = Some("machines".into());
    story.touch(1_500, Fulfilment, Unmet, Who::Surroundings("cash-machine-2")).team = Some("machines".into());
    story.touch(9_000, Fulfilment, Met, Who::Named("mina"));
    story.touch(10_500, Verification, Met, Who::Named("mina"));
    story.touch(11_000, Farewell, Met, Who::Named("mina")).rating = Some(3);
    story
}

/// Received, and then left standing: nobody asks what the customer needs.
pub(super) fn nobody_asks(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(MARKET, customer, "mortgage", start);
    story.touch(0, Greeting, Met, Who::Named("oskar"));
    story.touch(13_000, NeedDetection, Met, Who::Named("petra"));
    story.touch(17_000, Fulfilment, Met, Who::Named("petra"));
    story.touch(19_000, Verification, Met, Who::Named("petra"));
    story.touch(20_000, Farewell, Met, Who::Named("petra"));
    story
}

/// A complaint by chat that nobody takes up for a long time.
pub(super) fn complaint_unheard(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(CHAT, customer, "fees", start);
    story.touch(0, Greeting, Met, Who::System("chat-bot"));
    story.touch(1_000, NeedDetection, Nothing, Who::System("chat-bot")).intent = Some(Complaint);
    let answer = story.touch(13_000, Fulfilment, Met, Who::Named("bo"));
    answer.initiated_by = Company;
    story.touch(15_000, Verification, Met, Who::Named("bo"));
    story.touch(16_000, Farewell, Met, Who::Named("bo")).rating = Some(3);
    story
}

/// A question by chat that is never answered: the customer leaves the page.
pub(super) fn question_unanswered(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(CHAT, customer, "online-banking", start);
    story.touch(0, Greeting, Met, Who::System("chat-bot"));
    story.touch(1_000, NeedDetection, Nothing, Who::System("chat-bot")).intent = Some(Question);
    story
}

/// "We shall call you back within eight minutes": they do, after sixteen.
pub(super) fn call_back_late(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(PHONE, customer, "loan", start);
    story.touch(0, Greeting, Met, Who::Named("jonas"));
    story.touch(1_000, NeedDetection, Met, Who::Named("jonas"));
    let promise = story.promise("call-back", 11_000);
    story.touch(3_000, Fulfilment, Pending, Who::Named("jonas")).promises.push(promise);
    let kept = story.promise_id("call-back");
    let call = story.touch(19_000, Fulfilment, Met, Who::Named("jonas"));
    call.initiated_by = Company;
    call.kept_promises.push(kept);
    story.touch(20_500, Verification, Met, Who::Named("jonas"));
    story.touch(21_000, Farewell, Met, Who::Named("jonas")).rating = Some(4);
    story
}

/// Helped, and sent away; nobody asked whether that was all. Somebody calls to ask, later.
pub(super) fn not_verified(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(HARBOUR, customer, "card", start);
    story.touch(0, Greeting, Met, Who::Named("mina"));
    story.touch(1_000, NeedDetection, Met, Who::Named("mina"));
    story.touch(3_000, Fulfilment, Met, Who::Named("mina"));
    let check = story.touch(16_000, Verification, Met, Who::Named("mina"));
    check.initiated_by = Company;
    story.touch(17_000, Farewell, Met, Who::Named("mina"));
    story
}

/// From one desk to the next and on to a third.
pub(super) fn handed_around(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(HARBOUR, customer, "inheritance", start);
    story.touch(0, Greeting, Met, Who::Named("petra"));
    story.touch(1_000, NeedDetection, Met, Who::Named("petra"));
    story.touch(4_000, NeedDetection, Nothing, Who::Named("mina"));
    story.touch(8_000, NeedDetection, Nothing, Who::Named("hanna"));
    story.touch(11_000, Fulfilment, PartlyMet, Who::Named("hanna"));
    story.touch(20_000, Fulfilment, Met, Who::Named("hanna"));
    story.touch(22_000, Verification, Met, Who::Named("hanna"));
    story.touch(23_000, Farewell, Met, Who::Named("hanna")).rating = Some(2);
    story
}

/// Leaves angry; the manager calls, and is forgiven.
pub(super) fn angry_then_called(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(PHONE, customer, "fees", start);
    story.touch(0, Greeting, Met, Who::Named("lena"));
    story.touch(1_000, NeedDetection, Met, Who::Named("lena"));
    story.touch(3_000, Fulfilment, Met, Who::Named("lena"));
    story.touch(4_000, Verification, Met, Who::Named("lena"));
    story.touch(5_000, Farewell, Met, Who::Named("lena")).rating = Some(1);
    let call = story.touch(17_000, Verification, Met, Who::Named("lena"));
    call.initiated_by = Company;
    call.rating = Some(4);
    story
}

/// A product is sold before anybody has asked what is needed.
pub(super) fn sold_before_asked(customer: Customer, start: Timestamp) -> Story {
    let mut story = Story::new(MARKET, customer, "insurance", start);
    story.touch(0, Greeting, Met, Who::Named("oskar"));
    story.touch(1_500, Fulfilment, Met, Who::Named("oskar"));
    story.touch(5_500, NeedDetection, Met, Who::Named("oskar"));
    story.touch(7_000, Verification, Met, Who::Named("oskar"));
    story.touch(8_000, Farewell, Met, Who::Named("oskar")).rating = Some(3);
    story
}
