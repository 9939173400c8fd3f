//! A load from its beginning to its end.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::Phase;
use crate::clock;
use crate::drops;
use crate::encoder::{Encoder, Tls};
use crate::engine::{self, Engine, Member, Part};
use crate::options::{LoadError, Options, Rtmp, Stop, Target};
use crate::peer;
use crate::report::{Counts, Report, Sent};
use crate::results;
use crate::signalling::{self, Door, Doors, Signalling};

/// How long publishers, and then each viewer, may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);
/// Retransmissions that are under way at the end of counting are waited for this long.
const SETTLING: Duration = Duration::from_millis(500);

/// See [`crate::run`].
pub(crate) fn run(
    options: &Options,
    stop: &Stop,
    observe: &mut dyn FnMut(Phase),
) -> Result<Report, LoadError> {
    options.check()?;
    let runtime = signalling::runtime()?;
    let client = signalling::client()?;
    let doors = Doors::open(&runtime, &client, options)?;
    let machine = |source| LoadError::Machine {
        what: "cannot poll",
        source,
    };
    let (poll, waker) = engine::poll().map_err(machine)?;
    let signalling = Signalling::start(runtime, client, waker)?;
    let bound_to = options.bind.unwrap_or_else(|| address(options));
    let mut engine = Engine::new(options, stop, poll, bound_to, signalling);
    let outcome = Load {
        options,
        doors: &doors,
        engine: &mut engine,
        observe,
        next_viewer: 0,
    }
    .run();
    engine.encoders.iter_mut().for_each(Encoder::close);
    let sessions = engine.members.iter_mut().filter_map(|member| {
        member.close();
        match &mut member.part {
            Part::Publisher(publisher) => {
                Some((publisher.resource.take()?, publisher.bearer.take()))
            }
            Part::Viewer(connection) => {
                Some((connection.resource.take()?, connection.bearer.take()))
            }
        }
    });
    let sessions = sessions.collect();
    engine.signalling.end(sessions, &doors);
    outcome
}

