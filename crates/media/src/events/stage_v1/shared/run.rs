//! The task of one connection: messages to channels, and frames to the socket.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use stage::LeftReason;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::channel::{Channel, Heard, Outgoing};
use super::door::Caller;
use super::envelope::{self, Name, Said};
use super::tenants::Ending;
use crate::events::socket::{self, GOODBYE_PATIENCE};
use crate::events::stage_v1::door;
use crate::events::stage_v1::line::Line;
use crate::events::stage_v1::log;
use crate::events::stage_v1::message::{Category, Code, Fault, FromClient, Join, Secret, ToClient};
use crate::plane::Plane;
use auth::allowance::Bucket;

/// Channels at once.
const CHANNELS_MAX: usize = 16;
/// Messages of a client per second, on all channels, that it may keep up. Each channel has its own bound besides.
const MESSAGES_PER_SECOND: f64 = 40.0;
/// Messages that it may send at once.
const MESSAGES_BURST: f64 = 400.0;
/// Messages that are none after which a client is taken for something else.
const MALFORMED_MAX: u32 = 20;
/// Messages that wait for one session. When there are more the socket is not read until it has taken one.
const HEARD_MAX: usize = 4;
/// Frames of all sessions that wait for the client.
const OUTGOING_MAX: usize = CHANNELS_MAX;

const PONG: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"pong"}"#);
const REVOKED: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"revoked"}"#);

/// A connection at work.
pub(super) struct Connection {
    plane: Arc<Plane>,
    socket: WebSocket,
    caller: Caller,
    channels: BTreeMap<Name, mpsc::Sender<Heard>>,
    /// What a session has no room for yet.
    stuck: Option<(Name, Heard)>,
    /// For sessions to come.
    sender: mpsc::Sender<Outgoing>,
    bucket: Bucket,
    malformed: u32,
    heard: Instant,
    /// Those that have begun here, wherever they go on.
    sessions: JoinSet<()>,
}

/// How a connection ends.
enum End {
    /// The client is gone.
    Gone,
    /// The client is told why.
    Close(u16, &'static str),
}

impl Connection {
    pub(super) fn new(plane: Arc<Plane>, socket: WebSocket, caller: Caller) -> Self {
        let now = Instant::now();
        Self {
            plane,
            socket,
            caller,
            channels: BTreeMap::new(),
            stuck: None,
            sender: mpsc::channel(1).0,
            bucket: Bucket::new(MESSAGES_PER_SECOND, MESSAGES_BURST, now.into_std()),
            malformed: 0,
            heard: now,
            sessions: JoinSet::new(),
        }
    }

    /// Goes on until there is a reason to end, and then until the last session that has begun here is over.
    pub(super) async fn serve(mut self, ending: watch::Receiver<Option<Ending>>) {
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        self.sender = sender;
        let Err(end) = self.converse(outgoing, ending).await;
        let Self {
            socket,
            channels,
            stuck,
            mut sessions,
            ..
        } = self;
        // Sessions see from it that the connection is gone.
        drop((channels, stuck));
        match end {
            End::Gone => drop(socket),
            End::Close(code, reason) => socket::close(socket, code, reason).await,
        }
        while sessions.join_next().await.is_some() {}
    }

    async fn converse(
        &mut self,
        mut outgoing: mpsc::Receiver<Outgoing>,
        mut ending: watch::Receiver<Option<Ending>>,
    ) -> Result<std::convert::Infallible, End> {
        let liveness = self.plane.liveness_timeout;
        // Two pings go unanswered before the client counts as gone.
        let period = liveness.mul_f64(0.4);
        let mut ping = interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stuck = async {
                match &self.stuck {
                    Some((name, _)) => match self.channels.get(name) {
                        Some(session) => session.reserve().await.is_ok(),
                        None => false,
                    },
                    None => pending().await,
                }
            };
            let ended = async {
                let ending = ending.wait_for(Option::is_some).await;
                ending.ok().and_then(|ending| *ending)
            };
            tokio::select! {
                biased;
                end = ended => {
                    let end = end.unwrap_or(Ending::GoingDown);
                    return Err(self.end(end, outgoing).await);
                }
                Some(frame) = outgoing.recv() => self.forward(frame).await?,
                _ = ping.tick() => self.send(Message::Ping(Bytes::new())).await?,
                has_room = stuck => self.unstick(has_room),
                received = self.socket.recv(), if self.stuck.is_none() => {
                    self.receive(received).await?;
                }
                () = sleep_until(self.heard + liveness), if self.stuck.is_none() => {
                    return Err(End::Close(close_code::AWAY, "timeout"));
                }
            }
            while self.sessions.try_join_next().is_some() {}
        }
    }

    /// Sessions say goodbye, as they hear of the end by themselves; then the connection does.
    async fn end(&mut self, end: Ending, mut outgoing: mpsc::Receiver<Outgoing>) -> End {
        let goodbyes = async {
            while self.channels.values().any(|session| !session.is_closed()) {
                match outgoing.recv().await {
                    Some(frame) => self.forward(frame).await?,
                    None => break,
                }
            }
            while let Ok(frame) = outgoing.try_recv() {
                self.forward(frame).await?;
            }
            if end == Ending::Revoked {
                self.send(Message::Text(REVOKED)).await?;
            }
            Ok(())
        };
        match timeout(GOODBYE_PATIENCE, goodbyes).await {
            Ok(Err(end)) => end,
            Ok(Ok(())) | Err(_) => match end {
                Ending::Revoked => {
                    let reason = LeftReason::ConnectionTokenRevoked.as_str();
                    End::Close(close_code::POLICY, reason)
                }
                Ending::GoingDown => End::Close(close_code::AWAY, LeftReason::Unknown.as_str()),
            },
        }
    }

