//! The life of one connection: a handshake, a wish to publish, the stream, and perhaps another.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::IngestConfigurationArn;
use rtmp::server::{self, Event, Session};
use stage::{CloseCause, LeftReason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::admission::{Refused, Shared, Visitor};
use crate::publish::{Cut, Publish};
use crate::reason::{Ending, Reason};
use crate::settings::Limits;
use crate::wire::{Turn, Wire};

/// How often the ledger hears of a stream.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a stream may wait for `stage` to close it when the doors close.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// How a stream has ended.
enum End {
    /// The publisher has ended it, and may publish again.
    Ended,
    /// The connection is gone.
    Gone,
    /// The server cuts it off.
    Cut(Cut),
    /// `stage` has ended it, and nothing is wrong with it. What the API has asked for is remembered.
    Closed { reason: Reason, is_asked: bool },
}

/// Serves a connection until it has ended.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(
    shared: Arc<Shared>,
    visitor: Visitor,
    socket: S,
) {
    let mut random = [0; rtmp::HANDSHAKE_RANDOM_BYTES];
    (shared.random)(&mut random);
    let session = Session::new(shared.limits.session.clone(), random);
    let connection = Connection {
        since: visitor.since,
        shared,
        visitor,
        wire: Wire::new(socket, session),
    };
    connection.run().await;
}

struct Connection<S> {
    shared: Arc<Shared>,
    visitor: Visitor,
    wire: Wire<S>,
    /// When it came, or its last stream has ended.
    since: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    async fn run(mut self) {
        loop {
            let wish = match self.opening().await {
                Ok(Some(wish)) => wish,
                Ok(None) => return,
                Err(reason) => return self.refuse(reason.into()).await,
            };
            let asked = Instant::now();
            let (configuration, publish) = match self.shared.admit(&self.visitor, &wish).await {
                Ok(admitted) => admitted,
                Err(refused) => return self.refuse(refused).await,
            };
            self.wire.accept();
            match self.publishing(publish, &configuration, asked).await {
                End::Ended => self.since = Instant::now(),
                End::Gone => return,
                End::Cut(cut) => {
                    let refused = Refused {
                        configuration: Some(configuration),
                        reason: cut.reason,
                    };
                    return self.refuse(refused).await;
                }
                End::Closed { reason, is_asked } => {
                    if is_asked {
                        let (address, at) = (self.visitor.address, (self.shared.clock)().wall);
                        let ledger = &self.shared.ledger;
                        ledger.remember(Some(&configuration), &reason, address, at);
                    }
                    return self.close(&reason).await;
                }
            }
        }
    }

    /// Waits for a wish to publish. `None` if the peer goes.
    async fn opening(&mut self) -> Result<Option<server::Publish>, Reason> {
        let limits = &self.shared.limits;
        let mut draining = self.visitor.draining.clone();
        loop {
            while let Some(event) = self.wire.poll_event() {
                if let Event::Publish(wish) = event {
                    return Ok(Some(wish));
                }
            }
            let is_shaken = self.wire.is_shaken();
            let deadline = if is_shaken {
                self.since + limits.publish_timeout
            } else {
                self.since + limits.handshake_timeout
            };
            let stuck = self.wire.stuck().map(|at| at + limits.write_timeout);
            let next = stuck.map_or(deadline, |stuck| stuck.min(deadline));
            tokio::select! {
                biased;
                () = drain_begins(&mut draining) => return Ok(None),
                () = sleep_until(next) => {
                    return Err(if next < deadline {
                        slow_reader(limits.write_timeout)
                    } else if is_shaken {
                        late("no publish has come", limits.publish_timeout)
                    } else {
                        late("the RTMP handshake has not ended", limits.handshake_timeout)
                    });
                }
                turn = self.wire.turn() => match turn {
                    Turn::Read(count) => self.count(count),
                    Turn::Gone => return Ok(None),
                    Turn::Fault(fault) => return Err(Reason::from(&fault)),
                },
            }
        }
    }

    /// Runs a stream to its end, of which `stage` has heard when this returns. It was asked for at `asked`.
    async fn publishing(
        &mut self,
        mut publish: Publish,
        configuration: &IngestConfigurationArn,
        asked: Instant,
    ) -> End {
        let end = self.streaming(&mut publish, asked).await;
        let cause = match &end {
            End::Ended | End::Gone | End::Closed { .. } => CloseCause::Client,
            End::Cut(cut) => cut.cause,
        };
        publish.end(cause, (self.shared.clock)().mono);
        if let End::Closed { reason, .. } = &end {
            let (code, what) = (reason.code, &reason.what);
            tracing::info!(%configuration, code, what, "an encoder has ended");
        } else {
            tracing::info!(%configuration, "an encoder has ended");
        }
        end
    }

