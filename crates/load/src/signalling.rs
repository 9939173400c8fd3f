//! The thread of signalling: offers go in, answers come out, and media does not wait for either.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;
use reqwest::{Client, Url};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::control::Stage;
use crate::http::{self, Fault, Session};
use crate::options::{Bearer, Endpoint, LoadError, Options, RtmpUrl, Target};
use crate::stage_v1::{self, Seat};

/// Offers and deletions under way, at most.
const WAITING_MAX: usize = 16 * 1_024;
/// Sessions that are deleted at the same time.
const DELETIONS_AT_ONCE: usize = 16;
/// How long all deletions may take.
const DELETIONS_MAX: Duration = Duration::from_secs(10);

/// An offer.
pub(crate) struct Ask {
    /// Whose.
    pub(crate) peer: usize,
    pub(crate) door: Door,
    pub(crate) sdp: String,
}

/// Where an offer goes.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    Whip(Endpoint),
    /// Where a publisher that is not there yet is waited for.
    Whep(Endpoint),
    Seat(Seat),
}

impl Door {
    /// What deletes a session that was made here.
    pub(crate) fn bearer(&self) -> Option<&Bearer> {
        match self {
            Self::Whip(endpoint) | Self::Whep(endpoint) => endpoint.bearer.as_ref(),
            Self::Seat(_) => None,
        }
    }
}

/// What became of an offer.
pub(crate) struct Told {
    pub(crate) peer: usize,
    pub(crate) outcome: Result<Session, Fault>,
}

/// Where everybody goes.
pub(crate) struct Doors {
    pub(crate) publishers: Vec<Endpoint>,
    /// Where publishers by RTMP go, each.
    pub(crate) encoders: Vec<RtmpUrl>,
    /// A list for each viewer.
    pub(crate) viewers: Vec<Vec<Door>>,
    stage: Option<Stage>,
}

/// The thread.
pub(crate) struct Signalling {
    asks: mpsc::Sender<Ask>,
    /// Answers.
    pub(crate) told: std::sync::mpsc::Receiver<Told>,
    thread: JoinHandle<Runtime>,
    client: Client,
}

/// A runtime for what is done before and after the thread, and in it.
pub(crate) fn runtime() -> Result<Runtime, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::Machine {
            what: "cannot start the runtime",
            source,
        })
}

/// A client for all requests.
pub(crate) fn client() -> Result<Client, LoadError> {
    http::client().map_err(|why| LoadError::Control {
        call: "the HTTP client",
        why,
    })
}

impl Doors {
    /// Finds out where everybody goes.
    pub(crate) fn open(
        runtime: &Runtime,
        client: &Client,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let viewers = options.viewers_in_all();
        match &options.target {
            Target::Stage {
                endpoint,
                stage,
                credentials,
                watching,
            } => {
                let stage = runtime.block_on(Stage::prepare(
                    client.clone(),
                    endpoint,
                    stage.as_deref(),
                    credentials,
                    *watching,
                    options,
                ))?;
                Ok(Self {
                    publishers: stage.publishers.clone(),
                    encoders: stage.encoders.clone(),
                    viewers: stage.viewers.clone(),
                    stage: Some(stage),
                })
            }
            Target::Doors { whip, whep } => Ok(Self {
                publishers: whip
                    .iter()
                    .cycle()
                    .take(options.publishers)
                    .cloned()
                    .collect(),
                encoders: options
                    .rtmp
                    .iter()
                    .flat_map(|rtmp| rtmp.urls.iter().cycle().take(options.publishers).cloned())
                    .collect(),
                viewers: (0..viewers)
                    .map(|viewer| with_own_token(whep, &options.viewer_bearers, viewer))
                    .collect(),
                stage: None,
            }),
        }
    }
}

