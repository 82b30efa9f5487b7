//! A simulated morning in a bank.
mod morning;
mod people;
mod queue;
mod scenes;
mod story;
