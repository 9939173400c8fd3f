//! What one measurement gave.

use std::time::Duration;

/// One server, one scenario, one round.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Packets that viewers decrypted.
    pub(super) delivered: u64,
    /// Those that should have come.
    pub(super) expected: u64,
    /// How long viewers were connected without media, in seconds for all together; `None` where packets are what is counted.
    pub(super) idle_seconds: Option<f64>,
    /// How long was counted.
    pub(super) seconds: f64,
    /// CPU time of the server meanwhile.
    pub(super) cpu: Duration,
    /// CPU time of the load meanwhile.
    pub(super) load_cpu: Duration,
    /// Forward latency, from the making of a packet to its decryption.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// CPU time of the server for each join; `None` if media flowed meanwhile or nobody joins.
    pub(super) join_cpu: Option<Duration>,
    /// From the offer to a whole key frame, at the 99th percentile.
    pub(super) first_key_frame_p99_ms: Option<f64>,
    /// Resident memory at the end less that without viewers, for each viewer.
    pub(super) bytes_per_viewer: u64,
    /// Gaps that nothing filled.
    pub(super) lost: u64,
    pub(super) nacks: u64,
    pub(super) retransmissions: u64,
    pub(super) freezes: u64,
    pub(super) layer_switches: u64,
    pub(super) viewers: usize,
    /// Connections that stood at the end.
    pub(super) connected: usize,
    /// Datagrams that the kernel dropped at the viewers' sockets.
    pub(super) socket_drops: Option<u64>,
    /// What the server says that it has dropped, by its reasons, where it tells.
    pub(super) server_drops: Option<String>,
    /// The SRTP profile of the first connection.
    pub(super) srtp: Option<String>,
}

impl Outcome {
    /// The primary measure: CPU time of the server for each packet that was decrypted, or for each second of a viewer without media,
    /// in microseconds.
    pub(super) fn cpu_us(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a quotient for a table")]
        let delivered = self.delivered.max(1) as f64;
        self.cpu.as_secs_f64() * 1e6 / self.idle_seconds.unwrap_or(delivered)
    }

    /// Share of a core that the server used.
    pub(super) fn busy_percent(&self) -> f64 {
        self.cpu.as_secs_f64() * 100.0 / self.seconds.max(1e-9)
    }

    /// Share of a core that the load used.
    pub(super) fn load_percent(&self) -> f64 {
        self.load_cpu.as_secs_f64() * 100.0 / self.seconds.max(1e-9)
    }

    /// Share of the expected packets that came.
    pub(super) fn delivered_percent(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share for a table")]
        let share = self.delivered as f64 * 100.0 / self.expected.max(1) as f64;
        share
    }
}