    async fn streaming(&mut self, publish: &mut Publish, asked: Instant) -> End {
        let limits = self.shared.limits.clone();
        let mut draining = self.visitor.draining.clone();
        // Made once, and not for each turn: there are eighty turns in a second, and these are seldom ready.
        let mut drain = pin!(drain_begins(&mut draining));
        let closing = publish.closing();
        let mut closing = pin!(closing.closed());
        let began = Instant::now();
        let mut report = began + REPORT_INTERVAL;
        let mut alarm = pin!(sleep_until(report));
        let mut drained = None;
        let mut fault = None;
        loop {
            match self.advance(publish) {
                Ok(false) => {}
                Ok(true) => return End::Ended,
                Err(cut) => {
                    // Whom `stage` closes while media is on its way is told that, and not that nobody takes it.
                    return tokio::select! {
                        biased;
                        reason = &mut closing => closed(reason, asked),
                        () = std::future::ready(()) => End::Cut(cut),
                    };
                }
            }
            if let Some(fault) = fault {
                return End::Cut(Cut::from(&fault));
            }
            let mut next = self.silent_at(&limits, began);
            let media = (began + limits.media_timeout).min(next);
            if publish.missing().is_some() {
                next = media;
            }
            let stuck = self.wire.stuck().map(|at| at + limits.write_timeout);
            for deadline in [stuck, drained, Some(report)].into_iter().flatten() {
                next = next.min(deadline);
            }
            // It is the next report's nearly always, whatever else has moved.
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            tokio::select! {
                biased;
                reason = &mut closing => return closed(reason, asked),
                () = &mut drain, if drained.is_none() => {
                    drained = Some(Instant::now() + DRAIN_PATIENCE);
                }
                turn = self.wire.turn() => match turn {
                    Turn::Read(count) => self.count(count),
                    Turn::Gone => return End::Gone,
                    Turn::Fault(broken) => fault = Some(broken),
                },
                () = &mut alarm => {}
            }
            let now = Instant::now();
            if now >= report {
                report = now + REPORT_INTERVAL;
                publish.report((self.shared.clock)().mono);
            }
            if drained.is_some_and(|at| now >= at) {
                return closed(LeftReason::Unknown, asked);
            }
            if let Some(cut) = self.overdue(publish, &limits, began, now) {
                return End::Cut(cut);
            }
        }
    }

    /// Passes on what has come. Says whether the publisher has ended its stream.
    fn advance(&mut self, publish: &mut Publish) -> Result<bool, Cut> {
        let now = (self.shared.clock)().mono;
        while let Some(event) = self.wire.poll_event() {
            if event == Event::Ended {
                return Ok(true);
            }
            publish.take(event, now)?;
        }
        Ok(false)
    }

    /// When it will have been silent for too long. A publisher waits to be let in, and nothing is expected of it meanwhile.
    fn silent_at(&self, limits: &Limits, began: Instant) -> Instant {
        self.wire.heard().max(began) + limits.liveness_timeout
    }

    /// What has taken too long.
    fn overdue(
        &self,
        publish: &Publish,
        limits: &Limits,
        began: Instant,
        now: Instant,
    ) -> Option<Cut> {
        let timed_out = |reason| {
            Some(Cut {
                cause: CloseCause::Timeout,
                reason,
            })
        };
        if now >= self.silent_at(limits, began) {
            return timed_out(late("nothing has come", limits.liveness_timeout));
        }
        if self
            .wire
            .stuck()
            .is_some_and(|at| now >= at + limits.write_timeout)
        {
            return timed_out(slow_reader(limits.write_timeout));
        }
        if now >= began + limits.media_timeout {
            return publish.missing().map(Cut::from);
        }
        None
    }

    fn count(&self, bytes: usize) {
        let counter = &self.shared.ledger.flow.bytes;
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Writes down why it is over, tells the encoder, and closes.
    async fn refuse(&mut self, refused: Refused) {
        let Refused {
            configuration,
            reason,
        } = refused;
        let (address, at) = (self.visitor.address, (self.shared.clock)().wall);
        let ledger = &self.shared.ledger;
        ledger.refused(configuration.as_ref(), &reason, address, at);
        let (code, what) = (reason.code, &reason.what);
        if let Some(configuration) = &configuration {
            tracing::info!(%configuration, %address, code, what, "an encoder is refused");
        } else {
            tracing::info!(%address, code, what, "an encoder is refused");
        }
        self.close(&reason).await;
    }

    /// Tells the encoder why it is over. Its connection counts until it has gone.
    async fn close(&mut self, reason: &Reason) {
        let mut draining = self.visitor.draining.clone();
        let hurry = drain_begins(&mut draining);
        self.wire.close(&reason.status(), hurry).await;
    }
}

/// How a stream has ended that `stage` has closed.
fn closed(reason: LeftReason, asked: Instant) -> End {
    match Ending::of(reason, asked.elapsed()) {
        Ending::Asked(reason) => End::Closed {
            reason,
            is_asked: true,
        },
        Ending::Down(reason) => End::Closed {
            reason,
            is_asked: false,
        },
        Ending::Broken(reason) => End::Cut(Cut {
            cause: CloseCause::Client,
            reason,
        }),
    }
}

fn late(what: &str, after: Duration) -> Reason {
    Reason::timed_out(format!("{what} within {} s", after.as_secs_f64()))
}

fn slow_reader(after: Duration) -> Reason {
    late("the encoder does not read its answers", after)
}

/// Returns when the doors close.
pub(crate) async fn drain_begins(draining: &mut watch::Receiver<bool>) {
    // An error means that nobody can begin it any more: the process is ending.
    let _ = draining.wait_for(|draining| *draining).await;
}
