//! The loop of all media: one thread, one poll.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::clock::{self, Wall};
use crate::encoder::{Encoder, Tls};
use crate::http::Session;
use crate::options::{Options, RtmpUrl, Stop};
use crate::peer::{Buffers, Crypto, Peer, Role};
use crate::publisher::Publisher;
use crate::shim::Shim;
use crate::signalling::{Ask, Door, Signalling, Told};
use crate::viewer::Connection;

/// Longest sleep, after which the word of [`Stop`] is looked for.
const SLEEP_MAX: Duration = Duration::from_millis(5);
/// All timers are looked at so often; the poll itself counts in milliseconds.
const TIMERS_INTERVAL: Duration = Duration::from_millis(1);
const WAKER: Token = Token(usize::MAX);
/// Tokens of encoders begin here, far behind those of members.
const ENCODERS: usize = 1 << 32;
const EVENTS_MAX: usize = 1_024;

/// Who a peer is.
pub(crate) enum Part {
    Publisher(Box<Publisher>),
    Viewer(Box<Connection>),
}

/// A connection of either kind.
pub(crate) struct Member {
    pub(crate) peer: Option<Peer>,
    pub(crate) part: Part,
}

/// All connections.
pub(crate) struct Engine<'a> {
    options: &'a Options,
    stop: &'a Stop,
    poll: Poll,
    events: Events,
    buffers: Buffers,
    wall: Wall,
    bound_to: IpAddr,
    crypto: Crypto,
    pub(crate) signalling: Signalling,
    pub(crate) members: Vec<Member>,
    /// Publishers by RTMP.
    pub(crate) encoders: Vec<Encoder>,
    /// When each wants to be woken; apart from them, because they are looked at often.
    due: Vec<Option<Instant>>,
    timers: Instant,
    /// Offers without an answer.
    pub(crate) offered: usize,
    ready: Vec<usize>,
}

