//! One session of `stage.v1`, without IO: what the client says, what `stage` and the feed tell, and the time go in; frames and
//! orders come out.
//!
//! What the client is to know is kept as two states, the one that it has been told and the one that is. Frames are what lies
//! between them when there is a client that reads; so a slow or a lost one costs no queue. Terms are those of
//! `docs/stage-v1.md`: the *session* outlives the *socket* for a while; the *feed* is the client's one peer that receives.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::ParticipantId;
use sfu::PeerFault;
use stage::{LeftReason, Roster};

use super::exchange::Exchanges;
use super::feed::{BoundTo, Feed};
use super::io::{Effect, End, Identity, Input, Voices};
use super::links::{Answer, Links, Outcome, Step};
use super::log::Log;
use super::message::{
    Category, Code, Fault, Join, Joined, Me, Pid, Resumed, Secret, Speaker, State, ToClient,
};
use super::roster;
use super::wants::Wants;
use crate::ice::IceServer;
use crate::mailbox::FeedNews;

/// Failures that wait for a client that is not there; the oldest go first.
const FAULTS_MAX: usize = 32;
/// How long a session waits for its client after the socket is lost.
pub(super) const RESUME_WINDOW: Duration = Duration::from_secs(30);
/// Shortest time between two deltas: what changes meanwhile goes into one.
pub(super) const DELTA_INTERVAL: Duration = Duration::from_millis(200);
/// Whether the client reads.
#[derive(Debug)]
enum Line {
    /// Its socket has come and has not been told `joined`, since an offer is being answered.
    Greeting(Resumed),
    /// It does.
    Ready,
    /// It has no socket since then.
    Lost(Instant),
}

/// One session.
pub(super) struct Machine {
    pub(super) identity: Identity,
    /// For the next `joined`.
    ice: Vec<IceServer>,
    line: Line,
    log: Log,
    pub(super) malformed: u32,
    pub(super) wants: Wants,
    pub(super) links: Links,
    pub(super) feed: Feed,
    roster: Arc<Roster>,
    roster_told: Arc<Roster>,
    /// When the last delta, or a snapshot, was told.
    roster_told_at: Option<Instant>,
    voices: Arc<Voices>,
    speakers_told: Vec<Speaker>,
    /// What the client has said that it has muted. Before it says so, `stage` may know more, from a session before this one.
    pub(super) mute: Option<stage::Mute>,
    pub(super) exchanges: Exchanges,
    /// Whether the client waits for `exchanged`.
    pub(super) exchanged_is_news: bool,
    /// Whether the slots of its feed are void since an exchange.
    is_unbound: bool,
    /// What went wrong before the client could be told.
    faults: VecDeque<Fault>,
    pub(super) effects: VecDeque<Effect>,
}

impl Machine {
    /// A session that `stage` has let in.
    pub(super) fn new(
        identity: Identity,
        join: Join,
        roster: Arc<Roster>,
        ice: Vec<IceServer>,
        now: Instant,
    ) -> Self {
        let mut machine = Self {
            identity,
            ice,
            line: Line::Greeting(Resumed::No),
            log: Log::default(),
            malformed: 0,
            wants: Wants::new(join.want),
            links: Links::default(),
            feed: Feed::default(),
            roster_told: Arc::clone(&roster),
            roster,
            roster_told_at: None,
            voices: Arc::default(),
            speakers_told: Vec::new(),
            mute: None,
            exchanges: Exchanges::new(now),
            exchanged_is_news: false,
            is_unbound: false,
            faults: VecDeque::new(),
            effects: VecDeque::new(),
        };
        if let Some(Secret(sdp)) = join.offer {
            machine.open_feed(&sdp);
        }
        machine.settle(now);
        machine
    }

