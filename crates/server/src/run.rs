//! The stage loop: one task that owns the stage machine, feeds it and carries out what it wants.
//!
//! Priorities: first what is due by time, then the gauges (once a second), then the inbox. For each input: its records go
//! to the writer, then whoever asked gets the reply, then peers and sockets are told, in the machine's order. The loop
//! never waits for the store, for media or for a client, and it decides nothing, with one exception: while the writer is
//! pressed, newcomers are refused by dropping their reply, which the doors answer with 503.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use media::{Command, Media};
use model::{Now, Record};
use stage::{Input, Output, Reply, Stages};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::census::{Census, Gauges};
use crate::clock::Clock;
use crate::writer::Writer;

/// Inputs that wait for the loop. Doors and workers wait when it is full; at some 10 us an input that is under a tenth of a second.
pub(crate) const INBOX: usize = 4_096;
/// How often the gauges are brought up to date.
const GAUGES_INTERVAL: Duration = Duration::from_secs(1);

/// One input and where its reply goes.
pub(crate) type Message = (Input, oneshot::Sender<Reply>);

/// Who hears the reply to an input, and when.
enum Asker {
    /// Time: nobody asked.
    Nobody,
    /// At once.
    AtOnce(oneshot::Sender<Reply>),
    /// When the records of this input and of all before it are written, so that none of them can meet a stage that takes
    /// the name of a deleted one.
    WhenWritten(oneshot::Sender<Reply>),
}

/// Everything that the loop owns.
pub(crate) struct StageLoop {
    pub(crate) stages: Stages,
    pub(crate) census: Census,
    pub(crate) clock: Clock,
    pub(crate) media: Media,
    pub(crate) writer: Writer,
    pub(crate) gauges: Arc<Gauges>,
}

/// Tells the machine what the store holds, before anybody may come in: every stage, and the sessions that a crash left
/// open, whose ends are written here.
pub(crate) async fn restore(
    stages: &mut Stages,
    store: &dyn Store,
    now: Now,
) -> anyhow::Result<Census> {
    let mut census = Census::default();
    for (stage, banned) in store.stage_all().await.context("reading the stages")? {
        census.stage_opened(stage.clone());
        stages.handle(Input::StageOpened { stage, banned }, now);
    }
    let sessions = store
        .session_live()
        .await
        .context("reading the open sessions")?;
    let crashed = sessions.len();
    for session in sessions {
        stages.handle(Input::Restored(session), now);
    }
    let mut records = Vec::new();
    while let Some(output) = stages.poll_output() {
        if let Output::Record(record) = output {
            records.push(record);
        }
    }
    if crashed > 0 {
        store
            .records_apply(&records)
            .await
            .context("closing the sessions that a crash left open")?;
        tracing::info!(
            sessions = crashed,
            "closed the sessions that were left open"
        );
    }
    Ok(census)
}

impl StageLoop {
    /// Runs until `stop` says so.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Message>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let mut gauges = tokio::time::interval(GAUGES_INTERVAL);
        gauges.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.stages.poll_timeout().map(Instant::from_std);
            tokio::select! {
                biased;
                () = until(due) => {
                    self.stages.handle_timeout((self.clock)());
                    self.carry_out(Asker::Nobody);
                }
                _ = gauges.tick() => self.census.show(&self.gauges),
                message = inbox.recv() => match message {
                    Some((input, reply)) => self.take(input, reply),
                    None => return,
                },
                _ = &mut stop => return,
            }
        }
    }

    fn take(&mut self, input: Input, reply: oneshot::Sender<Reply>) {
        match &input {
            Input::Join { .. }
            | Input::Publish { .. }
            | Input::Subscribe { .. }
            | Input::Ingest { .. }
            | Input::Replicate(_) => {
                if self.writer.is_pressed() {
                    tracing::debug!("a newcomer is refused: too much waits for the store");
                    return;
                }
            }
            Input::StageOpened { stage, .. } => self.census.stage_opened(stage.clone()),
            Input::StageDeleted { stage } => self.census.stage_deleted(stage),
            Input::AllStagesDeleted => self.census = Census::default(),
            Input::Restored(_)
            | Input::Knock { .. }
            | Input::IngestDetached { .. }
            | Input::Disconnect { .. }
            | Input::Connected { .. }
            | Input::Closed { .. }
            | Input::Mute { .. }
            | Input::Exchange { .. }
            | Input::ReplicationAnswered(_)
            | Input::StopReplication(_)
            | Input::PutOut { .. }
            | Input::Shutdown => {}
        }
        // What the API reads next, it reads from the store.
        let is_read_next = matches!(
            input,
            Input::AllStagesDeleted | Input::Replicate(_) | Input::StopReplication(_)
        );
        let asker = if is_read_next {
            Asker::WhenWritten(reply)
        } else {
            Asker::AtOnce(reply)
        };
        self.stages.handle(input, (self.clock)());
        self.carry_out(asker);
    }

    fn carry_out(&mut self, asker: Asker) {
        let mut records = Vec::new();
        let mut others = Vec::new();
        while let Some(output) = self.stages.poll_output() {
            match output {
                Output::Record(record) => {
                    note(&record);
                    self.census.note(&record);
                    records.push(record);
                }
                other @ (Output::Reply(_) | Output::Close { .. } | Output::Roster { .. }) => {
                    others.push(other);
                }
            }
        }
        let mut asker = match asker {
            Asker::WhenWritten(asker) => {
                let reply = others.iter().find_map(|output| match output {
                    Output::Reply(reply) => Some(reply.clone()),
                    Output::Record(_) | Output::Close { .. } | Output::Roster { .. } => None,
                });
                let reply = reply.unwrap_or(Reply::Done);
                self.writer.write_and_answer(records, asker, reply);
                None
            }
            Asker::AtOnce(asker) => {
                self.writer.write(records);
                Some(asker)
            }
            Asker::Nobody => {
                self.writer.write(records);
                None
            }
        };
        for output in others {
            match output {
                Output::Record(_) => {}
                Output::Reply(reply) => {
                    if let Some(asker) = asker.take() {
                        // Whoever asked may have gone away.
                        let _ = asker.send(reply);
                    }
                }
                Output::Close { connection, reason } => {
                    self.media.command(Command::Close { connection, reason });
                }
                Output::Roster { to, roster } => {
                    self.media.command(Command::Roster { to, roster });
                }
            }
        }
    }
}

/// Writes the facts that an operator notices to the log.
fn note(record: &Record) {
    match record {
        Record::SessionStarted(session) => {
            tracing::info!(stage = %session.stage, session = %session.id, "session started");
        }
        Record::SessionEnded { stage, session, .. } => {
            tracing::info!(%stage, %session, "session ended");
        }
        Record::Participant(_) | Record::Replica(_) => {}
        Record::Ingest {
            stage,
            configuration,
            active,
        } => {
            tracing::info!(%stage, %configuration, active, "ingest configuration changed its state");
        }
        Record::Event(event) => {
            tracing::debug!(
                stage = %event.stage,
                session = %event.session,
                participant = %event.participant,
                event = event.name.as_str(),
                error = event.error.map(model::ErrorCode::as_str),
                "event"
            );
        }
    }
}

/// Until the time comes; for ever if there is none.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
