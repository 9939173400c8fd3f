//! The sessions that a client can come back to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Grant, ParticipantId, StageArn};
use tokio::sync::mpsc;

use super::line::Line;
use super::message::Secret;
use super::shared::TokenName;
use crate::connections::SessionKey;

/// Every session that lives.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_name: Mutex<HashMap<SessionKey, Session>>,
}

#[derive(Debug)]
struct Session {
    stage: StageArn,
    participant: ParticipantId,
    door: mpsc::Sender<Return>,
}

/// A client that comes back.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) line: Line,
    /// The last frame that it has seen.
    pub(super) seen: u64,
    /// For a new feed.
    pub(super) offer: Option<Secret>,
    /// The token of the connection by which it comes, if it comes by one.
    pub(super) via: Option<TokenName>,
}

impl Sessions {
    /// Lists a session until what is returned is dropped. Clients come back through the receiver.
    pub(super) fn list(
        self: &Arc<Self>,
        name: SessionKey,
        grant: &Grant,
    ) -> (Listed, mpsc::Receiver<Return>) {
        // One waits at the door at most; whoever comes meanwhile tries again.
        let (door, returns) = mpsc::channel(1);
        let session = Session {
            stage: grant.stage.clone(),
            participant: grant.participant.clone(),
            door,
        };
        self.with(|sessions| sessions.insert(name, session));
        let listed = Listed {
            sessions: Arc::clone(self),
            name,
        };
        (listed, returns)
    }

    /// The door of a session, for the participant that it belongs to.
    pub(super) fn find(&self, name: &str, grant: &Grant) -> Option<mpsc::Sender<Return>> {
        let name = SessionKey::parse(name)?;
        self.with(|sessions| {
            let session = sessions.get(&name)?;
            let is_own = session.stage == grant.stage && session.participant == grant.participant;
            is_own.then(|| session.door.clone())
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SessionKey, Session>) -> T) -> T {
        act(&mut self.by_name.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A session that can be found.
#[derive(Debug)]
pub(super) struct Listed {
    sessions: Arc<Sessions>,
    name: SessionKey,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.sessions.with(|sessions| sessions.remove(&self.name));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use model::{Capabilities, Issuer};

    use super::*;

    fn grant(stage: &str, participant: &str) -> Grant {
        let arn = format!("arn:aws:ivs:us-west-2:123456789012:stage/{stage}");
        Grant {
            stage: StageArn::parse(&arn).unwrap(),
            participant: ParticipantId::parse(participant).unwrap(),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            capabilities: Capabilities {
                publish: true,
                subscribe: true,
            },
            expires: Timestamp::MAX,
            issuer: Issuer::Service,
            whip_url: String::new(),
            events_url: String::new(),
        }
    }

    // T35
    #[test]
    fn t35_a_session_is_found_by_its_name_and_its_participant_until_it_ends() {
        let sessions = Arc::new(Sessions::default());
        let name = SessionKey::from_random([0xab; 16]);
        let ana = grant("first", "ana");
        let (listed, _returns) = sessions.list(name, &ana);
        let text = name.to_string();
        assert!(sessions.find(&text, &ana).is_some());
        assert!(sessions.find(&text, &grant("first", "ben")).is_none());
        assert!(sessions.find(&text, &grant("second", "ana")).is_none());
        for wrong in ["", "x", &text.to_uppercase(), &format!("{text}0")] {
            assert!(sessions.find(wrong, &ana).is_none(), "{wrong}");
        }
        drop(listed);
        assert!(sessions.find(&text, &ana).is_none());
    }
}
