//! One stream, from its admission to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model::{ErrorCode, IngestStream, StageArn};
use rtmp::server::Event;
use stage::{CloseCause, LeftReason};

use crate::forward::Forward;
use crate::ledger::{Entry, Ledger};
use crate::media::{Stream, Violation};
use crate::outlet::{Outlet, OutletFault};
use crate::reason::Reason;
use crate::redundant::{BeginFault, Seat};

/// A stream that `stage` has admitted.
pub(crate) struct Publish {
    stage: StageArn,
    media: Box<Stream>,
    sink: Sink,
    entry: Entry,
    ledger: Arc<Ledger>,
    concealed: u64,
}

/// Where the stream goes.
pub(crate) enum Sink {
    /// To its viewers.
    Whole(Box<Forward>),
    /// To the pair that it is of. Its own outlet stands for it alone, and nobody watches that.
    Leg {
        /// Its name for `stage`.
        outlet: Arc<dyn Outlet>,
        /// Its place in the pair.
        seat: Seat,
        /// Whether `stage` was told that media is up.
        is_up: bool,
    },
}

/// Why a stream is cut off.
#[derive(Debug)]
pub(crate) struct Cut {
    /// What `stage` is told.
    pub(crate) cause: CloseCause,
    /// What everybody else is told.
    pub(crate) reason: Reason,
}

impl From<Violation> for Cut {
    fn from(violation: Violation) -> Self {
        Self {
            cause: CloseCause::Fault(violation.code),
            reason: Reason::from(&violation),
        }
    }
}

impl From<&rtmp::Fault> for Cut {
    fn from(fault: &rtmp::Fault) -> Self {
        Self {
            cause: CloseCause::Fault(ErrorCode::InvalidInput),
            reason: Reason::from(fault),
        }
    }
}

impl From<OutletFault> for Cut {
    fn from(fault: OutletFault) -> Self {
        Self {
            cause: CloseCause::Client,
            reason: Reason::unavailable(&format!("the server cannot take the stream: {fault}")),
        }
    }
}

impl From<BeginFault> for Cut {
    fn from(fault: BeginFault) -> Self {
        match fault {
            BeginFault::Violation(violation) => violation.into(),
            BeginFault::Outlet(fault) => fault.into(),
        }
    }
}

/// Waits for `stage` to close a stream.
pub(crate) struct Closing {
    own: Arc<dyn Outlet>,
    /// What viewers see of a pair.
    shown: Option<Arc<dyn Outlet>>,
}

impl Closing {
    /// Yields when `stage` closes it.
    pub(crate) async fn closed(&self) -> LeftReason {
        let shown = async {
            match &self.shown {
                Some(shown) => shown.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = self.own.closed() => reason,
            reason = shown => reason,
        }
    }
}

impl Publish {
    pub(crate) fn new(
        stage: StageArn,
        media: Box<Stream>,
        sink: Sink,
        entry: Entry,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            stage,
            media,
            sink,
            entry,
            ledger,
            concealed: 0,
        }
    }

    /// Tells when `stage` closes the stream.
    pub(crate) fn closing(&self) -> Closing {
        match &self.sink {
            Sink::Whole(forward) => Closing {
                own: Arc::clone(forward.outlet()),
                shown: None,
            },
            Sink::Leg { outlet, seat, .. } => Closing {
                own: Arc::clone(outlet),
                shown: Some(Arc::clone(seat.outlet())),
            },
        }
    }

    /// Takes what the encoder has sent.
    pub(crate) fn take(&mut self, event: Event, now: Instant) -> Result<(), Cut> {
        match event {
            Event::Audio { at_ms, audio } => self.media.audio(audio, at_ms, now)?,
            Event::Video { at_ms, video } => self.media.video(video, at_ms, now)?,
            Event::Metadata(_) | Event::Publish(_) | Event::Ended => {}
        }
        self.pump(now)
    }

    /// Passes on what there is.
    fn pump(&mut self, now: Instant) -> Result<(), Cut> {
        if !self.media.is_ready() {
            return Ok(());
        }
        match &mut self.sink {
            Sink::Whole(forward) if !forward.has_begun() => {
                forward.begin(&self.stage, self.media.description())?;
            }
            Sink::Leg {
                outlet,
                seat,
                is_up: is_up @ false,
            } => {
                seat.begin(self.media.description())?;
                outlet.connected();
                *is_up = true;
            }
            Sink::Whole(_) | Sink::Leg { .. } => {}
        }
        while let Some(unit) = self.media.poll() {
            match &mut self.sink {
                Sink::Whole(forward) => forward.unit(&unit, now),
                Sink::Leg { seat, .. } => seat.unit(&unit, &self.entry, now),
            }
        }
        match &mut self.sink {
            Sink::Whole(forward) => forward.send()?,
            Sink::Leg { seat, .. } => seat.send()?,
        }
        Ok(())
    }

    /// What is missing, if audio and video have not both come.
    pub(crate) fn missing(&self) -> Option<Violation> {
        (!self.media.is_ready()).then(|| self.media.missing())
    }

    /// Brings the ledger up to date.
    pub(crate) fn report(&mut self, now: Instant) {
        let figures = self.media.figures(now);
        let concealed = figures.audio.concealed;
        self.ledger
            .flow
            .aac_concealed
            .fetch_add(concealed.saturating_sub(self.concealed), Ordering::Relaxed);
        self.concealed = concealed;
        let (video, audio) = (figures.video, figures.audio);
        self.entry.update(|stream: &mut IngestStream| {
            stream.width = video.width;
            stream.height = video.height;
            stream.frames_per_second = video.frames_per_second;
            stream.key_frame_interval_ms = video.key_frame_interval_ms;
            stream.video_bitrate_bps = video.bitrate_bps;
            stream.video_codec = video.codec;
            stream.layers = video.layers;
            stream.audio_bitrate_bps = audio.bitrate_bps;
            stream.audio_sample_rate = audio.sample_rate;
            stream.audio_channels = audio.channels;
        });
    }

    /// Tells `stage` that it is over. Its key is free again from here on.
    pub(crate) fn end(mut self, cause: CloseCause, now: Instant) {
        self.report(now);
        match &self.sink {
            Sink::Whole(forward) => forward.outlet().ended(cause),
            Sink::Leg { outlet, seat, .. } => {
                outlet.ended(cause);
                seat.end(cause);
            }
        }
    }
}
