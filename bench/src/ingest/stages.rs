//! The stages of ingest, each alone, over the bytes that an encoder sends: no sockets, no tasks, no other threads.
//!
//! Each stage gets what the one before has made. CPU time is that of this process around a whole pass, so that looking at the clock costs
//! nothing. `paced` does all of them as a server has to: message by message, when each comes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use ingest::media::{Limits, Stream, Unit};
use load::{EncoderSource, Source};
use rtmp::client::{self, Target};
use rtmp::flv::Audio;
use rtmp::server::{self, Event};
use rtmp::{HANDSHAKE_RANDOM_BYTES, StreamName};
use sfu::Packetiser;

use crate::{clock, process};

/// Seconds of media for each second of a measurement: a pass is to take as long as a tick of noise does not matter.
const MEDIA_PER_SECOND: u64 = 6;
/// Turns after which a handshake and a publish must be through.
const TURNS_MAX: usize = 20;

/// CPU time for each second of one encoder's media.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stages {
    /// From the bytes of a socket to tags.
    pub(super) demux: Duration,
    /// From AAC to Opus.
    pub(super) transcoding: Duration,
    /// The checks of pictures, and their times.
    pub(super) video: Duration,
    /// From pictures and Opus to packets, before encryption.
    pub(super) packets: Duration,
}

/// Measures each once.
pub(super) fn measure(seconds: u64) -> anyhow::Result<Stages> {
    let seconds = (seconds * MEDIA_PER_SECOND).max(1);
    let source = Source {
        audio: true,
        ..Source::default()
    };
    let (messages, mut session) = record(&source, 0, Duration::from_secs(seconds))?;
    let each = |time: Duration| time / u32::try_from(seconds).unwrap_or(u32::MAX);

    let mut events = Vec::with_capacity(messages.len());
    let demux = timed(|| {
        for message in &messages {
            session.receive(&message.bytes)?;
            events.extend(std::iter::from_fn(|| session.poll_event()));
        }
        Ok(())
    })?;
    let pictures_alone = without_sound(&events);
    let start = clock::now();
    let mut units = Vec::with_capacity(events.len());
    let all = timed(|| understand(events, start, &mut units))?;
    let mut rest = Vec::with_capacity(pictures_alone.len());
    let video = timed(|| understand(pictures_alone, start, &mut rest))?;
    let mut packetiser = Packetiser::new(1);
    let mut made = 0;
    let packets = timed(|| {
        for unit in &units {
            made += packetise(&mut packetiser, unit, start);
        }
        Ok(())
    })?;
    ensure!(made as u64 >= seconds * 75, "packets are made: {made}");
    Ok(Stages {
        demux: each(demux),
        transcoding: each(all.saturating_sub(video)),
        video: each(video),
        packets: each(packets),
    })
}

/// CPU time of this process for some work.
pub(super) fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let id = std::process::id();
    let before = process::cpu(id)?;
    work()?;
    Ok(process::cpu(id)?.saturating_sub(before))
}

/// A message as it comes from the socket.
pub(super) struct Message {
    /// When the encoder sends it, since it began.
    pub(super) at: Duration,
    pub(super) bytes: Bytes,
}

/// What the encoder of that number sends after the server's consent, and a server's session that waits for it.
pub(super) fn record(
    source: &Source,
    number: usize,
    length: Duration,
) -> anyhow::Result<(Vec<Message>, server::Session)> {
    let target = Target {
        app: "app".to_owned(),
        tc_url: String::new(),
        name: StreamName::new("bench"),
        encoder: "bench".to_owned(),
    };
    let random = [7; HANDSHAKE_RANDOM_BYTES];
    let mut client = client::Session::new(rtmp::Limits::default(), random, target);
    let mut server = server::Session::new(rtmp::Limits::default(), random);
    for _ in 0..TURNS_MAX {
        while let Some(bytes) = client.poll_transmit() {
            server.receive(&bytes)?;
        }
        while server.poll_event().is_some() {
            server.accept();
        }
        while let Some(bytes) = server.poll_transmit() {
            client.receive(&bytes)?;
        }
    }
    ensure!(client.is_publishing(), "the publish has begun");
    let mut encoder = EncoderSource::new(source, number);
    encoder.begin(&mut client);
    let mut messages = Vec::new();
    while encoder.due() < length {
        let at = encoder.due();
        encoder.send(&mut client, at);
        let bytes = client.poll_transmit().context("a message has bytes")?;
        messages.push(Message { at, bytes });
    }
    Ok((messages, server))
}

/// The same with only so much audio that the stream begins.
fn without_sound(events: &[Event]) -> Vec<Event> {
    let mut has_begun = false;
    let kept = events.iter().filter(|event| {
        if let Event::Audio {
            audio: Audio::Aac(_),
            ..
        } = event
        {
            return !std::mem::replace(&mut has_begun, true);
        }
        true
    });
    kept.cloned().collect()
}

/// Does what the task of a connection does between RTMP and packets; each message comes at its time.
fn understand(events: Vec<Event>, start: Instant, units: &mut Vec<Unit>) -> anyhow::Result<()> {
    let mut stream = Stream::new(Limits::default());
    for event in events {
        take(&mut stream, event, start)?;
        units.extend(std::iter::from_fn(|| stream.poll()));
    }
    ensure!(stream.is_ready(), "audio and video have come");
    Ok(())
}

/// Hands a stream what has come, at its time.
pub(super) fn take(stream: &mut Stream, event: Event, start: Instant) -> anyhow::Result<()> {
    match event {
        Event::Audio { at_ms, audio } => {
            stream.audio(audio, at_ms, start + Duration::from_millis(at_ms))?;
        }
        Event::Video { at_ms, video } => {
            stream.video(video, at_ms, start + Duration::from_millis(at_ms))?;
        }
        Event::Metadata(_) | Event::Publish(_) | Event::Ended => {}
    }
    Ok(())
}

/// Gives how many groups of packets there were.
pub(super) fn packetise(packetiser: &mut Packetiser, unit: &Unit, start: Instant) -> usize {
    match unit {
        Unit::ParameterSets { layer, sps, pps } => packetiser.parameter_sets(*layer, sps, pps),
        Unit::Picture {
            layer,
            nals,
            is_key,
            at,
        } => {
            let nals: Vec<&[u8]> = nals.iter().map(AsRef::as_ref).collect();
            packetiser.picture(*layer, &nals, *is_key, *at, start + *at);
        }
        Unit::Opus { packet, level, at } => packetiser.opus(packet, *level, *at, start + *at),
    }
    packetiser.take().count()
}
