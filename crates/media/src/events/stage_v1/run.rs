//! The task of one session: it brings what happens to the machine and carries out what the machine wants.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::extract::ws::{Utf8Bytes, close_code};
use model::{ClientInfo, ConnectionId, Grant};
use stage::{LeftReason, Reply};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::ears::Ears;
use super::exchange::exchange;
use super::io::{self, Effect, Input};
use super::line::{Heard, Line};
use super::links::Answer;
use super::machine::Machine;
use super::meanwhile::Meanwhile;
use super::message::Me;
use super::peers::{Asked, FeedPeer, FeedWord, Link, failed};
use super::sessions::{Listed, Return};
use super::shared::Tenancy;
use crate::events::message::Goodbye;
use crate::events::socket::Joined;
use crate::mailbox::{Mailbox, SocketNews};
use crate::plane::Plane;
use auth::allowance::Bucket;

/// Messages of a client per second, pings included, that it may keep up.
const MESSAGES_PER_SECOND: f64 = 10.0;
/// Messages that it may send at once.
const MESSAGES_BURST: f64 = 100.0;

/// What belongs to a session from its join to its end.
pub(super) struct Session {
    pub(super) grant: Grant,
    pub(super) client: ClientInfo,
    pub(super) presence: Joined,
    /// Where its client comes by a shared connection.
    pub(super) tenancy: Option<Tenancy>,
    /// Lets the client find it.
    pub(super) _listed: Listed,
    pub(super) returns: mpsc::Receiver<Return>,
    pub(super) news: Arc<Mailbox<SocketNews>>,
}

/// A session at work.
pub(super) struct Run {
    machine: Machine,
    line: Option<Line>,
    feed: Option<FeedPeer>,
    /// Questions to `stage`.
    asks: JoinSet<Asked>,
    links: BTreeMap<ConnectionId, Link>,
    /// The exchange that is being asked for.
    exchange: JoinSet<Result<Grant, String>>,
    ears: Ears,
    meanwhile: Meanwhile,
    bucket: Bucket,
    /// Sockets that are being closed.
    goodbyes: JoinSet<()>,
    session: Session,
    plane: Arc<Plane>,
}

/// How a session ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// As the machine says.
    Machine(io::End),
    /// The client has closed its socket.
    Closed,
    /// The client breaks the protocol of the WebSocket, or sends too much.
    Offence(u16, &'static str),
}

/// What happens next.
enum Wake {
    News(SocketNews),
    Feed(FeedWord),
    Asked(Box<Asked>),
    Exchanged(Box<Result<Grant, String>>),
    Voices,
    Return(Box<Return>),
    Heard(Heard),
    Due,
}

impl Run {
    pub(super) fn new(plane: Arc<Plane>, session: Session, machine: Machine, line: Line) -> Self {
        let mut ears = Ears::new(&plane.speakers, &session.grant.stage);
        ears.follow(machine.roster());
        Self {
            machine,
            line: Some(line),
            feed: None,
            asks: JoinSet::new(),
            links: BTreeMap::new(),
            exchange: JoinSet::new(),
            ears,
            meanwhile: Meanwhile::default(),
            bucket: Bucket::new(MESSAGES_PER_SECOND, MESSAGES_BURST, now()),
            goodbyes: JoinSet::new(),
            session,
            plane,
        }
    }

    /// Goes on until there is a reason to end, and says goodbye.
    pub(super) async fn serve(mut self) {
        self.leave_if_revoked();
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let line = self.line.take();
        // `stage` need not wait for a client that is slow to say goodbye.
        drop(self);
        let Some(line) = line else { return };
        match end {
            End::Closed | End::Machine(io::End::Expired) => {}
            End::Offence(code, reason) => line.close(code, reason).await,
            End::Machine(io::End::Offence(reason)) => line.close(close_code::POLICY, reason).await,
            End::Machine(io::End::Left(reason)) => {
                let goodbye = Goodbye::from(reason);
                line.finish(goodbye.close_code, goodbye.reason).await;
            }
        }
    }

