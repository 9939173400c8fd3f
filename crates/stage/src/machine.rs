//! The machine itself: it brings each input to the session that it concerns and puts the effects in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use model::{
    ConnectionId, ErrorCode, Grant, IngestConfigurationArn, IngestGrant, IngestPart, LiveSession,
    Now, ParticipantId, StageArn,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::connections::{Connections, Place, Role};
use crate::door::{Knock, Stage};
use crate::session::Session;
use crate::timers::{Alarm, Timers};
use crate::turn::{Effects, Turn};
use crate::{
    Attachment, CloseCause, ExchangeFault, Input, LeftReason, Mute, Output, Refusal, Reply,
    Settings, restore,
};

/// Every stage of the process.
#[derive(Debug)]
pub struct Stages {
    pub(crate) settings: Settings,
    rng: ChaCha8Rng,
    pub(crate) by_arn: BTreeMap<Arc<StageArn>, Stage>,
    pub(crate) connections: Connections,
    pub(crate) timers: Timers,
    pub(crate) is_shutting_down: bool,
    /// Where ingest configurations are attached that the API has changed a moment ago: a door may not know yet.
    pub(crate) attachments: BTreeMap<IngestConfigurationArn, Option<Attachment>>,
    effects: Effects,
    outputs: VecDeque<Output>,
}

