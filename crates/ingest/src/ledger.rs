//! What the doors know at a moment: who publishes, what comes from them, who was refused and why; and what they have counted.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use model::{
    IngestConfigurationArn, IngestProtocol, IngestRefusal, IngestReport, IngestStatus, IngestStream,
};

use crate::reason::{self, Reason};

/// Configurations whose last refusal is remembered; beyond that the oldest is forgotten.
const REFUSED_MAX: usize = 1_024;
/// Refusals without a configuration that are remembered.
const NAMELESS_MAX: usize = 32;

/// What was counted since the start, and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections at the moment.
    pub connections: u64,
    /// Streams at the moment, by protocol.
    pub streams: [(&'static str, u64); 2],
    /// Connections that were taken, by protocol.
    pub connections_total: [(&'static str, u64); 2],
    /// Streams that were admitted, by protocol.
    pub streams_total: [(&'static str, u64); 2],
    /// Encoders that were refused or cut off, by code of a fixed set.
    pub refusals: Vec<(&'static str, u64)>,
    /// Bytes that have come.
    pub bytes: u64,
    /// Pictures that were passed on.
    pub pictures: u64,
    /// Opus packets that were made and passed on.
    pub opus_packets: u64,
    /// AAC frames that could not be decoded.
    pub aac_concealed: u64,
    /// Pictures and audio that the media worker was too slow to take.
    pub dropped: u64,
    /// Redundant pairs that went on with their other stream.
    pub failovers: u64,
    /// Connections that ended by a panic inside their task.
    pub panics: u64,
}

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// What tasks count while media flows.
    pub(crate) flow: Flow,
}

/// Counters without a lock.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) bytes: AtomicU64,
    pub(crate) pictures: AtomicU64,
    pub(crate) opus_packets: AtomicU64,
    pub(crate) aac_concealed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) failovers: AtomicU64,
    pub(crate) panics: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    live: BTreeMap<u64, (IngestConfigurationArn, IngestStream)>,
    refused: BTreeMap<IngestConfigurationArn, IngestRefusal>,
    nameless: VecDeque<IngestRefusal>,
    refusals: BTreeMap<&'static str, u64>,
    connections_total: [u64; 2],
    streams_total: [u64; 2],
}

/// A stream's name in the ledger; no other one ever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId(u64);

/// A stream that is in the ledger until this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    id: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let state = State {
            refusals: reason::codes().map(|code| (code, 0)).collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            flow: Flow::default(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A connection was taken.
    pub(crate) fn connected(&self, protocol: IngestProtocol) {
        self.with(|state| count(&mut state.connections_total, protocol));
    }

    /// A stream was admitted.
    pub(crate) fn admitted(
        self: &Arc<Self>,
        configuration: &IngestConfigurationArn,
        stream: IngestStream,
    ) -> Entry {
        let id = self.with(|state| {
            count(&mut state.streams_total, stream.protocol);
            state.next += 1;
            state
                .live
                .insert(state.next, (configuration.clone(), stream));
            state.next
        });
        Entry {
            ledger: Arc::clone(self),
            id,
        }
    }

    /// Somebody was refused, or cut off. `configuration` is that of a key that holds.
    pub(crate) fn refused(
        &self,
        configuration: Option<&IngestConfigurationArn>,
        reason: &Reason,
        address: IpAddr,
        at: Timestamp,
    ) {
        self.with(|state| *state.refusals.entry(reason.code).or_default() += 1);
        self.remember(configuration, reason, address, at);
    }

    /// Remembers why somebody does not publish, and counts nothing.
    pub(crate) fn remember(
        &self,
        configuration: Option<&IngestConfigurationArn>,
        reason: &Reason,
        address: IpAddr,
        at: Timestamp,
    ) {
        let refusal = IngestRefusal {
            at,
            code: reason.code.to_owned(),
            what: reason.what.clone(),
            address: address.to_canonical(),
        };
        self.with(|state| {
            let Some(configuration) = configuration else {
                state.nameless.truncate(NAMELESS_MAX - 1);
                state.nameless.push_front(refusal);
                return;
            };
            let is_new = !state.refused.contains_key(configuration);
            if is_new && state.refused.len() >= REFUSED_MAX {
                let oldest = state.refused.iter().min_by_key(|(_, refusal)| refusal.at);
                if let Some(oldest) = oldest.map(|(arn, _)| arn.clone()) {
                    state.refused.remove(&oldest);
                }
            }
            state.refused.insert(configuration.clone(), refusal);
        });
    }

    /// Viewers do not see that stream of a redundant pair any more.
    pub(crate) fn hidden(&self, stream: StreamId) {
        self.with(|state| {
            if let Some((_, stream)) = state.live.get_mut(&stream.0) {
                stream.is_active_leg = false;
            }
        });
    }

    /// Everything, for operators.
    pub(crate) fn report(&self) -> IngestReport {
        self.with(|state| {
            let mut configurations: BTreeMap<&IngestConfigurationArn, IngestStatus> =
                BTreeMap::new();
            let blank = |arn: &IngestConfigurationArn| IngestStatus {
                configuration: arn.clone(),
                streams: Vec::new(),
                last_refusal: None,
            };
            for (arn, stream) in state.live.values() {
                let status = configurations.entry(arn).or_insert_with(|| blank(arn));
                status.streams.push(stream.clone());
            }
            for (arn, refusal) in &state.refused {
                let status = configurations.entry(arn).or_insert_with(|| blank(arn));
                status.last_refusal = Some(refusal.clone());
            }
            IngestReport {
                configurations: configurations.into_values().collect(),
                refusals: state.nameless.iter().cloned().collect(),
            }
        })
    }

    /// What was counted; `connections` are those of the moment.
    pub(crate) fn counters(&self, connections: usize) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let flow = &self.flow;
        self.with(|state| {
            let mut streams = [0; 2];
            for (_, stream) in state.live.values() {
                count(&mut streams, stream.protocol);
            }
            Counters {
                connections: connections as u64,
                streams: named(streams),
                connections_total: named(state.connections_total),
                streams_total: named(state.streams_total),
                refusals: state
                    .refusals
                    .iter()
                    .map(|(&code, &count)| (code, count))
                    .collect(),
                bytes: read(&flow.bytes),
                pictures: read(&flow.pictures),
                opus_packets: read(&flow.opus_packets),
                aac_concealed: read(&flow.aac_concealed),
                dropped: read(&flow.dropped),
                failovers: read(&flow.failovers),
                panics: read(&flow.panics),
            }
        })
    }
}

impl Entry {
    /// Its name in the ledger.
    pub(crate) fn id(&self) -> StreamId {
        StreamId(self.id)
    }

    /// Viewers see this stream of a redundant pair, and none of the others of its configuration.
    pub(crate) fn shown(&self) {
        self.ledger.with(|state| {
            let Some((configuration, _)) = state.live.get(&self.id) else {
                return;
            };
            let configuration = configuration.clone();
            for (id, (of, stream)) in &mut state.live {
                if *of == configuration {
                    stream.is_active_leg = *id == self.id;
                }
            }
        });
    }

    /// Brings what is known of the stream up to date.
    pub(crate) fn update(&self, change: impl FnOnce(&mut IngestStream)) {
        self.ledger.with(|state| {
            if let Some((_, stream)) = state.live.get_mut(&self.id) {
                change(stream);
            }
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ledger.with(|state| state.live.remove(&self.id));
    }
}

fn count(of: &mut [u64; 2], protocol: IngestProtocol) {
    let [plain, tls] = of;
    match protocol {
        IngestProtocol::Rtmp => *plain += 1,
        IngestProtocol::Rtmps => *tls += 1,
    }
}

fn named([plain, tls]: [u64; 2]) -> [(&'static str, u64); 2] {
    [("rtmp", plain), ("rtmps", tls)]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::key::tests::{configuration, participant};

    fn arn(number: usize) -> IngestConfigurationArn {
        let text = format!("arn:aws:ivs:us-west-2:123456789012:ingest-configuration/c{number:011}");
        IngestConfigurationArn::parse(&text).unwrap()
    }

    pub(crate) fn stream() -> IngestStream {
        IngestStream {
            participant: participant('a'),
            protocol: IngestProtocol::Rtmps,
            address: [192, 0, 2, 1].into(),
            encoder: String::new(),
            since: Timestamp::UNIX_EPOCH,
            width: 0,
            height: 0,
            frames_per_second: 0.0,
            key_frame_interval_ms: 0,
            video_bitrate_bps: 0,
            audio_bitrate_bps: 0,
            audio_sample_rate: 0,
            audio_channels: 0,
            video_codec: String::new(),
            layers: 1,
            is_active_leg: true,
        }
    }

    #[test]
    fn a_stream_is_reported_while_it_runs_beside_the_last_refusal_of_its_configuration() {
        let ledger = Arc::new(Ledger::new());
        let arn = configuration().arn;
        let entry = ledger.admitted(&arn, stream());
        entry.update(|stream| stream.width = 1280);
        for at in [1, 2] {
            let at = Timestamp::from_second(at).unwrap();
            let address = "::ffff:192.0.2.9".parse().unwrap();
            ledger.refused(Some(&arn), &Reason::app(), address, at);
        }
        let report = ledger.report();
        assert_eq!(report.configurations.len(), 1);
        assert_eq!(report.configurations[0].streams[0].width, 1280);
        let last = report.configurations[0].last_refusal.as_ref().unwrap();
        assert_eq!(
            (last.at.as_second(), last.code.as_str()),
            (2, "INVALID_APP")
        );
        assert_eq!(last.address.to_string(), "192.0.2.9");
        let counters = ledger.counters(3);
        assert_eq!(counters.connections, 3);
        assert_eq!(counters.streams, [("rtmp", 0), ("rtmps", 1)]);
        assert!(counters.refusals.contains(&("INVALID_APP", 2)));
        drop(entry);
        assert!(ledger.report().configurations[0].streams.is_empty());
        assert_eq!(ledger.counters(0).streams, [("rtmp", 0), ("rtmps", 0)]);
        assert_eq!(
            ledger.counters(0).streams_total,
            [("rtmp", 0), ("rtmps", 1)]
        );
    }

    #[test]
    fn t62_what_is_remembered_of_refusals_is_bounded_and_the_newest_of_it() {
        let ledger = Ledger::new();
        let codes = ledger.counters(0).refusals.len();
        for number in 0..3_000 {
            let at = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
            let address = [192, 0, 2, 1].into();
            ledger.refused(Some(&arn(number)), &Reason::app(), address, at);
            ledger.refused(None, &Reason::unknown_key(), address, at);
        }
        let report = ledger.report();
        assert_eq!(report.configurations.len(), REFUSED_MAX);
        assert_eq!(
            report.configurations.last().unwrap().configuration,
            arn(2_999)
        );
        assert_eq!(report.refusals.len(), NAMELESS_MAX);
        assert_eq!(report.refusals[0].at.as_second(), 2_999);
        assert_eq!(ledger.counters(0).refusals.len(), codes);
    }
}