    async fn converse(&mut self) -> Result<Infallible, End> {
        loop {
            while let Some(effect) = self.machine.poll_effect() {
                self.carry_out(effect).await?;
            }
            if let Some(news) = self.meanwhile.take() {
                self.told(news);
                continue;
            }
            match self.wake().await {
                Wake::News(news) => self.told(news),
                Wake::Feed(FeedWord::Answer(result)) => self.answered(result),
                Wake::Feed(FeedWord::News(news)) => {
                    if let Some(fault) = news.closed {
                        self.links.values_mut().for_each(|link| link.end(fault));
                    }
                    self.handle(Input::Feed(news));
                }
                Wake::Asked(asked) => self.asked(*asked),
                Wake::Exchanged(result) => self.exchanged(*result),
                Wake::Voices => {
                    let voices = self.ears.voices();
                    self.handle(Input::Voices(voices));
                }
                Wake::Return(returning) => self.returned(*returning),
                Wake::Heard(heard) => self.heard(heard)?,
                Wake::Due => {
                    if self.line.as_ref().is_some_and(Line::is_silent) {
                        self.lose(Some((close_code::AWAY, "timeout")));
                    }
                    self.machine.handle_timeout(now());
                }
            }
        }
    }

    /// Waits for what happens next. What `stage` says comes first, what is due last: what has arrived counts, even where this
    /// task was late to look.
    async fn wake(&mut self) -> Wake {
        let listens = self.machine.listens();
        let due = [
            self.machine.poll_timeout().map(Instant::from_std),
            self.line.as_ref().and_then(Line::deadline),
        ];
        let due = due.into_iter().flatten().min();
        let sleep = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        let feed = async {
            match &mut self.feed {
                Some(feed) => feed.next().await,
                None => pending().await,
            }
        };
        let heard = async {
            match &mut self.line {
                Some(line) => line.next(listens).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            news = self.session.news.take() => Wake::News(news),
            Some(returning) = self.session.returns.recv() => Wake::Return(Box::new(returning)),
            word = feed => Wake::Feed(word),
            Some(Ok(asked)) = self.asks.join_next(), if !self.asks.is_empty() => {
                Wake::Asked(Box::new(asked))
            }
            Some(done) = self.exchange.join_next(), if !self.exchange.is_empty() => {
                let result = done.unwrap_or_else(|_| Err("the server failed".to_owned()));
                Wake::Exchanged(Box::new(result))
            }
            () = self.ears.changed() => Wake::Voices,
            heard = heard => Wake::Heard(heard),
            () = sleep => Wake::Due,
        }
    }

    fn handle(&mut self, input: Input) {
        self.machine.handle(input, now());
    }

    fn told(&mut self, news: SocketNews) {
        for link in news.ended {
            self.links.remove(&link);
            self.handle(Input::LinkEnded(link));
        }
        if let Some(roster) = news.roster {
            self.ears.follow(&roster);
            self.handle(Input::Roster(roster));
        }
        if let Some(reason) = news.left {
            self.handle(Input::Left(reason));
        }
    }

    fn answered(&mut self, result: Result<sfu::Answer, sfu::PeerFault>) {
        match &mut self.feed {
            Some(feed) if result.is_ok() => feed.is_live = true,
            Some(feed) if !feed.is_live => self.feed = None,
            Some(_) | None => {}
        }
        self.handle(Input::Answered(result));
    }

    fn asked(&mut self, asked: Asked) {
        let Asked {
            ask,
            publisher,
            mut link,
            reply,
        } = asked;
        let connection = link.connection;
        let answer = match reply {
            Ok(Reply::Admitted {
                publisher: Some(publish),
                source,
                ..
            }) => {
                // A replica's media is where its source is at home.
                let stage = source.as_ref().unwrap_or(&self.session.grant.stage);
                link.source = Some((publish, self.plane.placement.home(stage)));
                self.links.insert(connection, link);
                Answer::Admitted {
                    link: connection,
                    publish,
                }
            }
            Ok(Reply::Refused(refusal)) => {
                link.is_refused();
                Answer::Refused(refusal)
            }
            Ok(Reply::Done | Reply::Joined { .. } | Reply::Admitted { .. } | Reply::Exchanged)
            | Err(_) => Answer::Silence,
        };
        self.handle(Input::Linked {
            ask,
            publisher,
            answer,
        });
        // `stage` may have ended it while its answer was on the way; the machine did not know it then.
        if self.links.contains_key(&connection) && !self.plane.connections.link_is_open(connection)
        {
            self.links.remove(&connection);
            self.handle(Input::LinkEnded(connection));
        }
    }

    fn exchanged(&mut self, result: Result<Grant, String>) {
        let result = result.map(|grant| {
            let me = Me::of(&grant);
            self.session.grant = grant;
            me
        });
        self.handle(Input::Exchanged(result));
    }

    fn returned(&mut self, returning: Return) {
        self.lose(Some((close_code::POLICY, "another socket has taken over")));
        let Return {
            line,
            seen,
            offer,
            via,
        } = returning;
        self.line = Some(line);
        let connection = self.session.presence.connection;
        self.session.tenancy = via.map(|name| self.plane.tenants.session(&name, connection));
        self.leave_if_revoked();
        let participant = &self.session.grant.participant;
        let ice = self.plane.ice_servers(participant, self.plane.now().wall);
        self.handle(Input::Resumed { seen, offer, ice });
    }

    fn heard(&mut self, heard: Heard) -> Result<(), End> {
        let message = match heard {
            Heard::Nothing => return Ok(()),
            Heard::Lost => {
                self.lose(None);
                return Ok(());
            }
            Heard::Closed => return Err(End::Closed),
            Heard::Offence(code, reason) => return Err(End::Offence(code, reason)),
            Heard::Control => None,
            Heard::Said(message) => Some(*message),
        };
        if !self.bucket.take(now()) {
            return Err(End::Offence(close_code::POLICY, "too many messages"));
        }
        if let Some(message) = message {
            self.handle(Input::Said(message));
        }
        Ok(())
    }

    /// Whoever revokes a token puts out whom it finds; who has come in meanwhile goes by itself.
    fn leave_if_revoked(&self) {
        let tenancy = self.session.tenancy.as_ref();
        if tenancy.is_some_and(Tenancy::is_revoked) {
            self.put_out(LeftReason::ConnectionTokenRevoked);
        }
    }

    fn put_out(&self, reason: LeftReason) {
        let connection = self.session.presence.connection;
        let put_out = stage::Input::PutOut { connection, reason };
        self.plane.facts.push(put_out);
    }

    /// The socket is of no use any more; whoever may still be there is told why.
    fn lose(&mut self, why: Option<(u16, &'static str)>) {
        if let Some(line) = self.line.take() {
            if let Some((code, reason)) = why {
                self.goodbyes.spawn(line.close(code, reason));
            }
            self.handle(Input::Lost);
        }
        while self.goodbyes.try_join_next().is_some() {}
    }

    async fn carry_out(&mut self, effect: Effect) -> Result<(), End> {
        match effect {
            Effect::Send(text) => self.send(text, false).await,
            Effect::Farewell(text) => self.send(text, true).await,
            Effect::Ask { ask, publisher } => {
                let link = Link::open(&self.plane, &self.session.news);
                let plane = Arc::clone(&self.plane);
                let input = stage::Input::Subscribe {
                    connection: link.connection,
                    grant: self.session.grant.clone(),
                    client: self.session.client.clone(),
                    publisher: publisher.clone(),
                };
                self.asks.spawn(async move {
                    let reply = plane.ask(input).await;
                    Asked {
                        ask,
                        publisher,
                        link,
                        reply,
                    }
                });
            }
            Effect::Release(link) => {
                self.links.remove(&link);
            }
            Effect::Up(connection) => {
                let connected = stage::Input::Connected { connection };
                self.plane.facts.push(connected);
            }
            Effect::Open(offer) => {
                match FeedPeer::open(&self.plane, &self.session.grant.stage, *offer) {
                    Ok(feed) => self.feed = Some(feed),
                    Err(_) => self.handle(Input::Answered(Err(failed()))),
                }
            }
            Effect::Reoffer(offer) => {
                let feed = self.feed.as_mut();
                if feed.is_none_or(|feed| feed.reoffer(*offer).is_err()) {
                    self.handle(Input::Answered(Err(failed())));
                }
            }
            Effect::Want(wants) => {
                let homes = || self.links.values().filter_map(|link| link.source).collect();
                let feed = self.feed.as_ref();
                if feed.is_some_and(|feed| feed.want(wants, homes()).is_err()) {
                    self.handle(Input::WantRefused);
                }
            }
            Effect::CloseFeed => self.feed = None,
            Effect::Mute(mute) => {
                let connection = self.session.presence.connection;
                self.plane
                    .facts
                    .push(stage::Input::Mute { connection, mute });
            }
            Effect::Exchange(token) => {
                let plane = Arc::clone(&self.plane);
                let connection = self.session.presence.connection;
                let held = self.session.grant.clone();
                self.exchange
                    .spawn(exchange(plane, connection, held, token));
            }
            Effect::PutOut(reason) => self.put_out(reason),
            Effect::End(end) => return Err(End::Machine(end)),
        }
        Ok(())
    }

    /// Sends, where there is a client. While this waits, newer states replace each other, so that a slow client costs one.
    async fn send(&mut self, text: Utf8Bytes, is_last: bool) {
        let Some(line) = &mut self.line else { return };
        let sending = line.send(text, is_last);
        let put_out = || self.feed = None;
        let news = &self.session.news;
        let sent = self.meanwhile.sent(sending, news, put_out).await;
        if !matches!(sent, Some(Ok(()))) {
            self.lose(Some((close_code::AWAY, "too slow")));
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
