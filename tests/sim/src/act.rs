//! What may happen to a small world: five stages, three of them of one account in one region, and a handful of participants, so that
//! random acts meet.

use std::time::Duration;

use model::{ErrorCode, IngestPart};
use stage::{CloseCause, LeftReason, Mute};

/// A participant token and its client, from small choices.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// On which stage.
    pub stage: u8,
    /// Whose.
    pub who: u8,
    /// May send.
    pub publish: bool,
    /// May receive.
    pub subscribe: bool,
    /// When it ends, in seconds from the wall clock's reading.
    pub expires_in: i64,
    /// What its user is called: one of a few.
    pub name: u8,
    /// Whether a customer has signed it.
    pub signed: bool,
    /// What the client says its operating system is: nothing, or one of a few.
    pub os: u8,
    /// What it says its library is: nothing, or one of a few.
    pub sdk: u8,
}

/// A stream key of one of two configurations, and how it is used.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Of which configuration.
    pub configuration: u8,
    /// To which stage the door believes it to be attached.
    pub stage: u8,
    /// What it is of the configuration.
    pub part: IngestPart,
    /// Which of the two streams, where it is one of two.
    pub leg: u8,
    /// Whether it comes by TLS.
    pub tls: bool,
    /// What its user is called: one of a few.
    pub name: u8,
    /// What the door finds wrong.
    pub fault: Option<ErrorCode>,
}

/// By which door a token is used.
#[derive(Clone, Copy, Debug)]
pub enum Door {
    /// The events socket.
    Socket,
    /// WHIP, with what is wrong with the offer.
    Publish(Option<ErrorCode>),
    /// WHEP, for this participant's media.
    Subscribe(u8),
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// The API makes a stage.
    Open(u8),
    /// The API deletes it.
    Delete(u8),
    /// The operator deletes everything.
    DeleteAll,
    /// The API bans a participant.
    Disconnect(u8, u8),
    /// Somebody comes to a door.
    Knock(Token, Door),
    /// An encoder comes.
    Ingest(Key),
    /// The API has attached a configuration to a stage, or to none. A bit for each of its legs that there is; none is a configuration
    /// of one stream.
    Attach(u8, Option<(u8, u8)>),
    /// The media of a connection is up: of one that is open, counted round, or of any that there ever was.
    Up {
        /// Which.
        pick: u16,
        /// Whether only those that are open count.
        open: bool,
    },
    /// Somebody says by a connection what is muted; only sockets may.
    Mute {
        /// Which.
        pick: u16,
        /// Whether only those that are open count.
        open: bool,
        /// What.
        mute: Mute,
    },
    /// A connection ends on its own account.
    Closed {
        /// Which.
        pick: u16,
        /// Whether only those that are open count.
        open: bool,
        /// Why.
        cause: CloseCause,
    },
    /// Somebody exchanges the token of a connection; only sockets may.
    Exchange {
        /// Which.
        pick: u16,
        /// Whether only those that are open count.
        open: bool,
        /// For which. Whose it is counts only where `own` does not say otherwise.
        token: Token,
        /// Whether it is for the participant and stage of the connection.
        own: bool,
    },
    /// The shell puts out whoever has a connection; only sockets count.
    PutOut {
        /// Which.
        pick: u16,
        /// Whether only those that are open count.
        open: bool,
        /// Why.
        reason: LeftReason,
    },
    /// The API has somebody appear on another stage.
    Replicate(Start),
    /// Whoever has asked for a replication before asks for the same once more: the newest start, or an older one.
    ReplicateAgain(u16),
    /// The API ends one.
    StopReplication(Stop),
    /// Time passes, and the machine is called whenever it asked to be.
    Pass(Duration),
    /// Time passes, and the machine is not called.
    Sleep(Duration),
    /// The wall clock steps by so many seconds.
    Step(i64),
    /// The process is told to stop. Another one starts with the next `Crash`.
    Shutdown,
    /// The process dies and another one starts from what is stored.
    Crash,
}

/// A replication that is to begin.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The client whose stage and participant count, or whoever was replicated before; nobody: those that are named.
    pub pick: Option<u16>,
    /// From which stage.
    pub from: u8,
    /// To which.
    pub to: u8,
    /// Whom.
    pub who: u8,
    /// How long it may be away.
    pub window: Duration,
    /// What its user is called there; 0: as at the source.
    pub name: u8,
    /// Whether whoever asked for it hears of it.
    pub is_answered: bool,
}

/// A replication that is to end.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// The recorded replication that counts; none: that which is named.
    pub pick: Option<u16>,
    /// From which stage.
    pub from: u8,
    /// To which.
    pub to: u8,
    /// Whom.
    pub who: u8,
}
