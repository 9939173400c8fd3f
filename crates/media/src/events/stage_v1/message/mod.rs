//! Every message of `stage.v1`: JSON objects with a `type`, one in each text frame.
//!
//! `docs/stage-v1.md` tells what each message is for; the tests hold its examples against the types here.

mod client;
#[cfg(test)]
mod examples;
mod fault;
mod server;

pub(super) use client::{
    DefaultWant, Exchange, FromClient, Join, Kind, Offer, Pid, Secret, Sub, SubEntry, Whom, parse,
    read,
};
pub(super) use fault::{Category, Code, Fault};
pub(super) use server::{
    Bound, Entry, Frame, Joined, Layer, Me, Resumed, Slot, Speaker, State, ToClient, Update,
};
