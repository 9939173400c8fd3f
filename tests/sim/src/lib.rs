//! Whole stages in simulated time.
//!
//! A [`World`] runs the real machine (`stage::Stages`) on acts that a test or a random source makes up, keeps what it
//! stores in a [`Ledger`] that refuses records that cannot be, and compares each step with a [`Reference`]: a second,
//! much simpler and slower statement of the same rules. A crash throws the machine away and starts another from the ledger.
//!
//! What is absent: media. A connection's media is up when the world says so.

mod act;
mod expected;
mod ledger;
mod reference;
mod world;

pub use act::{Act, Door, Key, Start, Stop, Token};
pub use expected::{Answer, Expected, Line, Person};
pub use ledger::Ledger;
pub use reference::Reference;
pub use world::World;