/// Where clients are when nobody says it.
fn address(options: &Options) -> IpAddr {
    let url = match &options.target {
        Target::Stage { endpoint, .. } => Some(endpoint),
        Target::Doors { whip, .. } => whip.first().map(|door| &door.url),
    };
    url.and_then(|url| peer::local_address(url))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

struct Load<'a, 'b> {
    options: &'b Options,
    doors: &'a Doors,
    engine: &'a mut Engine<'b>,
    observe: &'a mut dyn FnMut(Phase),
    next_viewer: usize,
}

impl Load<'_, '_> {
    fn run(&mut self) -> Result<Report, LoadError> {
        self.publish()?;
        (self.observe)(Phase::Published);
        if self.options.joins.media_first {
            self.engine.start_sources();
        }
        self.join(self.options.viewers);
        (self.observe)(Phase::Joined);
        self.engine.start_sources();
        self.engine
            .run(clock::now() + self.options.warm_up, |_| false);
        Ok(self.measure())
    }

    fn publish(&mut self) -> Result<(), LoadError> {
        if let Some(rtmp) = &self.options.rtmp {
            return self.encode(rtmp);
        }
        for door in &self.doors.publishers {
            self.engine.publish(Door::Whip(door.clone()));
        }
        let until = clock::now() + PATIENCE;
        self.engine.run(until, |engine| {
            engine
                .members
                .iter()
                .all(|member| member.is_connected() || member.has_failed())
        });
        let members = &self.engine.members;
        let connected = members
            .iter()
            .filter(|member| member.is_connected())
            .count();
        if connected == self.options.publishers {
            return Ok(());
        }
        let fault = members.iter().find_map(|member| match &member.part {
            Part::Publisher(publisher) => publisher.fault.clone(),
            Part::Viewer(_) => None,
        });
        Err(LoadError::NoPublisher {
            connected,
            asked: self.options.publishers,
            why: fault.unwrap_or_else(|| format!("no connection within {} s", PATIENCE.as_secs())),
        })
    }

    fn encode(&mut self, rtmp: &Rtmp) -> Result<(), LoadError> {
        let asked = self.options.publishers;
        let refused = |connected, why| LoadError::NoPublisher {
            connected,
            asked,
            why,
        };
        let tls = Tls::new(rtmp.any_certificate)
            .map_err(|error| refused(0, format!("there is no TLS: {error}")))?;
        for url in &self.doors.encoders {
            let made = self.engine.encode(url, &tls);
            made.map_err(|why| refused(0, why))?;
            // Servers wait only so long for what follows a connection.
            self.engine
                .run(clock::now() + Duration::from_millis(1), |_| false);
        }
        let until = clock::now() + PATIENCE;
        self.engine.run(until, |engine| {
            let mut encoders = engine.encoders.iter();
            encoders.all(|encoder| encoder.is_publishing() || encoder.fault.is_some())
        });
        let encoders = &self.engine.encoders;
        let connected = encoders.iter().filter(|each| each.is_publishing()).count();
        if connected == asked {
            return Ok(());
        }
        let fault = encoders.iter().find_map(|encoder| encoder.fault.clone());
        let late = || format!("no consent within {} s", PATIENCE.as_secs());
        Err(refused(connected, fault.unwrap_or_else(late)))
    }

    /// Lets viewers come, up to a number, and waits until each is connected or has failed.
    fn join(&mut self, count: usize) {
        let begun = clock::now();
        let joins = self.options.joins;
        let mut next = self.next_viewer;
        let mut last = begun;
        self.engine.run(begun + PATIENCE * 30, |engine| {
            let now = clock::now();
            // Each viewer has this long from the last offer on.
            let allowed = joins.per_second.map_or(usize::MAX, |rate| {
                let passed = now.saturating_duration_since(begun);
                usize::try_from(passed.as_millis() * u128::from(rate) / 1_000).unwrap_or(usize::MAX)
            });
            while next < count && next <= allowed && engine.offered < joins.at_once {
                view(engine, self.doors, next);
                next += 1;
                last = now;
            }
            next == count
                && (now > last + PATIENCE
                    || engine
                        .members
                        .iter()
                        .all(|each| each.is_connected() || each.has_failed()))
        });
        self.next_viewer = next;
    }

    fn measure(&mut self) -> Report {
        let members = |engine: &mut Engine<'_>, each: &mut dyn FnMut(&mut Member)| {
            engine.members.iter_mut().for_each(each);
        };
        (self.observe)(Phase::Measuring);
        members(self.engine, &mut |member| match &mut member.part {
            Part::Publisher(publisher) => publisher.sent = Sent::default(),
            Part::Viewer(connection) => connection.reset(member.peer.as_ref()),
        });
        for encoder in &mut self.engine.encoders {
            encoder.sent = Sent::default();
        }
        let socket_drops = drops::sum(results::ports(&self.engine.members));
        let begun = clock::now();
        self.count(begun);
        let ended = clock::now();
        (self.observe)(Phase::Measured);
        let connected = results::connections(&self.engine.members)
            .filter(|(member, _)| member.is_connected())
            .count();
        self.engine.stop_sources();
        let mut counted: Vec<Counts> = Vec::new();
        members(self.engine, &mut |member| {
            if let Part::Viewer(connection) = &mut member.part {
                connection.end(ended);
                counted.push(connection.counts);
            }
        });
        let dropped = drops::sum(results::ports(&self.engine.members));
        self.engine.run(ended + SETTLING, |_| false);
        let mut report = results::report(
            self.options,
            (&self.engine.members, &self.engine.encoders),
            &counted,
            connected,
            ended - begun,
        );
        report.socket_drops = dropped
            .zip(socket_drops)
            .map(|(after, before)| after.saturating_sub(before));
        report
    }

    /// Counts until the end, while a storm comes if one was ordered.
    fn count(&mut self, begun: Instant) {
        let first = self.next_viewer;
        let storm = self.options.storm;
        let enough = self.options.packets_enough;
        let (doors, next) = (self.doors, &mut self.next_viewer);
        self.engine.run(begun + self.options.duration, |engine| {
            if let Some(storm) = storm {
                let passed = begun.elapsed();
                while *next < first + storm.viewers
                    && passed >= storm.within.mul_f64(share(*next - first, storm.viewers))
                {
                    view(engine, doors, *next);
                    *next += 1;
                }
            }
            enough.is_some_and(|enough| {
                results::connections(&engine.members)
                    .all(|(_, connection)| connection.counts.packets >= enough)
            })
        });
    }
}

fn view(engine: &mut Engine<'_>, doors: &Doors, viewer: usize) {
    for door in doors.viewers.get(viewer).into_iter().flatten() {
        engine.view(viewer, door.clone());
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most some thousands")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
