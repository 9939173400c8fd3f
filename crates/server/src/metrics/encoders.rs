//! What the doors for encoders have counted.

use std::fmt;

use ingest::Counters;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{counter, gauge, signed};

/// Writes all of it.
pub(super) fn encode_ingest(encoder: &mut DescriptorEncoder, counters: &Counters) -> fmt::Result {
    gauge(
        encoder,
        "ingest_connections",
        "Connections of encoders",
        signed(counters.connections),
    )?;
    let help = "Streams of encoders that have been admitted, by protocol";
    let mut streams = encoder.encode_descriptor("ingest_streams", help, None, MetricType::Gauge)?;
    for (protocol, count) in counters.streams {
        ConstGauge::new(signed(count)).encode(streams.encode_family(&[("protocol", protocol)])?)?;
    }
    for (name, help, label, counts) in [
        (
            "ingest_connections_taken",
            "Connections of encoders that were taken, by protocol",
            "protocol",
            &counters.connections_total[..],
        ),
        (
            "ingest_publishes",
            "Streams of encoders that were admitted, by protocol",
            "protocol",
            &counters.streams_total[..],
        ),
        (
            "ingest_refusals",
            "Encoders that were refused or cut off, by reason",
            "reason",
            &counters.refusals[..],
        ),
    ] {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (word, count) in counts {
            ConstCounter::new(*count).encode(metric.encode_family(&[(label, *word)])?)?;
        }
    }
    for (name, help, count) in [
        (
            "ingest_bytes_in",
            "Bytes from encoders, as RTMP",
            counters.bytes,
        ),
        (
            "ingest_pictures",
            "Pictures from encoders that were passed on",
            counters.pictures,
        ),
        (
            "ingest_opus_packets",
            "Opus packets made of the AAC of encoders",
            counters.opus_packets,
        ),
        (
            "ingest_aac_concealed",
            "AAC frames that could not be decoded",
            counters.aac_concealed,
        ),
        (
            "ingest_drops",
            "Batches of packets that a media worker was too slow to take",
            counters.dropped,
        ),
        (
            "ingest_failovers",
            "Redundant ingests that went on with their other stream",
            counters.failovers,
        ),
        (
            "ingest_panics",
            "Connections of encoders that ended by a panic",
            counters.panics,
        ),
    ] {
        counter(encoder, name, help, count)?;
    }
    Ok(())
}
