//! What the server says.

use std::collections::BTreeMap;

use model::Grant;
use serde::Serialize;

use super::client::{Kind, Pid, Secret};
use super::fault::Fault;
use crate::ice::IceServer;

/// What the server says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(in super::super) enum ToClient {
    /// The client is in.
    Joined(Box<Joined>),
    /// What has changed of who publishes: first who is gone, then who is there, then what is new of those who stay.
    Delta {
        leave: Vec<Pid>,
        join: Vec<Entry>,
        update: Vec<Update>,
    },
    /// What the slots of the feed carry: all that carry anything.
    Bind { slots: Vec<Bound> },
    /// So many slots are needed in all.
    Need { audio: usize, video: usize },
    /// To an offer.
    Answer { sdp: Secret, slots: Vec<Slot> },
    /// The layers of a publisher, and which of them comes.
    Layers {
        pid: Pid,
        list: Vec<Layer>,
        selected: Option<String>,
        reason: &'static str,
    },
    /// Who speaks, loudest first.
    Speakers { list: Vec<Speaker> },
    /// How the feed is served.
    #[serde(rename_all = "camelCase")]
    Quality {
        estimate_bps: u64,
        sent_bps: u64,
        /// Of the packets, 0 to 1.
        loss: f64,
        round_trip_ms: Option<u64>,
    },
    /// Another token counts; who the client is from now on.
    Exchanged {
        #[serde(rename = "self")]
        me: Me,
    },
    /// Something did not work.
    Error(Fault),
    /// The client is out; the socket is closed.
    Left { reason: &'static str },
    /// To a ping.
    Pong,
}

/// A message on its way, with its number.
#[derive(Serialize)]
pub(in super::super) struct Frame<'a> {
    /// Counted from 1 in each session, without gaps.
    pub(in super::super) seq: u64,
    #[serde(flatten)]
    pub(in super::super) message: &'a ToClient,
}

/// See [`ToClient::Joined`].
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Joined {
    /// Names the session for `resume`. A secret.
    pub(in super::super) session: Secret,
    /// How this socket came in.
    pub(in super::super) resumed: Resumed,
    #[serde(rename = "self")]
    pub(in super::super) me: Me,
    /// For `RTCPeerConnection`.
    pub(in super::super) ice: Vec<IceServer>,
    /// To the offer, if there was one that could be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) answer: Option<Secret>,
    /// Of the feed.
    pub(in super::super) slots: Vec<Slot>,
    /// The stage, unless everything of it has been told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) state: Option<State>,
}

/// How a socket came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum Resumed {
    /// It is a new session.
    No,
    /// What was missed came before this.
    Replayed,
    /// Too much was missed: everything is told again.
    Snapshot,
}

/// Who the client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Me {
    pub(in super::super) id: Pid,
    pub(in super::super) user_id: String,
    pub(in super::super) attributes: BTreeMap<String, String>,
    pub(in super::super) capabilities: Vec<&'static str>,
}

impl Me {
    /// Whom a token names.
    pub(in super::super) fn of(grant: &Grant) -> Self {
        let capabilities = [
            ("publish", grant.capabilities.publish),
            ("subscribe", grant.capabilities.subscribe),
        ];
        let held = capabilities.into_iter().filter(|(_, held)| *held);
        Self {
            id: Pid(grant.participant.clone()),
            user_id: grant.user_id.clone(),
            attributes: grant.attributes.clone(),
            capabilities: held.map(|(name, _)| name).collect(),
        }
    }

    /// Whether the client may receive others.
    pub(in super::super) fn may_subscribe(&self) -> bool {
        self.capabilities.contains(&"subscribe")
    }
}

/// All that is to be known of a stage.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct State {
    pub(in super::super) stage_id: String,
    pub(in super::super) session_id: String,
    pub(in super::super) participants: Vec<Entry>,
}

/// A participant that publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Entry {
    pub(in super::super) id: Pid,
    pub(in super::super) user_id: String,
    pub(in super::super) attributes: BTreeMap<String, String>,
    pub(in super::super) is_publishing: bool,
    pub(in super::super) audio_muted: bool,
    pub(in super::super) video_stopped: bool,
}

/// A participant that publishes, and of which something is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Update {
    pub(in super::super) id: Pid,
    pub(in super::super) user_id: String,
    pub(in super::super) attributes: BTreeMap<String, String>,
    pub(in super::super) audio_muted: bool,
    pub(in super::super) video_stopped: bool,
}

/// One section of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Slot {
    pub(in super::super) mid: String,
    pub(in super::super) kind: Kind,
}

/// What a slot carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Bound {
    pub(in super::super) mid: String,
    pub(in super::super) kind: Kind,
    pub(in super::super) pid: Pid,
    pub(in super::super) paused: bool,
}

/// One encoding of a publisher's video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Layer {
    pub(in super::super) label: String,
    pub(in super::super) width: u32,
    pub(in super::super) height: u32,
    pub(in super::super) frames_per_second: u32,
    pub(in super::super) bitrate_bps: u64,
}

/// Who speaks, and how loud: -dBov, 0 is loudest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Speaker {
    pub(in super::super) pid: Pid,
    pub(in super::super) level: u8,
}
