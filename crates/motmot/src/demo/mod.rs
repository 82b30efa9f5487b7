//! `motmot demo`: a simulated service, and the whole of motmot around it, in one process with no other server.
//!
//! [`morning`] makes the touchpoints of a morning in a bank out of a seed (pure); [`player`] does so for any example, out of its file
//! of scenes. [`source`] plays them into [`broker`], the real worker and the real desk do the rest, and [`narrator`] tells what the desk
//! hears. [`example`] has what can be played.

mod broker;
mod dial;
mod example;
mod morning;
mod narrator;
mod people;
mod player;
mod queue;
mod run;
mod scenes;
mod source;
mod story;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use run::run;
