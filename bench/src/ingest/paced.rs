//! All stages of several publishers on one thread, in real time: what a server does for them, without sockets, tasks and other threads.
//!
//! The same work costs more here than a stage alone does, where nothing else touches the caches.

use std::time::{Duration, Instant};

use anyhow::ensure;
use ingest::media::{Limits, Stream};
use load::Source;
use rtmp::server::Session;
use sfu::Packetiser;

use super::stages::{self, Message};
use crate::clock;

/// One publisher as its connection would hold it.
struct Publisher {
    session: Session,
    stream: Stream,
    packetiser: Packetiser,
}

/// CPU time for each second of one publisher, less what the sleeps between messages cost.
pub(super) fn measure(publishers: usize, seconds: u64) -> anyhow::Result<Duration> {
    let length = Duration::from_secs(seconds.max(1));
    let source = Source {
        audio: true,
        ..Source::default()
    };
    // One begins after the other, as those of a load do.
    let count = u32::try_from(publishers).unwrap_or(1).max(1);
    let step = Duration::from_secs(1) / source.frames_per_second.max(1) / count;
    let mut all = Vec::with_capacity(publishers);
    let mut messages: Vec<(Duration, usize, Message)> = Vec::new();
    for number in 0..publishers {
        let (recorded, session) = stages::record(&source, number, length)?;
        all.push(Publisher {
            session,
            stream: Stream::new(Limits::default()),
            packetiser: Packetiser::new(1),
        });
        let begin = step * u32::try_from(number).unwrap_or(0);
        let recorded = recorded.into_iter();
        messages.extend(recorded.map(|message| (begin + message.at, number, message)));
    }
    messages.sort_by_key(|(at, number, _)| (*at, *number));
    let mut made = 0;
    let with = stages::timed(|| {
        in_time(&messages, |number, message, start| {
            let publisher = all.get_mut(number);
            made += publisher.map_or(Ok(0), |publisher| publisher.take(message, start))?;
            Ok(())
        })
    })?;
    let without = stages::timed(|| in_time(&messages, |_, _, _| Ok(())))?;
    ensure!(
        made as u64 >= publishers as u64 * seconds * 75,
        "packets are made: {made}"
    );
    let each = with.saturating_sub(without) / count;
    Ok(each / u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
}

/// Sleeps until each message comes.
#[expect(
    clippy::disallowed_methods,
    reason = "when media comes is what is measured"
)]
fn in_time(
    messages: &[(Duration, usize, Message)],
    mut take: impl FnMut(usize, &Message, Instant) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let start = clock::now();
    for (at, number, message) in messages {
        let wait = (start + *at).saturating_duration_since(clock::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        take(*number, message, start)?;
    }
    Ok(())
}

impl Publisher {
    /// Gives how many groups of packets there were.
    fn take(&mut self, message: &Message, start: Instant) -> anyhow::Result<usize> {
        let mut made = 0;
        self.session.receive(&message.bytes)?;
        while let Some(event) = self.session.poll_event() {
            stages::take(&mut self.stream, event, start)?;
            while let Some(unit) = self.stream.poll() {
                made += stages::packetise(&mut self.packetiser, &unit, start);
            }
        }
        Ok(made)
    }
}