fn with_own_token(doors: &[Endpoint], bearers: &[Bearer], viewer: usize) -> Vec<Door> {
    let own = bearers.iter().cycle().nth(viewer % bearers.len().max(1));
    let door = |door: &Endpoint| {
        Door::Whep(Endpoint {
            url: door.url.clone(),
            bearer: own.or(door.bearer.as_ref()).cloned(),
        })
    };
    doors.iter().map(door).collect()
}

impl Signalling {
    /// Starts the thread.
    pub(crate) fn start(
        runtime: Runtime,
        client: Client,
        waker: Arc<Waker>,
    ) -> Result<Self, LoadError> {
        let (asks, asked) = mpsc::channel(WAITING_MAX);
        let (tell, told) = std::sync::mpsc::sync_channel(WAITING_MAX);
        let work = client.clone();
        let thread = std::thread::Builder::new()
            .name("signalling".to_owned())
            .spawn(move || {
                runtime.block_on(answer_all(&work, asked, tell, waker));
                runtime
            })
            .map_err(|source| LoadError::Machine {
                what: "cannot start the signalling thread",
                source,
            })?;
        Ok(Self {
            asks,
            told,
            thread,
            client,
        })
    }

    /// Makes an offer. The bound is beyond what the options allow, so that this does not fail.
    pub(crate) fn ask(&self, ask: Ask) -> Result<(), Fault> {
        self.asks
            .try_send(ask)
            .map_err(|_| "too many offers wait".to_owned())
    }

    /// Ends the thread, deletes the sessions and what was made for the load.
    pub(crate) fn end(self, sessions: Vec<(Url, Option<Bearer>)>, doors: &Doors) {
        drop(self.asks);
        // It has not panicked: nothing there indexes or unwraps.
        let Ok(runtime) = self.thread.join() else {
            return;
        };
        let client = self.client;
        let work = async {
            let mut sessions = sessions.into_iter();
            let mut deletions = JoinSet::new();
            loop {
                while deletions.len() < DELETIONS_AT_ONCE
                    && let Some((resource, bearer)) = sessions.next()
                {
                    let client = client.clone();
                    deletions.spawn(async move {
                        http::delete(&client, resource, bearer.as_ref()).await;
                    });
                }
                if deletions.join_next().await.is_none() {
                    break;
                }
            }
            if let Some(stage) = &doors.stage {
                stage.delete().await;
            }
        };
        runtime.block_on(async {
            // What is left over ends by itself when the server misses its media.
            let _ = tokio::time::timeout(DELETIONS_MAX, work).await;
        });
    }
}

/// Makes offers until nobody can ask any more; what is then under way is given up, and who has a seat leaves.
async fn answer_all(
    client: &Client,
    mut asked: mpsc::Receiver<Ask>,
    tell: std::sync::mpsc::SyncSender<Told>,
    waker: Arc<Waker>,
) {
    let tell = move |told: Told| {
        // There is room for all that can be asked, and nobody listens only when all is over.
        let _ = tell.try_send(told);
        // Without it media looks again within some milliseconds.
        let _ = waker.wake();
    };
    let tell = Arc::new(tell);
    let (over, is_over) = watch::channel(false);
    let mut offers = JoinSet::new();
    let mut seats = JoinSet::new();
    while let Some(Ask { peer, door, sdp }) = asked.recv().await {
        let tell = Arc::clone(&tell);
        let (endpoint, is_patient) = match door {
            Door::Whip(endpoint) => (endpoint, false),
            Door::Whep(endpoint) => (endpoint, true),
            Door::Seat(seat) => {
                let tell = move |outcome| tell(Told { peer, outcome });
                seats.spawn(stage_v1::take(seat, sdp, tell, is_over.clone()));
                continue;
            }
        };
        let client = client.clone();
        offers.spawn(async move {
            let outcome = http::offer(&client, &endpoint, &sdp, is_patient).await;
            tell(Told { peer, outcome });
        });
        // What is done is let go of.
        while offers.try_join_next().is_some() {}
    }
    offers.abort_all();
    let _ = over.send(true);
    while seats.join_next().await.is_some() {}
}