/// A poll and what wakes it.
pub(crate) fn poll() -> std::io::Result<(Poll, Arc<Waker>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    Ok((poll, Arc::new(waker)))
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        options: &'a Options,
        stop: &'a Stop,
        poll: Poll,
        bound_to: IpAddr,
        signalling: Signalling,
    ) -> Self {
        Self {
            options,
            stop,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            buffers: Buffers::new(),
            wall: Wall::start(),
            bound_to,
            crypto: Crypto::new(),
            signalling,
            members: Vec::new(),
            encoders: Vec::new(),
            due: Vec::new(),
            timers: clock::now(),
            offered: 0,
            ready: Vec::new(),
        }
    }

    /// Whether it was said that it is enough.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Offers to publish.
    pub(crate) fn publish(&mut self, door: Door) {
        let layers = self.options.source.layers.len();
        let publisher = Publisher::new(door.bearer().cloned(), layers);
        let role = Role::Publisher { layers };
        self.offer(role, Part::Publisher(Box::new(publisher)), door);
    }

    /// Asks to publish by RTMP. Publishers begin a little after the one before, as people do who start when they like.
    pub(crate) fn encode(&mut self, url: &RtmpUrl, tls: &Tls) -> Result<(), String> {
        let source = &self.options.source;
        let number = self.encoders.len();
        let publishers = u32::try_from(self.options.publishers).unwrap_or(1).max(1);
        let step = Duration::from_secs(1) / source.frames_per_second.max(1) / publishers;
        let head_start = step * u32::try_from(number).unwrap_or(0);
        let token = Token(ENCODERS + number);
        let encoder = Encoder::connect(
            url,
            tls,
            self.options.bind,
            (self.poll.registry(), token),
            (source, number, head_start),
        )?;
        self.encoders.push(encoder);
        Ok(())
    }

    /// Offers to view.
    pub(crate) fn view(&mut self, viewer: usize, door: Door) {
        let shim = Shim::new(&self.options.impairment, viewer);
        // A server that transcodes says when it did so: that is no time of the source.
        let trusts_capture = self.options.rtmp.is_none();
        let connection = Connection::new(viewer, door.bearer().cloned(), shim, trusts_capture);
        let sections = match &door {
            Door::Whip(_) | Door::Whep(_) => 1,
            Door::Seat(_) => self.options.publishers,
        };
        let source = &self.options.source;
        let role = Role::Viewer {
            video: if source.layers.is_empty() {
                0
            } else {
                sections
            },
            audio: if source.audio { sections } else { 0 },
        };
        self.offer(role, Part::Viewer(Box::new(connection)), door);
    }

    fn offer(&mut self, role: Role, part: Part, door: Door) {
        let now = clock::now();
        let number = self.members.len();
        let (bound_to, gro) = (self.bound_to, self.options.gro);
        self.members.push(Member { peer: None, part });
        self.due.push(None);
        let made = Peer::offer(role, bound_to, gro, &self.crypto, now);
        let outcome = made.and_then(|(peer, sdp)| {
            if let Some(member) = self.members.get_mut(number) {
                member.peer = Some(peer);
            }
            self.signalling.ask(Ask {
                peer: number,
                door,
                sdp,
            })
        });
        match outcome {
            Ok(()) => self.offered += 1,
            Err(fault) => self.fail(number, fault),
        }
    }

    fn fail(&mut self, number: usize, why: String) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        member.peer = None;
        match &mut member.part {
            Part::Publisher(publisher) => publisher.fault = Some(why),
            Part::Viewer(connection) => connection.fault = Some(why),
        }
        if let Some(due) = self.due.get_mut(number) {
            *due = None;
        }
    }

    fn told(&mut self, told: Told) {
        self.offered -= 1;
        let outcome = told.outcome.and_then(|session| {
            let member = self.members.get_mut(told.peer).ok_or("nobody asked")?;
            let peer = member.peer.as_mut().ok_or("nobody asked")?;
            let Session {
                sdp,
                resource,
                asked,
                answered,
            } = session;
            match &mut member.part {
                Part::Publisher(publisher) => publisher.resource = resource,
                Part::Viewer(connection) => {
                    connection.resource = resource;
                    connection.asked = Some(asked);
                    connection.answered = Some(answered);
                }
            }
            peer.accept(&sdp, self.poll.registry(), Token(told.peer))
        });
        match outcome {
            Ok(()) => {
                let now = clock::now();
                self.wake(told.peer, now);
                // What came before the socket was watched.
                self.ready.push(told.peer);
            }
            Err(fault) => self.fail(told.peer, fault),
        }
    }

    /// Begins to send, each publisher a little after the one before, as people do who start when they like.
    pub(crate) fn start_sources(&mut self) {
        if self.options.source.silent {
            return;
        }
        let now = clock::now();
        let count = u32::try_from(self.options.publishers).unwrap_or(1).max(1);
        let step = Duration::from_secs(1) / self.options.source.frames_per_second.max(1) / count;
        let source = &self.options.source;
        let publishers = self.members.iter_mut().filter_map(Member::publisher);
        for (number, (publisher, _)) in publishers.enumerate() {
            let begin = now + step * u32::try_from(number).unwrap_or(0);
            publisher.start(source, number, begin);
        }
    }

    /// Sends no more.
    pub(crate) fn stop_sources(&mut self) {
        for (publisher, _) in self.members.iter_mut().filter_map(Member::publisher) {
            publisher.stop();
        }
        self.encoders.iter_mut().for_each(Encoder::stop);
    }

    /// Runs until the time, until `is_done`, or until it is enough.
    pub(crate) fn run(&mut self, until: Instant, mut is_done: impl FnMut(&mut Self) -> bool) {
        loop {
            if is_done(self) || self.is_stopped() || clock::now() >= until {
                return;
            }
            self.turn(until);
        }
    }

    fn turn(&mut self, until: Instant) {
        while let Ok(told) = self.signalling.told.try_recv() {
            self.told(told);
        }
        let mut now = clock::now();
        let mut next = self.send_due(now);
        if now >= self.timers {
            self.timers = now + TIMERS_INTERVAL;
            for number in 0..self.due.len() {
                let is_due = self.due.get(number).copied().flatten();
                if is_due.is_some_and(|due| due <= now) {
                    self.wake(number, now);
                }
            }
            now = clock::now();
        }
        next = next.min(until).min(now + SLEEP_MAX);
        let timeout = if self.ready.is_empty() {
            next.saturating_duration_since(now)
        } else {
            Duration::ZERO
        };
        if self.poll.poll(&mut self.events, Some(timeout)).is_err() {
            // Interrupted by a signal: whoever took it says what follows.
            return;
        }
        for event in &self.events {
            match event.token() {
                WAKER => {}
                Token(number @ ENCODERS..) => {
                    if let Some(encoder) = self.encoders.get_mut(number - ENCODERS) {
                        encoder.turn(clock::now());
                    }
                }
                Token(number) => self.ready.push(number),
            }
        }
        for number in std::mem::take(&mut self.ready) {
            self.read(number);
        }
    }

    /// Sends what is due, and says when it will have to again.
    fn send_due(&mut self, now: Instant) -> Instant {
        let mut next = now + SLEEP_MAX;
        for encoder in &mut self.encoders {
            if encoder.due().is_some_and(|due| due <= now) {
                encoder.send(now, &self.wall);
            }
            next = encoder.due().map_or(next, |at| next.min(at));
        }
        // Publishers come first.
        for (member, due) in self
            .members
            .iter_mut()
            .zip(&mut self.due)
            .take(self.options.publishers)
        {
            let Some((publisher, peer)) = member.publisher() else {
                continue;
            };
            let Some(at) = publisher.due() else { continue };
            if at > now {
                next = next.min(at);
                continue;
            }
            publisher.send(peer, now, &self.wall);
            *due = Some(peer.due);
            next = publisher.due().map_or(next, |at| next.min(at));
        }
        next
    }

    /// Lets time pass for one.
    fn wake(&mut self, number: usize, now: Instant) {
        let (Some(member), Some(due)) = (self.members.get_mut(number), self.due.get_mut(number))
        else {
            return;
        };
        let Some(peer) = &mut member.peer else {
            *due = None;
            return;
        };
        match &mut member.part {
            Part::Publisher(publisher) => {
                peer.timeout(now, &mut |event| publisher.event(&event, now));
            }
            Part::Viewer(connection) => {
                connection.release(peer, &self.wall, now);
                if peer.due <= now {
                    peer.timeout(now, &mut |event| connection.event(&event, now));
                }
                peer.answer(now);
            }
        }
        *due = member.due();
    }

    /// Reads what came for one.
    fn read(&mut self, number: usize) {
        let (Some(member), Some(due)) = (self.members.get_mut(number), self.due.get_mut(number))
        else {
            return;
        };
        let Some(peer) = &mut member.peer else { return };
        let wall = &self.wall;
        let part = &mut member.part;
        let has_more = peer.read(&mut self.buffers, &mut |peer, source, bytes| {
            let now = clock::now();
            match part {
                Part::Publisher(publisher) => {
                    peer.take(source, bytes, now, &mut |event| {
                        publisher.event(&event, now);
                    });
                }
                Part::Viewer(connection) => connection.receive(peer, source, bytes, wall, now),
            }
        });
        if has_more {
            self.ready.push(number);
        }
        peer.answer(clock::now());
        *due = member.due();
    }
}

