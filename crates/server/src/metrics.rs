//! `/metrics`: everything that is counted anywhere, read at the moment of the scrape, in OpenMetrics text.
//!
//! All names are here. Labels come from fixed sets only (operations, outcomes, states, reasons): whatever clients name
//! never becomes one, so the page has the same size with one stage and with ten thousand.

mod encoders;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::Calls;
use ingest::Ingest;
use media::Media;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use store::Latency;

use self::encoders::encode_ingest;
use crate::census::Gauges;
use crate::writer::WriterCounters;

/// The media type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers are.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) media: Media,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) latency: Arc<Latency>,
    pub(crate) writer: Arc<WriterCounters>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(..)")
    }
}

/// All metrics of the process.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    /// Metrics of these sources.
    pub(crate) fn new(sources: Sources) -> Self {
        let mut registry = Registry::with_prefix("downstage");
        registry.register_collector(Box::new(sources));
        Self(registry)
    }

    /// The page.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.encode_stages(&mut encoder)?;
        self.encode_media(&mut encoder)?;
        encode_ingest(&mut encoder, &self.ingest.counters())?;
        self.encode_api(&mut encoder)?;
        self.encode_store(&mut encoder)
    }
}

impl Sources {
    fn encode_stages(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let read = |gauge: &std::sync::atomic::AtomicI64| gauge.load(Ordering::Relaxed);
        let gauges = &self.gauges;
        gauge(
            encoder,
            "stages",
            "Stages of all accounts",
            read(&gauges.stages),
        )?;
        gauge(
            encoder,
            "sessions",
            "Stage sessions that are going on",
            read(&gauges.sessions),
        )?;
        let mut metric = encoder.encode_descriptor(
            "participants",
            "Participants of the sessions that are going on, by state",
            None,
            MetricType::Gauge,
        )?;
        for (state, count) in [
            ("connected", &gauges.connected),
            ("disconnected", &gauges.disconnected),
        ] {
            let labels = [("state", state)];
            ConstGauge::new(read(count)).encode(metric.encode_family(&labels)?)?;
        }
        gauge(
            encoder,
            "publishes",
            "Publishers whose media flows in; a redundant ingest is one",
            read(&gauges.publishes),
        )?;
        gauge(
            encoder,
            "subscribes",
            "Publishers received, summed over participants",
            read(&gauges.subscribes),
        )
    }

    fn encode_media(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let counters = self.media.counters();
        let gauges = self.media.gauges();
        encode_packets(encoder, &counters)?;
        let mut drops = encoder.encode_descriptor(
            "media_drops",
            "What media has dropped, by reason: RTP packets, datagrams of nobody, sends into a full socket, RTP packets for a slow worker",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in [
            ("packet", counters.packets_dropped),
            ("unknown_datagram", counters.datagrams_unknown),
            ("socket_full", gauges.transmits_dropped),
            ("slow_worker", gauges.relays_dropped + gauges.inlets_dropped),
        ] {
            ConstCounter::new(count).encode(drops.encode_family(&[("reason", reason)])?)?;
        }
        for (name, help, count) in [
            (
                "publish_connections",
                "Publishes that have been admitted",
                gauges.publishes,
            ),
            (
                "subscribe_connections",
                "Subscriptions that have been admitted",
                gauges.subscriptions,
            ),
            ("events_sockets", "Events sockets", gauges.sockets),
            (
                "media_tcp_connections",
                "TCP connections to media ports",
                gauges.tcp_connections,
            ),
        ] {
            gauge(encoder, name, help, signed(count))?;
        }
        Ok(())
    }

    fn encode_api(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let mut calls = encoder.encode_descriptor(
            "api_calls",
            "Calls of the control API, by operation and outcome",
            None,
            MetricType::Counter,
        )?;
        for call in self.calls.snapshot() {
            let labels = [
                ("operation", call.operation),
                ("outcome", call.outcome.as_str()),
            ];
            ConstCounter::new(call.count).encode(calls.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_store(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let snapshot: Vec<_> = self
            .latency
            .snapshot()
            .into_iter()
            .filter(|one| one.count() > 0)
            .collect();
        let mut latencies = encoder.encode_descriptor(
            "store_seconds",
            "Time that the store takes, by operation",
            None,
            MetricType::Histogram,
        )?;
        for one in &snapshot {
            let bounds = store::BUCKETS.iter().map(std::time::Duration::as_secs_f64);
            let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(one.buckets).collect();
            let labels = [("operation", one.operation.as_str())];
            let mut metric: MetricEncoder<'_> = latencies.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(
                one.sum.as_secs_f64(),
                one.count(),
                &buckets,
                None,
            )?;
        }
        let mut failures = encoder.encode_descriptor(
            "store_failures",
            "Operations that the store failed, by operation",
            None,
            MetricType::Counter,
        )?;
        for one in &snapshot {
            let labels = [("operation", one.operation.as_str())];
            ConstCounter::new(one.failures).encode(failures.encode_family(&labels)?)?;
        }
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        counter(
            encoder,
            "record_write_retries",
            "Attempts to write records that the store did not answer",
            read(&self.writer.retries),
        )?;
        counter(
            encoder,
            "records_dropped",
            "Records that could not be kept",
            read(&self.writer.dropped),
        )?;
        gauge(
            encoder,
            "record_batches_waiting",
            "Batches of records that wait for the store",
            signed(read(&self.writer.waiting)),
        )
    }
}

/// What workers count.
fn encode_packets(encoder: &mut DescriptorEncoder, counters: &sfu::Counters) -> fmt::Result {
    for (name, help, count) in [
        (
            "rtp_packets_in",
            "RTP packets from publishers",
            counters.packets_in,
        ),
        (
            "rtp_bytes_in",
            "RTP payload bytes from publishers",
            counters.bytes_in,
        ),
        (
            "rtp_packets_out",
            "RTP packets to subscribers",
            counters.packets_out,
        ),
        (
            "rtp_bytes_out",
            "RTP payload bytes to subscribers",
            counters.bytes_out,
        ),
        (
            "rtp_packets_relayed",
            "RTP packets from one worker to another",
            counters.packets_relayed,
        ),
        (
            "key_frame_requests",
            "Key frame requests sent to publishers",
            counters.key_frame_requests,
        ),
        (
            "rtp_packets_retransmitted",
            "RTP packets sent again because a subscriber has asked for them",
            counters.packets_retransmitted,
        ),
        (
            "rtp_retransmissions_refused",
            "Packets asked for again that are kept no more, or were too many",
            counters.retransmissions_refused,
        ),
        (
            "layer_switches",
            "Changes from one simulcast layer to another that subscribers have seen",
            counters.layer_switches,
        ),
        (
            "video_pauses",
            "Times that a subscriber's video was paused for want of bandwidth",
            counters.pauses,
        ),
        (
            "peer_panics",
            "Peers that ended by a panic inside their connection",
            counters.panics,
        ),
    ] {
        counter(encoder, name, help, count)?;
    }
    Ok(())
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(
        name,
        help,
        None,
        MetricType::Counter,
    )?)
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: i64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
