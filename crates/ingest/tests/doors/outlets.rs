//! Outlets that remember what they were given.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ingest::{Outlet, OutletFault, Outlets};
use model::{ConnectionId, StageArn};
use sfu::{InletDescription, Relayed};
use stage::{CloseCause, Input, LeftReason};
use tokio::sync::{mpsc, watch};

/// All outlets that were opened.
pub(crate) struct Remembering {
    next: AtomicU64,
    lines: Mutex<BTreeMap<ConnectionId, Arc<Line>>>,
    facts: mpsc::Sender<Input>,
    /// How many facts were told.
    told: AtomicU64,
    /// How many the stage has heard.
    pub(crate) heard: watch::Sender<u64>,
    /// How long a fact is under way.
    pub(crate) lag: Mutex<Duration>,
    /// From here on each send panics.
    pub(crate) is_broken: AtomicBool,
    /// From here on each publish is closed in the moment in which it begins.
    pub(crate) is_closed_at_begin: AtomicBool,
}

/// What one outlet was given.
pub(crate) struct Line {
    left: watch::Sender<Option<LeftReason>>,
    pub(crate) begun: Mutex<Option<(StageArn, InletDescription)>>,
    /// Packets.
    pub(crate) sent: AtomicUsize,
    /// The same.
    pub(crate) packets: Mutex<Vec<Relayed>>,
    has_ended: AtomicBool,
}

impl Line {
    fn begin(&self, stage: &StageArn, description: InletDescription) {
        *self.begun.lock().unwrap() = Some((stage.clone(), description));
    }

    fn take(&self, packets: Relayed) {
        self.sent.fetch_add(packets.len(), Ordering::Relaxed);
        self.packets.lock().unwrap().push(packets);
    }
}

impl Remembering {
    pub(crate) fn new(facts: mpsc::Sender<Input>) -> Self {
        Self {
            next: AtomicU64::new(1),
            lines: Mutex::default(),
            facts,
            told: AtomicU64::new(0),
            heard: watch::Sender::new(0),
            lag: Mutex::default(),
            is_broken: AtomicBool::new(false),
            is_closed_at_begin: AtomicBool::new(false),
        }
    }

    /// `stage` closes a connection.
    pub(crate) fn close(&self, connection: ConnectionId, reason: LeftReason) {
        if let Some(line) = self.lines.lock().unwrap().get(&connection) {
            line.has_ended.store(true, Ordering::Relaxed);
            line.left.send_replace(Some(reason));
        }
    }

    /// Those that have begun, in order.
    pub(crate) fn begun(&self) -> Vec<Arc<Line>> {
        let lines = self.lines.lock().unwrap();
        let begun = lines
            .values()
            .filter(|line| line.begun.lock().unwrap().is_some());
        begun.cloned().collect()
    }
}

/// The handle of the doors.
pub(crate) struct Opener(pub(crate) Arc<Remembering>);

impl Outlets for Opener {
    fn open(&self) -> Box<dyn Outlet> {
        let connection = ConnectionId(self.0.next.fetch_add(1, Ordering::Relaxed));
        let line = Arc::new(Line {
            left: watch::Sender::new(None),
            begun: Mutex::default(),
            sent: AtomicUsize::new(0),
            packets: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let mut lines = self.0.lines.lock().unwrap();
        lines.insert(connection, Arc::clone(&line));
        Box::new(Handle {
            all: Arc::clone(&self.0),
            connection,
            line,
        })
    }

    fn told(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let told = self.0.told.load(Ordering::Relaxed);
        let mut heard = self.0.heard.subscribe();
        Box::pin(async move {
            heard.wait_for(|heard| *heard >= told).await.unwrap();
        })
    }
}

struct Handle {
    all: Arc<Remembering>,
    connection: ConnectionId,
    line: Arc<Line>,
}

impl Handle {
    fn tell(&self, input: Input) {
        // At the end of a test there is nobody left to tell.
        if self.all.facts.try_send(input).is_ok() {
            self.all.told.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outlet for Handle {
    fn connection(&self) -> ConnectionId {
        self.connection
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = LeftReason> + Send + '_>> {
        let mut left = self.line.left.subscribe();
        Box::pin(async move {
            let reason = left.wait_for(Option::is_some).await.unwrap();
            reason.unwrap()
        })
    }

    fn begin(&self, stage: &StageArn, description: InletDescription) -> Result<(), OutletFault> {
        if self.all.is_closed_at_begin.load(Ordering::Relaxed) {
            let reason = LeftReason::ParticipantDisconnected;
            self.all.close(self.connection, reason);
            return Err(OutletFault::Gone);
        }
        self.line.begin(stage, description);
        Ok(())
    }

    fn send(&self, packets: Relayed) -> Result<(), OutletFault> {
        assert!(
            !self.all.is_broken.load(Ordering::Relaxed),
            "broken on purpose"
        );
        self.line.take(packets);
        Ok(())
    }

    fn connected(&self) {
        let connection = self.connection;
        self.tell(Input::Connected { connection });
    }

    fn ended(&self, cause: CloseCause) {
        if !self.line.has_ended.swap(true, Ordering::Relaxed) {
            let connection = self.connection;
            self.tell(Input::Closed { connection, cause });
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.ended(CloseCause::Client);
    }
}