impl Member {
    /// Its publisher, if it is one and has a peer.
    fn publisher(&mut self) -> Option<(&mut Publisher, &mut Peer)> {
        match (&mut self.part, &mut self.peer) {
            (Part::Publisher(publisher), Some(peer)) => Some((publisher, peer)),
            _ => None,
        }
    }

    fn due(&self) -> Option<Instant> {
        let peer = self.peer.as_ref().filter(|peer| !peer.is_closed)?;
        let shim = match &self.part {
            Part::Viewer(connection) => connection.shim.as_ref().and_then(Shim::due),
            Part::Publisher(_) => None,
        };
        let due = peer.due();
        Some(shim.map_or(due, |shim| shim.min(due)))
    }

    /// Whether it is connected.
    pub(crate) fn is_connected(&self) -> bool {
        let peer = self.peer.as_ref();
        peer.is_some_and(|peer| peer.is_connected && !peer.is_closed)
    }

    /// Whether it will not connect any more.
    pub(crate) fn has_failed(&self) -> bool {
        let is_closed = self.peer.as_ref().is_none_or(|peer| peer.is_closed);
        let has_fault = match &self.part {
            Part::Publisher(publisher) => publisher.fault.is_some(),
            Part::Viewer(connection) => connection.fault.is_some(),
        };
        is_closed || has_fault
    }

    /// Closes DTLS, so that a server without sessions to delete knows too.
    pub(crate) fn close(&mut self) {
        if let Some(peer) = &mut self.peer {
            let _ = peer.rtc.close();
            peer.drain(&mut |_| ());
        }
    }
}
