//! Puts a report together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::encoder::Encoder;
use crate::engine::{Member, Part};
use crate::histogram::Histogram;
use crate::options::Options;
use crate::report::{Counts, Report, Sent, ViewerReport};
use crate::viewer::Connection;

/// One viewer, of all its connections.
#[derive(Default)]
struct Sum {
    counts: Counts,
    latency: Histogram,
    asked: Option<Instant>,
    connected: Option<Instant>,
    http: Duration,
    first_key_frame: Option<Instant>,
    has_missing: bool,
    fault: Option<String>,
}

/// The viewers' connections.
pub(crate) fn connections(members: &[Member]) -> impl Iterator<Item = (&Member, &Connection)> {
    members.iter().filter_map(|member| match &member.part {
        Part::Viewer(connection) => Some((member, connection.as_ref())),
        Part::Publisher(_) => None,
    })
}

/// The ports of viewers' sockets.
pub(crate) fn ports(members: &[Member]) -> impl Iterator<Item = u16> {
    connections(members).filter_map(|(member, _)| Some(member.peer.as_ref()?.port()))
}

/// Makes the report. `counted` are the counts of each connection at the end of counting.
pub(crate) fn report(
    options: &Options,
    (members, encoders): (&[Member], &[Encoder]),
    counted: &[Counts],
    connected: usize,
    time: Duration,
) -> Report {
    let mut sums: BTreeMap<usize, Sum> = BTreeMap::new();
    let mut latency = Histogram::default();
    let mut pictures = Histogram::default();
    let mut total = Counts::default();
    let mut profile = None;
    for ((member, connection), counted) in connections(members).zip(counted) {
        let mut counts = *counted;
        connection.settle(member.peer.as_ref(), &mut counts);
        total.add(&counts);
        latency.merge(&connection.latency);
        pictures.merge(&connection.picture_latency);
        profile = profile.or(connection.profile);
        sums.entry(connection.viewer)
            .or_default()
            .add(connection, &counts);
    }
    let mut join = Histogram::default();
    let mut first_key_frame = Histogram::default();
    for sum in sums.values() {
        sum.join().into_iter().for_each(|time| join.add(time));
        sum.first_key_frame()
            .into_iter()
            .for_each(|time| first_key_frame.add(time));
    }
    let medians: Vec<f64> = sums
        .values()
        .map(|sum| sum.latency.latency())
        .filter(|latency| latency.count > 0)
        .map(|latency| latency.p50)
        .collect();
    let extreme = |of: fn(f64, f64) -> f64| medians.iter().copied().reduce(of).unwrap_or(0.0);
    Report {
        seconds: time.as_secs_f64(),
        sent: sent(members, encoders),
        connections: counted.len(),
        connected,
        sum: total,
        latency: latency.latency(),
        picture_latency: pictures.latency(),
        join: join.latency(),
        first_key_frame: first_key_frame.latency(),
        unfairness_ms: extreme(f64::max) - extreme(f64::min),
        srtp_profile: profile.map(|profile| name(profile).to_owned()),
        socket_drops: None,
        ended: encoders
            .iter()
            .filter_map(|encoder| encoder.fault.clone())
            .collect(),
        viewers: (0..options.viewers_in_all())
            .filter_map(|viewer| Some((viewer, sums.get(&viewer)?)))
            .map(|(viewer, sum)| sum.report(viewer, time))
            .collect(),
    }
}

/// As RFC 5764 and RFC 7714 have it.
fn name(profile: srtp::Profile) -> &'static str {
    match profile {
        srtp::Profile::Aes128CmSha1 => "AES128_CM_HMAC_SHA1_80",
        srtp::Profile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        srtp::Profile::AeadAes256Gcm => "AEAD_AES_256_GCM",
    }
}

fn sent(members: &[Member], encoders: &[Encoder]) -> Sent {
    let mut sum = Sent::default();
    for encoder in encoders {
        sum.add(&encoder.sent);
    }
    for member in members {
        if let Part::Publisher(publisher) = &member.part {
            sum.add(&publisher.sent);
        }
    }
    sum
}

impl Sum {
    fn add(&mut self, connection: &Connection, counts: &Counts) {
        self.counts.add(counts);
        self.latency.merge(&connection.latency);
        self.asked = match (self.asked, connection.asked) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.connected = self.connected.max(connection.connected);
        self.has_missing |= connection.connected.is_none();
        if let (Some(asked), Some(answered)) = (connection.asked, connection.answered) {
            self.http += answered.saturating_duration_since(asked);
        }
        self.first_key_frame = match (self.first_key_frame, connection.first_key_frame) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if self.fault.is_none() {
            self.fault.clone_from(&connection.fault);
        }
    }

    fn since_asked(&self, at: Option<Instant>) -> Option<Duration> {
        Some(at?.saturating_duration_since(self.asked?))
    }

    fn join(&self) -> Option<Duration> {
        self.since_asked(self.connected)
            .filter(|_| !self.has_missing)
    }

    fn first_key_frame(&self) -> Option<Duration> {
        self.since_asked(self.first_key_frame)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rate"
    )]
    fn report(&self, viewer: usize, time: Duration) -> ViewerReport {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let bits = self.counts.bytes as f64 * 8.0;
        let never = self.has_missing && self.fault.is_none();
        ViewerReport {
            viewer,
            join_ms: self.join().map(millis),
            http_ms: self.asked.map(|_| millis(self.http)),
            first_key_frame_ms: self.first_key_frame().map(millis),
            bitrate_bps: (bits / time.as_secs_f64().max(0.001)) as u64,
            counts: self.counts,
            latency: self.latency.latency(),
            fault: self
                .fault
                .clone()
                .or_else(|| never.then(|| "ICE or DTLS did not come to an end".to_owned())),
        }
    }
}