impl Stages {
    /// A machine without stages; `seed` feeds the ids of its sessions.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            settings,
            rng: ChaCha8Rng::from_seed(seed),
            by_arn: BTreeMap::new(),
            connections: Connections::default(),
            timers: Timers::default(),
            is_shutting_down: false,
            attachments: BTreeMap::new(),
            effects: Effects::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input, after what was due before it.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.ring(now);
        let reply = self.dispatch(input, now);
        self.follow(now);
        self.put_in_order(Some(reply));
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.ring(now);
        self.put_in_order(None);
    }

    /// When `handle_timeout` is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next effect, until there are none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn dispatch(&mut self, input: Input, now: Now) -> Reply {
        match input {
            Input::Join {
                connection,
                grant,
                client,
            } => {
                let knock = Knock::new(connection, &grant, &client);
                return self.admit(&knock, now, Stage::join);
            }
            Input::Publish {
                connection,
                grant,
                client,
                fault,
            } => {
                let knock = Knock::new(connection, &grant, &client);
                return self.admit(&knock, now, |stage, knock, turn| {
                    stage.publish(knock, fault, turn)
                });
            }
            Input::Subscribe {
                connection,
                grant,
                client,
                publisher,
            } => {
                let knock = Knock::new(connection, &grant, &client);
                return self.admit(&knock, now, |stage, knock, turn| {
                    stage.subscribe(knock, &publisher, turn)
                });
            }
            Input::Ingest {
                connection,
                grant,
                fault,
            } => {
                let admitted = self.ingest(connection, &grant, fault, now);
                return admitted.unwrap_or_else(Reply::Refused);
            }
            Input::Exchange { connection, grant } => {
                let exchanged = self.exchange(connection, &grant, now);
                return exchanged.unwrap_or_else(Reply::Refused);
            }
            Input::Replicate(wish) => {
                let begun = self.replicate(wish, now);
                return begun.unwrap_or_else(Reply::Refused);
            }
            Input::ReplicationAnswered(of) => self.replication_answered(&of),
            Input::StopReplication(of) => {
                let ended = self.stop_replication(of, now);
                return ended.unwrap_or_else(Reply::Refused);
            }
            Input::Knock { grant } => return self.knock(&grant, now),
            Input::StageOpened { stage, banned } => self.open_stage(stage, banned),
            Input::StageDeleted { stage } => self.delete_stage(&stage, now),
            Input::AllStagesDeleted => self.delete_all_stages(now),
            Input::Restored(left) => self.restore(left, now),
            Input::Disconnect { stage, participant } => self.disconnect(&stage, participant, now),
            Input::IngestDetached {
                configuration,
                unless,
            } => self.detach(configuration, unless, now),
            Input::Connected { connection } => self.media_up(connection, now),
            Input::Closed { connection, cause } => self.closed(connection, cause, now),
            Input::Mute { connection, mute } => self.mute(connection, mute, now),
            Input::PutOut { connection, reason } => self.put_out(connection, reason, now),
            Input::Shutdown => self.shut_down(now),
        }
        Reply::Done
    }

    /// Whether the holder of the token may come in at all.
    fn knock(&self, grant: &Grant, now: Now) -> Reply {
        if self.is_shutting_down {
            return Reply::Refused(Refusal::ShuttingDown);
        }
        let Some(stage) = self.by_arn.get(&grant.stage) else {
            return Reply::Refused(Refusal::StageNotFound);
        };
        match stage.check_grant(grant, now) {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// Lets somebody in who may come in, if the stage has what is asked for.
    fn admit(
        &mut self,
        knock: &Knock<'_>,
        now: Now,
        ask: impl FnOnce(&mut Stage, &Knock<'_>, &mut Turn<'_>) -> Result<Reply, Refusal>,
    ) -> Reply {
        if self.is_shutting_down {
            return Reply::Refused(Refusal::ShuttingDown);
        }
        let (stages, mut turn) = self.split(now);
        let Some(stage) = stages.get_mut(&knock.grant.stage) else {
            return Reply::Refused(Refusal::StageNotFound);
        };
        stage
            .check_grant(knock.grant, now)
            .and_then(|()| ask(stage, knock, &mut turn))
            .unwrap_or_else(Reply::Refused)
    }

    /// Lets an encoder in. A ban is for tokens.
    fn ingest(
        &mut self,
        connection: ConnectionId,
        grant: &IngestGrant,
        fault: Option<ErrorCode>,
        now: Now,
    ) -> Result<Reply, Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let attachment = self.attachments.get(&grant.configuration);
        let has_no_place = |now: &Option<Attachment>| {
            !takes(now.as_ref(), &grant.stage, grant.part, &grant.participant)
        };
        if attachment.is_some_and(has_no_place) {
            return Err(Refusal::IngestDetached);
        }
        let (stages, mut turn) = self.split(now);
        let stage = stages.get_mut(&grant.stage);
        let stage = stage.ok_or(Refusal::StageNotFound)?;
        stage.ingest(connection, grant, fault, &mut turn)
    }

    /// Everybody goes who publishes through an ingest configuration where or as what it is not attached. For as long as a door may
    /// think otherwise, nobody gets in so.
    fn detach(
        &mut self,
        configuration: IngestConfigurationArn,
        unless: Option<Attachment>,
        now: Now,
    ) {
        let places = self.connections.ingests(&configuration);
        let elsewhere: Vec<Place> = places
            .filter(|place| {
                let part = place.role.part();
                !takes(unless.as_ref(), &place.stage, part, &place.participant)
            })
            .cloned()
            .collect();
        let (stages, mut turn) = self.split(now);
        for Place {
            stage, participant, ..
        } in elsewhere
        {
            let session = stages
                .get_mut(&stage)
                .and_then(|stage| stage.session.as_mut());
            if let Some(session) = session {
                session.evict(&participant, LeftReason::ParticipantDisconnected, &mut turn);
            }
        }
        let alarm = Alarm::IngestChanged(configuration.clone());
        let patience = turn.settings.ingest_lookup_max;
        turn.timers.set(alarm, now.mono, patience);
        let stage = unless.as_ref().map(|attachment| &attachment.stage);
        self.end_replications_through(&configuration, stage, now);
        self.attachments.insert(configuration, unless);
    }

    /// Exchanges the token of a socket, for one that would let its holder in.
    fn exchange(
        &mut self,
        connection: ConnectionId,
        grant: &Grant,
        now: Now,
    ) -> Result<Reply, Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let stage = self.by_arn.get(&grant.stage);
        let stage = stage.ok_or(Refusal::StageNotFound)?;
        stage.check_grant(grant, now)?;
        let at = self.at(connection, now);
        let Some((session, place, mut turn)) =
            at.filter(|(_, place, _)| place.role == Role::Socket)
        else {
            return Err(Refusal::Exchange(ExchangeFault::NotJoined));
        };
        if *place.stage != grant.stage {
            return Err(Refusal::Exchange(ExchangeFault::OtherStage));
        }
        session.exchange(&place.participant, grant, &mut turn)
    }

    /// Everything goes of the participant whose socket that is.
    fn put_out(&mut self, connection: ConnectionId, reason: LeftReason, now: Now) {
        if let Some((session, place, mut turn)) = self.at(connection, now)
            && place.role == Role::Socket
        {
            session.evict(&place.participant, reason, &mut turn);
        }
    }

    fn open_stage(&mut self, arn: StageArn, banned: Vec<ParticipantId>) {
        let stage = Stage::new(arn);
        let stage = self.by_arn.entry(Arc::clone(&stage.arn)).or_insert(stage);
        stage.banned.extend(banned);
    }

    fn delete_stage(&mut self, arn: &StageArn, now: Now) {
        self.end_replications_to(arn, None, LeftReason::StageDeleted, now);
        self.end_replications_from(arn, now);
        let (stages, mut turn) = self.split(now);
        if let Some(stage) = stages.remove(arn)
            && let Some(session) = stage.session
        {
            session.end(LeftReason::StageDeleted, &mut turn);
        }
    }

    fn delete_all_stages(&mut self, now: Now) {
        for configuration in std::mem::take(&mut self.attachments).into_keys() {
            self.timers.cancel(&Alarm::IngestChanged(configuration));
        }
        self.end_all_replications(LeftReason::StageDeleted, now);
        let (stages, mut turn) = self.split(now);
        for stage in std::mem::take(stages).into_values() {
            if let Some(session) = stage.session {
                session.end(LeftReason::StageDeleted, &mut turn);
            }
        }
    }

    fn disconnect(&mut self, arn: &StageArn, participant: ParticipantId, now: Now) {
        let reason = LeftReason::ParticipantDisconnected;
        self.end_replications_to(arn, Some(&participant), reason, now);
        let (stages, mut turn) = self.split(now);
        let Some(stage) = stages.get_mut(arn) else {
            return;
        };
        if let Some(session) = &mut stage.session {
            session.evict(&participant, reason, &mut turn);
        }
        stage.banned.insert(participant);
    }

    fn restore(&mut self, left: LiveSession, now: Now) {
        let then = Now {
            wall: left.last_seen,
            ..now
        };
        let (_, mut turn) = self.split(then);
        restore::close_session(left, &mut turn);
    }

    fn shut_down(&mut self, now: Now) {
        self.end_all_replications(LeftReason::Unknown, now);
        self.is_shutting_down = true;
        let (stages, mut turn) = self.split(now);
        for stage in stages.values_mut() {
            if let Some(session) = stage.session.take() {
                session.end(LeftReason::Unknown, &mut turn);
            }
        }
    }

    fn media_up(&mut self, connection: ConnectionId, now: Now) {
        let Some((session, place, mut turn)) = self.at(connection, now) else {
            return;
        };
        match place.role {
            Role::Socket => {}
            Role::Publish(_) => session.publish_up(&place.participant, &mut turn),
            Role::Subscription { publisher } => {
                session.subscription_up(&place.participant, &publisher, &mut turn);
            }
        }
    }

    /// What media has no socket for, nobody has said.
    fn mute(&mut self, connection: ConnectionId, mute: Mute, now: Now) {
        if let Some((session, place, mut turn)) = self.at(connection, now)
            && place.role == Role::Socket
        {
            session.mute(&place.participant, mute, &mut turn);
        }
    }

    fn closed(&mut self, connection: ConnectionId, cause: CloseCause, now: Now) {
        let error = match cause {
            CloseCause::Client | CloseCause::Timeout => None,
            CloseCause::Fault(code) => Some(code),
        };
        self.remove(connection, error, now);
    }

    /// Takes one connection out of its session.
    fn remove(&mut self, connection: ConnectionId, error: Option<ErrorCode>, now: Now) {
        let Some((session, place, mut turn)) = self.at(connection, now) else {
            return;
        };
        let id = &place.participant;
        match place.role {
            Role::Socket => {
                session.sockets.remove(id);
                turn.forget(connection);
            }
            Role::Publish(_) => {
                session.stop_publish(id, error, LeftReason::Unknown, &mut turn);
            }
            Role::Subscription { publisher } => {
                session.stop_subscription(id, &publisher, error, &mut turn);
            }
        }
        session.leave_if_gone(id, &mut turn);
    }

    /// Does what is due.
    fn ring(&mut self, now: Now) {
        while let Some(alarm) = self.timers.pop_due(now.mono) {
            match alarm {
                Alarm::Connection(connection) => self.time_out(connection, now),
                Alarm::Reconnect(route) => self.give_up(&route, now),
                Alarm::SessionGrace(arn) => self.end_idle_session(&arn, now),
                Alarm::IngestChanged(configuration) => {
                    self.attachments.remove(&configuration);
                }
            }
            self.follow(now);
        }
    }

    /// A stream that has lasted for the longest time is an error; media that never came up has no code of its own.
    fn time_out(&mut self, connection: ConnectionId, now: Now) {
        let Some((session, place, turn)) = self.at(connection, now) else {
            return;
        };
        let is_up = session.is_media_up(&place);
        turn.effects.closes.push((connection, LeftReason::Unknown));
        let error = is_up.then_some(ErrorCode::StreamDurationExceeded);
        self.remove(connection, error, now);
    }

    fn end_idle_session(&mut self, arn: &StageArn, now: Now) {
        let (stages, mut turn) = self.split(now);
        if let Some(stage) = stages.get_mut(arn)
            && let Some(session) = stage.session.take()
        {
            session.end(LeftReason::Unknown, &mut turn);
        }
    }

    /// Where a connection is that is still open.
    fn at(
        &mut self,
        connection: ConnectionId,
        now: Now,
    ) -> Option<(&mut Session, Place, Turn<'_>)> {
        let place = self.connections.get(connection)?.clone();
        let (stages, turn) = self.split(now);
        let session = stages.get_mut(&place.stage)?.session.as_mut()?;
        Some((session, place, turn))
    }

    /// The stages, and all else that a call works on.
    pub(crate) fn split(&mut self, now: Now) -> (&mut BTreeMap<Arc<StageArn>, Stage>, Turn<'_>) {
        let turn = Turn {
            now,
            settings: &self.settings,
            rng: &mut self.rng,
            timers: &mut self.timers,
            connections: &mut self.connections,
            effects: &mut self.effects,
        };
        (&mut self.by_arn, turn)
    }

    fn put_in_order(&mut self, reply: Option<Reply>) {
        let effects = std::mem::take(&mut self.effects);
        self.outputs
            .extend(effects.records.into_iter().map(Output::Record));
        self.outputs.extend(reply.map(Output::Reply));
        for (connection, reason) in effects.closes {
            self.outputs.push_back(Output::Close { connection, reason });
        }
        for arn in effects.rosters {
            let session = self
                .by_arn
                .get(&arn)
                .and_then(|stage| stage.session.as_ref());
            let Some(session) = session else { continue };
            let sockets = session.sockets.values().map(|socket| socket.connection);
            let to: Vec<ConnectionId> = sockets
                .filter(|socket| effects.entered != Some(*socket))
                .collect();
            if !to.is_empty() {
                let roster = session.roster();
                self.outputs.push_back(Output::Roster { to, roster });
            }
        }
        #[cfg(debug_assertions)]
        self.check();
    }
}

/// Whether a configuration that is attached so has a place for that part of it on the stage.
fn takes(
    attachment: Option<&Attachment>,
    stage: &StageArn,
    part: IngestPart,
    participant: &ParticipantId,
) -> bool {
    attachment.is_some_and(|attachment| attachment.takes(stage, part, participant))
}
