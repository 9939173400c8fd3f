//! Participants as the control API lists them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{IngestConfigurationArn, ParticipantId, Replication, SessionId, StageArn};

/// Whether a participant is on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParticipantState {
    /// It is.
    Connected,
    /// It was in this session.
    Disconnected,
}

impl ParticipantState {
    /// The API's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "CONNECTED",
            Self::Disconnected => "DISCONNECTED",
        }
    }
}

/// By which protocol a participant publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Through the client library, or it never published.
    #[default]
    Unknown,
    /// A standard WHIP publisher.
    Whip,
    /// RTMP through an ingest configuration.
    Rtmp,
    /// RTMPS through an ingest configuration.
    Rtmps,
}

impl Protocol {
    /// The API's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Whip => "WHIP",
            Self::Rtmp => "RTMP",
            Self::Rtmps => "RTMPS",
        }
    }
}

/// What a client says of itself; each text is empty where it says nothing.
///
/// Each is at most 128 characters of `[a-zA-Z0-9-_.,:;\s]` (API model); the door that reads them drops what does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ClientInfo {
    /// Internet provider.
    pub isp_name: String,
    /// Operating system.
    pub os_name: String,
    /// Its version.
    pub os_version: String,
    /// Browser.
    pub browser_name: String,
    /// Its version.
    pub browser_version: String,
    /// Client library's version.
    pub sdk_version: String,
}

/// Through which ingest configuration a participant came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// Which.
    pub configuration: IngestConfigurationArn,
    /// Whether it belongs to a redundant ingest: as one of the streams, or as what viewers see of them.
    pub redundant: bool,
}

/// One participant's record in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// On which stage.
    pub stage: StageArn,
    /// In which session.
    pub session: SessionId,
    /// Who; the `jti` of the token, or one that an ingest configuration has for life.
    pub id: ParticipantId,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// Whether it is on the stage.
    pub state: ParticipantState,
    /// First join within the session; later joins do not move it.
    pub first_join: Timestamp,
    /// Whether it has published at any time in the session.
    pub published: bool,
    /// Whether it is publishing. Kept so that a crash can be closed with the right events; not part of the API.
    pub publishing: bool,
    /// How it publishes.
    pub protocol: Protocol,
    /// Through which ingest configuration it came in this session, if through any.
    pub ingest: Option<Box<Ingest>>,
    /// What its client says of itself.
    pub client: ClientInfo,
    /// Whether it appears on other stages or comes from one; `None` if neither was ever so in the session.
    pub replication: Option<Replication>,
}
