//! What came of a load.

use std::fmt;

use serde::Serialize;

/// What came of a load. All counts are of the measured time unless they say otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How long was counted, in seconds.
    pub seconds: f64,
    /// What the publishers sent.
    pub sent: Sent,
    /// Connections that viewers asked for.
    pub connections: usize,
    /// Those that were connected at the end of counting.
    pub connected: usize,
    /// All viewers together.
    pub sum: Counts,
    /// From the making of a packet to its decryption, of all viewers together.
    pub latency: Latency,
    /// From the making of a picture's last packet until all of the picture is decrypted.
    pub picture_latency: Latency,
    /// From the first offer until the viewer is connected; of every viewer of the load.
    pub join: Latency,
    /// From the first offer until a key frame is whole; of every viewer that got one.
    pub first_key_frame: Latency,
    /// The slowest viewer's median latency less the fastest's, in milliseconds.
    pub unfairness_ms: f64,
    /// What SRTP was used: `AEAD_AES_256_GCM`, `AEAD_AES_128_GCM` or `AES128_CM_HMAC_SHA1_80`.
    pub srtp_profile: Option<String>,
    /// Datagrams that the kernel dropped because a viewer's socket was full: a load that did not keep up. `None` where the
    /// kernel does not tell.
    pub socket_drops: Option<u64>,
    /// Why publishers by RTMP have ended before their time, each.
    pub ended: Vec<String>,
    /// Each viewer.
    pub viewers: Vec<ViewerReport>,
}

/// What the publishers sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// RTP packets, retransmissions not counted; by RTMP messages of media.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Pictures, of all layers.
    pub pictures: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Requests for a key frame that came.
    pub key_frame_requests: u64,
}

/// What viewers saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Packets that were decrypted and not seen before, those that came by retransmission included.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Gaps in sequence numbers that nothing filled.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number.
    pub late: u64,
    /// NACK messages sent.
    pub nacks: u64,
    /// Picture loss indications sent.
    pub plis: u64,
    /// Packets that came by a retransmission stream (RFC 4588) and filled a gap.
    pub retransmissions: u64,
    /// RTP datagrams that gave no new packet: repeated ones, padding and what could not be read.
    pub discarded: u64,
    /// Whole pictures.
    pub pictures: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Times without a new picture for more than 150 ms and three times the mean.
    pub freezes: u64,
    /// How long these were together, in milliseconds.
    pub frozen_ms: u64,
    /// Changes from one layer of a publisher to another.
    pub layer_switches: u64,
    /// Datagrams that were dropped between server and viewer on purpose.
    pub impaired: u64,
}

/// Times in milliseconds, with an error of at most 2 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many were measured; all others are zero if none was.
    pub count: u64,
    /// Half took no longer.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// One viewer.
#[derive(Clone, Debug, Serialize)]
pub struct ViewerReport {
    /// Its number, from 0; those of a storm come last.
    pub viewer: usize,
    /// From its first offer until all its connections stood, in milliseconds.
    pub join_ms: Option<f64>,
    /// Of that, the wait for answers to its offers, in milliseconds.
    pub http_ms: Option<f64>,
    /// From its first offer until it had a whole key frame of any publisher, in milliseconds.
    pub first_key_frame_ms: Option<f64>,
    /// Bits of payload per second.
    pub bitrate_bps: u64,
    /// What it saw.
    pub counts: Counts,
    /// From the making of a packet to its decryption.
    pub latency: Latency,
    /// Why it has fewer connections than it asked for.
    pub fault: Option<String>,
}

impl Counts {
    /// Adds another's to each.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            packets,
            bytes,
            lost,
            late,
            nacks,
            plis,
            retransmissions,
            discarded,
            pictures,
            key_frames,
            freezes,
            frozen_ms,
            layer_switches,
            impaired,
        } = other;
        self.packets += packets;
        self.bytes += bytes;
        self.lost += lost;
        self.late += late;
        self.nacks += nacks;
        self.plis += plis;
        self.retransmissions += retransmissions;
        self.discarded += discarded;
        self.pictures += pictures;
        self.key_frames += key_frames;
        self.freezes += freezes;
        self.frozen_ms += frozen_ms;
        self.layer_switches += layer_switches;
        self.impaired += impaired;
    }
}

impl Sent {
    /// Adds another's to each.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            packets,
            bytes,
            pictures,
            key_frames,
            key_frame_requests,
        } = other;
        self.packets += packets;
        self.bytes += bytes;
        self.pictures += pictures;
        self.key_frames += key_frames;
        self.key_frame_requests += key_frame_requests;
    }
}

impl fmt::Display for Report {
    /// A line for each viewer, up to a number, and one for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const VIEWERS_SHOWN: usize = 50;
        writeln!(
            f,
            "sent {} packets, {} pictures, {} key frames ({} asked for) in {:.1} s; {} of {} connections stood at the end{}{}",
            self.sent.packets,
            self.sent.pictures,
            self.sent.key_frames,
            self.sent.key_frame_requests,
            self.seconds,
            self.connected,
            self.connections,
            self.srtp_profile
                .as_ref()
                .map_or(String::new(), |profile| format!("; {profile}")),
            self.socket_drops
                .filter(|drops| *drops > 0)
                .map_or(String::new(), |drops| format!(
                    "; {drops} datagrams dropped at the viewers' sockets"
                )),
        )?;
        writeln!(
            f,
            "{:>6} {:>8} {:>9} {:>9} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8}",
            "viewer",
            "join ms",
            "picture",
            "packets",
            "kbit/s",
            "lost",
            "nacks",
            "rtx",
            "dup",
            "freezes",
            "layers",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "max ms"
        )?;
        for viewer in self.viewers.iter().take(VIEWERS_SHOWN) {
            row(
                f,
                &viewer.viewer.to_string(),
                (viewer.join_ms, viewer.first_key_frame_ms),
                viewer.bitrate_bps,
                &viewer.counts,
                &viewer.latency,
            )?;
            if let Some(fault) = &viewer.fault {
                writeln!(f, "       {}", fault.escape_debug())?;
            }
        }
        if self.viewers.len() > VIEWERS_SHOWN {
            writeln!(f, "   ... {} more", self.viewers.len() - VIEWERS_SHOWN)?;
        }
        let bitrate_bps = self.viewers.iter().map(|viewer| viewer.bitrate_bps).sum();
        let median = |of: &Latency| (of.count > 0).then_some(of.p50);
        row(
            f,
            "all",
            (median(&self.join), median(&self.first_key_frame)),
            bitrate_bps,
            &self.sum,
            &self.latency,
        )?;
        for why in &self.ended {
            writeln!(f, "a publisher has ended: {}", why.escape_debug())?;
        }
        Ok(())
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    (join, picture): (Option<f64>, Option<f64>),
    bitrate_bps: u64,
    counts: &Counts,
    latency: &Latency,
) -> fmt::Result {
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
    writeln!(
        f,
        "{name:>6} {:>8} {:>9} {:>9} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} {:>8.2} {:>8.2} {:>8.2} {:>8.2}",
        time(join),
        time(picture),
        counts.packets,
        bitrate_bps / 1_000,
        counts.lost,
        counts.nacks,
        counts.retransmissions,
        counts.discarded,
        counts.freezes,
        counts.layer_switches,
        latency.p50,
        latency.p90,
        latency.p99,
        latency.max,
    )
}