    /// Takes one input.
    pub(super) fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Said(Ok(message)) => self.said(message),
            Input::Said(Err(explanation)) => self.garbled(explanation),
            Input::Lost => self.line = Line::Lost(now),
            Input::Resumed { seen, offer, ice } => {
                self.ice = ice;
                self.resumed(seen, offer.as_ref());
            }
            Input::Roster(roster) => self.roster = roster,
            Input::Linked {
                ask,
                publisher,
                answer,
            } => self.linked(ask, publisher, answer, now),
            Input::LinkEnded(link) => self.links.ended(link),
            Input::Answered(result) => self.answered(result),
            Input::WantRefused => self.feed.want_refused(now),
            Input::Feed(news) => self.fed(news),
            Input::Exchanged(result) => self.exchanged(result),
            Input::Voices(voices) => self.voices = voices,
            Input::Left(reason) => self.leave(reason),
        }
        self.settle(now);
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Line::Lost(since) = self.line
            && now >= since + RESUME_WINDOW
        {
            self.effects.push_back(Effect::End(End::Expired));
        }
        self.settle(now);
    }

    /// When `handle_timeout` is to be called next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.line {
            Line::Lost(since) => Some(since + RESUME_WINDOW),
            Line::Ready if self.roster != self.roster_told => self.delta_due(),
            Line::Ready | Line::Greeting(_) => None,
        };
        let feed = self.feed.poll_timeout();
        let waits = [
            own,
            feed,
            self.links.poll_timeout(),
            self.exchanges.poll_timeout(),
        ];
        waits.into_iter().flatten().min()
    }

    /// Who publishes.
    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The next effect, until there are none.
    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether there is a feed.
    #[cfg(test)]
    pub(super) fn has_feed(&self) -> bool {
        self.feed.is_open()
    }

    /// Whether the worker owes an answer.
    #[cfg(test)]
    pub(super) fn is_answering(&self) -> bool {
        self.feed.is_answering()
    }

    /// Whether the client is to be listened to: not before it has been told `joined`.
    pub(super) fn listens(&self) -> bool {
        matches!(self.line, Line::Ready)
    }

    fn close_feed(&mut self) {
        let steps = self.links.clear();
        self.take_steps(steps);
        self.feed.ended();
    }

    fn answered(&mut self, result: Result<sfu::Answer, PeerFault>) {
        match self.feed.answered(result) {
            Ok(answer) => {
                if !matches!(self.line, Line::Greeting(_)) {
                    self.tell(&answer);
                    self.feed.answer_told();
                }
            }
            Err(fault) => self.fail(fault.into()),
        }
    }

    fn fed(&mut self, news: FeedNews) {
        if news.is_connected && self.feed.connected() {
            let up = self.links.live().map(|(_, link, _)| Effect::Up(link));
            self.effects.extend(up);
        }
        let Some(fault) = news.closed else {
            return self.feed.take(news);
        };
        self.close_feed();
        self.effects.push_back(Effect::CloseFeed);
        if let (Line::Lost(_), PeerFault::ClosedByPeer) = (&self.line, fault) {
            // The client has taken leave of everything that it had.
            self.effects.push_back(Effect::End(End::Expired));
        } else {
            self.fail(Fault::feed_ended(fault));
        }
    }

    fn linked(&mut self, ask: u64, publisher: ParticipantId, answer: Answer, now: Instant) {
        match self.links.answered(ask, &publisher, answer, now) {
            Outcome::Live if self.feed.is_connected() => {
                let link = self.links.live().find(|(id, _, _)| **id == publisher);
                let up = link.map(|(_, link, _)| Effect::Up(link));
                self.effects.extend(up);
            }
            Outcome::Live | Outcome::Later | Outcome::Late(None) => {}
            Outcome::Late(Some(link)) => self.effects.push_back(Effect::Release(link)),
            Outcome::Refused(refusal) => {
                let fault = Fault::refused(Category::Subscribe, &refusal);
                self.fail(fault.about(Pid(publisher)));
            }
        }
    }

    fn resumed(&mut self, seen: u64, offer: Option<&Secret>) {
        let resumed = match self.log.after(seen) {
            Some(missed) => {
                self.effects.extend(missed.into_iter().map(Effect::Send));
                Resumed::Replayed
            }
            None => Resumed::Snapshot,
        };
        // Nobody has been told `joined` yet, so nobody knows anything.
        let resumed = match self.roster_told_at {
            Some(_) => resumed,
            None => Resumed::Snapshot,
        };
        self.line = Line::Greeting(resumed);
        if let Some(Secret(sdp)) = offer {
            if self.feed.is_open() || self.feed.is_answering() {
                self.close_feed();
                self.effects.push_back(Effect::CloseFeed);
            }
            self.open_feed(sdp);
        }
    }

    /// Another token counts, or the client has to go.
    fn exchanged(&mut self, result: Result<Me, String>) {
        let me = match result {
            Ok(me) => me,
            Err(message) => {
                let fault = Fault::new(Code::TokenExchangeFailed, Category::Join, message);
                self.tell(&ToClient::Error(fault));
                let reason = LeftReason::FailedExchange;
                self.effects.push_back(Effect::PutOut(reason));
                return self.leave(reason);
            }
        };
        self.exchanges.answered();
        self.exchanged_is_news = true;
        self.identity.me = me;
        let has_feed = self.feed.is_open() || self.feed.is_answering();
        if has_feed && !self.identity.me.may_subscribe() {
            self.close_feed();
            self.effects.push_back(Effect::CloseFeed);
            self.is_unbound = true;
        }
    }

    pub(super) fn leave(&mut self, reason: LeftReason) {
        let left = ToClient::Left {
            reason: reason.as_str(),
        };
        let frame = self.log.write(&left);
        self.effects.push_back(Effect::Farewell(frame));
        self.effects.push_back(Effect::End(End::Left(reason)));
    }

    /// Brings subscriptions and wants in line with what is desired, and the client up to date.
    fn settle(&mut self, now: Instant) {
        let roster = Arc::clone(&self.roster);
        let mut desired = BTreeMap::new();
        if self.feed.is_open() {
            for entry in &roster.participants {
                let is_me = entry.id == self.identity.me.id.0;
                if !is_me && self.wants.of(&entry.id, entry.publish).is_some() {
                    desired.insert(&entry.id, entry.publish);
                }
            }
        }
        let steps = self.links.follow(&desired, now);
        self.take_steps(steps);
        let live = self.links.live();
        let wants = live.filter_map(|(publisher, _, publish)| self.wants.of(publisher, publish));
        if let Some(wants) = self.feed.want(wants.collect(), now) {
            self.effects.push_back(Effect::Want(wants));
        }
        let token = self.exchanges.due(now);
        self.effects.extend(token.map(Effect::Exchange));
        self.bring_up_to_date(now);
    }

    fn take_steps(&mut self, steps: Vec<Step>) {
        self.effects
            .extend(steps.into_iter().map(|step| match step {
                Step::Ask { ask, publisher } => Effect::Ask { ask, publisher },
                Step::Release(link) => Effect::Release(link),
            }));
    }

    /// Tells the client what is new, if it reads.
    fn bring_up_to_date(&mut self, now: Instant) {
        if let Line::Greeting(resumed) = self.line
            && !self.feed.is_opening()
        {
            self.greet(resumed, now);
        }
        if !self.listens() {
            return;
        }
        if std::mem::take(&mut self.exchanged_is_news) {
            let me = self.identity.me.clone();
            self.tell(&ToClient::Exchanged { me });
        }
        if std::mem::take(&mut self.is_unbound) {
            self.tell(&ToClient::Bind { slots: Vec::new() });
        }
        for fault in std::mem::take(&mut self.faults) {
            self.tell(&ToClient::Error(fault));
        }
        let bound = self.feed.bound(|publish| self.links.pid_of(publish));
        let is_told = |(publish, _): &BoundTo| roster::has(&self.roster_told, *publish);
        let is_due = self.delta_due().is_none_or(|due| now >= due);
        let mut news = Vec::new();
        if is_due || !bound.iter().all(is_told) {
            news.extend(self.delta(now));
        }
        let links = &self.links;
        news.extend(self.feed.news(bound, |publish| links.pid_of(publish)));
        let speakers = self.speakers();
        if speakers != self.speakers_told {
            self.speakers_told.clone_from(&speakers);
            news.push(ToClient::Speakers { list: speakers });
        }
        for message in news {
            self.tell(&message);
        }
    }

    /// `joined`, and what follows from where the client is.
    fn greet(&mut self, resumed: Resumed, now: Instant) {
        let state = (resumed != Resumed::Replayed).then(|| {
            self.roster_told = Arc::clone(&self.roster);
            self.roster_told_at = Some(now);
            self.speakers_told = Vec::new();
            self.feed.forget_told();
            State {
                stage_id: self.roster.stage.as_str().to_owned(),
                session_id: self.identity.stage_session.clone(),
                participants: roster::entries(&self.roster),
            }
        });
        let (answer, slots) = self.feed.greeting();
        self.line = Line::Ready;
        let joined = Joined {
            session: Secret(self.identity.name.to_string()),
            resumed,
            me: self.identity.me.clone(),
            ice: std::mem::take(&mut self.ice),
            answer,
            slots,
            state,
        };
        self.tell(&ToClient::Joined(Box::new(joined)));
    }

    fn delta_due(&self) -> Option<Instant> {
        Some(self.roster_told_at? + DELTA_INTERVAL)
    }

    /// What the client has not been told of the roster. It counts as told from here on.
    fn delta(&mut self, now: Instant) -> Option<ToClient> {
        let delta = roster::delta(&self.roster_told, &self.roster);
        if delta.is_some() {
            self.roster_told_at = Some(now);
        }
        self.roster_told = Arc::clone(&self.roster);
        delta
    }

    /// Who speaks of those whom the client knows, loudest first.
    fn speakers(&self) -> Vec<Speaker> {
        let entries = self.roster_told.participants.iter();
        let mut speakers: Vec<Speaker> = entries
            .filter_map(|entry| {
                Some(Speaker {
                    pid: Pid(entry.id.clone()),
                    level: *self.voices.get(&entry.publish)?,
                })
            })
            .collect();
        speakers.sort_by_key(|speaker| speaker.level);
        speakers
    }

    /// Something has not worked; the client is told when it reads.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.faults.push_back(fault);
        if self.faults.len() > FAULTS_MAX {
            self.faults.pop_front();
        }
    }

    pub(super) fn tell(&mut self, message: &ToClient) {
        let frame = self.log.write(message);
        self.effects.push_back(Effect::Send(frame));
    }
}
