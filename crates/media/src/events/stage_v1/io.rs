//! What goes into a session and what comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use model::{ConnectionId, ParticipantId};
use sfu::PeerFault;
use stage::{LeftReason, Roster};

use super::links::Answer;
use super::message::{FromClient, Me, Secret};
use crate::connections::SessionKey;
use crate::ice::IceServer;
use crate::mailbox::FeedNews;

/// Levels of those who speak, by publish, in -dBov.
pub(super) type Voices = BTreeMap<ConnectionId, u8>;

/// What a session is told.
#[derive(Debug)]
pub(super) enum Input {
    /// The client has said something; `Err` says what is wrong with it.
    Said(Result<FromClient, String>),
    /// The socket is gone without a word.
    Lost,
    /// Another socket takes its place.
    Resumed {
        /// The last frame that the client has seen.
        seen: u64,
        /// For a new feed.
        offer: Option<Secret>,
        /// What the client is told of ICE servers.
        ice: Vec<IceServer>,
    },
    /// Who publishes.
    Roster(Arc<Roster>),
    /// `stage` has answered [`Effect::Ask`].
    Linked {
        ask: u64,
        publisher: ParticipantId,
        answer: Answer,
    },
    /// `stage` has ended a subscription.
    LinkEnded(ConnectionId),
    /// The worker has answered [`Effect::Open`] or [`Effect::Reoffer`].
    Answered(Result<sfu::Answer, PeerFault>),
    /// The worker has not taken [`Effect::Want`].
    WantRefused,
    /// The worker tells of the feed.
    Feed(FeedNews),
    /// What came of [`Effect::Exchange`]: who the client is now, or why not.
    Exchanged(Result<Me, String>),
    /// Who speaks on the stage.
    Voices(Arc<Voices>),
    /// `stage` puts the participant out.
    Left(LeftReason),
}

/// What a session wants done.
pub(super) enum Effect {
    /// A frame for the client. Where it has no socket, it is lost.
    Send(Utf8Bytes),
    /// The last frame for the client.
    Farewell(Utf8Bytes),
    /// `stage` is to be asked for a subscription.
    Ask { ask: u64, publisher: ParticipantId },
    /// A subscription is over.
    Release(ConnectionId),
    /// The media of a subscription is up.
    Up(ConnectionId),
    /// A new feed.
    Open(Box<sfu::Offer>),
    /// Another offer of the feed.
    Reoffer(Box<sfu::Offer>),
    /// All that the feed is to get.
    Want(Vec<sfu::Want>),
    /// The feed is over.
    CloseFeed,
    /// What the participant has muted.
    Mute(stage::Mute),
    /// Another token is wanted in the place of this one.
    Exchange(Secret),
    /// `stage` is to close everything that the participant has.
    PutOut(LeftReason),
    /// The session is over.
    End(End),
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By a word of the client, or of `stage`; the client has been told.
    Left(LeftReason),
    /// The client did not come back.
    Expired,
    /// The client breaks the protocol.
    Offence(&'static str),
}

/// Which session it is, and whose.
pub(super) struct Identity {
    /// Names the session.
    pub(super) name: SessionKey,
    /// By the token that counts.
    pub(super) me: Me,
    /// The session of the stage.
    pub(super) stage_session: String,
}