    async fn forward(&mut self, frame: Outgoing) -> Result<(), End> {
        if frame.is_last {
            self.channels.remove(&frame.channel);
        }
        let text = envelope::wrap(&frame.channel, &frame.text);
        self.send(Message::Text(text)).await
    }

    /// Sends; a client that takes nothing for as long as a silent one may live is as good as silent.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.plane.liveness_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn receive(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = received.ok_or(End::Gone)?;
        let message = message.map_err(|error| {
            let offence = socket::offence(error);
            offence.map_or(End::Gone, |(code, reason)| End::Close(code, reason))
        })?;
        self.heard = Instant::now();
        if !self.bucket.take(self.heard.into_std()) {
            return Err(End::Close(close_code::POLICY, "too many messages"));
        }
        match message {
            Message::Text(text) => match envelope::read(&text) {
                Ok(Said::Ping) => self.send(Message::Text(PONG)).await,
                Ok(Said::On {
                    channel,
                    token,
                    message,
                }) => self.said(channel, token, *message).await,
                Err(explanation) => {
                    let fault = Fault::protocol(Code::MessageMalformed, explanation);
                    let text = log::print(0, &ToClient::Error(fault));
                    self.send(Message::Text(text)).await?;
                    self.malformed = self.malformed.saturating_add(1);
                    if self.malformed > MALFORMED_MAX {
                        let reason = "too many malformed messages";
                        return Err(End::Close(close_code::POLICY, reason));
                    }
                    Ok(())
                }
            },
            Message::Binary(_) => Err(End::Close(close_code::UNSUPPORTED, "text only")),
            // Pings are answered below us.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    async fn said(
        &mut self,
        channel: Name,
        token: Option<Secret>,
        message: Heard,
    ) -> Result<(), End> {
        self.channels.retain(|_, session| !session.is_closed());
        if self.channels.contains_key(&channel) {
            let message = match token {
                None => message,
                Some(_) => Err("only the first message of a channel has a token".to_owned()),
            };
            self.stuck = Some((channel, message));
            self.unstick(true);
            return Ok(());
        }
        let fault = match (token, message) {
            (Some(token), Ok(FromClient::Join(join))) => match self.obstacle() {
                None => {
                    self.open(channel, token, join);
                    return Ok(());
                }
                Some(fault) => fault,
            },
            // It has crossed the end of its session.
            (None, Ok(FromClient::Leave(_))) => return Ok(()),
            (_, Ok(_)) => {
                let words = "the first message of a channel must be a join with a token";
                Fault::protocol(Code::MessageUnexpected, words)
            }
            (_, Err(explanation)) => Fault::protocol(Code::MessageMalformed, explanation),
        };
        let text = log::print(0, &ToClient::Error(fault));
        let text = envelope::wrap(&channel, &text);
        self.send(Message::Text(text)).await
    }

    /// What keeps another channel from being opened.
    fn obstacle(&self) -> Option<Fault> {
        if self.channels.len() >= CHANNELS_MAX {
            let words = format!("a connection has {CHANNELS_MAX} channels at most");
            return Some(Fault::new(Code::StageAtCapacity, Category::Join, words));
        }
        let may_try = self.plane.may_try_from(self.caller.address);
        may_try.err().map(|problem| {
            let words = problem.message().to_owned();
            Fault::new(Code::Failed, Category::Join, words)
        })
    }

    /// Begins a session, or lets one go on.
    fn open(&mut self, name: Name, token: Secret, join: Join) {
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        self.channels.insert(name.clone(), sender);
        let line = Line::of_channel(
            Channel {
                name,
                heard,
                outgoing: self.sender.clone(),
            },
            self.plane.liveness_timeout,
        );
        let plane = Arc::clone(&self.plane);
        let client = self.caller.client.clone();
        let (grant, token_name) = (self.caller.grant.clone(), self.caller.name.clone());
        self.sessions.spawn(async move {
            let knock = async {
                let caller = plane.verify(&token.0).await.map_err(|problem| {
                    let code = if problem.is_about_token() {
                        Code::TokenNotAllowed
                    } else {
                        Code::Failed
                    };
                    Fault::new(code, Category::Join, problem.message())
                })?;
                let stage = &caller.grant.stage;
                if (&stage.account, &stage.region) != (&grant.account, &grant.region) {
                    let words = "the stage is not of the connection's account and region";
                    return Err(Fault::new(Code::TokenNotAllowed, Category::Join, words));
                }
                Ok(caller.grant)
            };
            match knock.await {
                Ok(grant) => {
                    let enter = door::admit(plane, line, grant, client, join, Some(token_name));
                    Box::pin(enter).await;
                }
                Err(fault) => door::refuse(line, fault, close_code::POLICY, "refused").await,
            }
        });
    }

    /// Hands over what a session has room for now, or is not there for any more.
    fn unstick(&mut self, has_room: bool) {
        let Some((name, message)) = self.stuck.take() else {
            return;
        };
        let session = self.channels.get(&name).filter(|_| has_room);
        let Some(session) = session else { return };
        if let Err(mpsc::error::TrySendError::Full(message)) = session.try_send(message) {
            self.stuck = Some((name, message));
        }
    }
}
