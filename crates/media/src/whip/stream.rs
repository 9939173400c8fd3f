//! Events of a subscription, as a stream (the server-sent-events extension of WHEP): whether its publisher sends, and its layers.
//!
//! A client either posts the list of events that it wants and reads the stream that `Location` names, or reads at once. Each
//! request needs a token, so a browser reads by `fetch`: its `EventSource` sends none. A stream ends with its session; until
//! then a comment every few seconds tells proxies that it is alive.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{Request, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::{JSON, request, session};
use crate::connections::NotFollowed;
use crate::news::{self, News};
use crate::plane::Plane;
use crate::problem::Problem;

/// What can be asked for.
pub(super) const EVENTS: &str = "active,inactive,layers";

/// Streams of one session: one for each tab that shows it, with room for one that is going.
const STREAMS_PER_SESSION_MAX: usize = 4;
/// Streams in all. Each holds one of the HTTP server's connections, of which the API needs some.
pub(crate) const STREAMS_MAX: usize = 4_096;
/// Proxies give up on silence after a minute (nginx, ALB).
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which events a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    active: bool,
    inactive: bool,
    layers: bool,
}

impl Wanted {
    const ALL: Self = Self {
        active: true,
        inactive: true,
        layers: true,
    };

    /// Those of the names that are known; others may be of a later day.
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for name in names {
            match name {
                "active" => wanted.active = true,
                "inactive" => wanted.inactive = true,
                "layers" => wanted.layers = true,
                _ => {}
            }
        }
        if wanted == Self::default() {
            let message = format!("none of the events is known; there are {EVENTS}");
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "EVENTS_UNKNOWN",
                message,
            ));
        }
        Ok(wanted)
    }

    fn of_query(query: Option<&str>) -> Result<Self, Problem> {
        let mut pairs = query.unwrap_or_default().split('&');
        match pairs.find_map(|pair| pair.strip_prefix("events=")) {
            None => Ok(Self::ALL),
            Some(names) => Self::of(names.split(',')),
        }
    }

    fn names(self) -> String {
        let all = [
            (self.active, "active"),
            (self.inactive, "inactive"),
            (self.layers, "layers"),
        ];
        let names = all
            .into_iter()
            .filter_map(|(is_in, name)| is_in.then_some(name));
        names.collect::<Vec<_>>().join(",")
    }
}

/// POST: a list of events makes a stream of them.
pub(super) async fn choose(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (key, _) =
        session::subscription(&plane, &name, (request.headers(), request.extensions())).await?;
    let body = request::text(request, JSON).await?;
    let names: Vec<String> = serde_json::from_str(&body).map_err(|_| {
        let message = "the body must be a list of events, as JSON";
        Problem::new(StatusCode::BAD_REQUEST, "BODY_MALFORMED", message)
    })?;
    let wanted = Wanted::of(names.iter().map(String::as_str))?;
    let location = format!(
        "{}/whip/session/{key}/events?events={}",
        plane.public_url,
        wanted.names()
    );
    Ok((StatusCode::CREATED, [(LOCATION, location)]).into_response())
}

/// GET: the stream.
pub(super) async fn read(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (key, session) =
        session::subscription(&plane, &name, (request.headers(), request.extensions())).await?;
    let wanted = Wanted::of_query(query.as_deref())?;
    let permit = Arc::clone(&plane.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::overloaded())?;
    let news = plane.connections.news_follow(key, STREAMS_PER_SESSION_MAX);
    let news = news.map_err(|error| match error {
        NotFollowed::NoSubscription => session::not_a_subscription(),
        NotFollowed::TooMany => Problem::new(
            StatusCode::CONFLICT,
            "TOO_MANY_STREAMS",
            format!("the session has {STREAMS_PER_SESSION_MAX} streams of events already"),
        ),
    })?;
    let follower = Follower::new(news, session.video_mid, wanted, permit);
    let body = Body::from_stream(stream::unfold(follower, |mut follower| async {
        let text = follower.next().await?;
        Some((Ok::<_, Infallible>(text), follower))
    }));
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, body).into_response())
}

/// One stream, from its first event to its last.
struct Follower {
    news: watch::Receiver<News>,
    mid: Option<String>,
    wanted: Wanted,
    ready: VecDeque<Bytes>,
    /// What was told last.
    told: Option<String>,
    has_ended: bool,
    heartbeat: tokio::time::Interval,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    fn new(
        mut news: watch::Receiver<News>,
        mid: Option<String>,
        wanted: Wanted,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        news.mark_unchanged();
        let mut follower = Self {
            news,
            mid,
            wanted,
            ready: VecDeque::new(),
            told: None,
            has_ended: false,
            heartbeat,
            _permit: permit,
        };
        // Who publishes nothing cannot be subscribed to, and a subscription ends with its publish.
        follower.say(wanted.active, "active", "{}");
        follower.say_layers();
        follower
    }

    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(text);
            }
            if self.has_ended {
                return None;
            }
            tokio::select! {
                changed = self.news.changed() => if changed.is_ok() {
                    self.say_layers();
                } else {
                    self.say(self.wanted.inactive, "inactive", "{}");
                    self.has_ended = true;
                },
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": \n\n")),
            }
        }
    }

    fn say_layers(&mut self) {
        let layers = self.news.borrow_and_update().layers.clone();
        let (Some(layers), Some(mid)) = (layers, &self.mid) else {
            return;
        };
        let text = news::layers_json(mid, &layers).to_string();
        if self.told.as_ref() != Some(&text) {
            self.say(self.wanted.layers, "layers", &text);
            self.told = Some(text);
        }
    }

    /// `data` has no line ends: JSON escapes them.
    fn say(&mut self, is_wanted: bool, event: &str, data: &str) {
        if is_wanted {
            let mut text = String::with_capacity(data.len() + 32);
            let _ = write!(text, "event: {event}\ndata: {data}\n\n");
            self.ready.push_back(Bytes::from(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use model::ConnectionId;
    use sfu::{LayerReason, Layers};
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn events_are_those_that_are_known() {
        for (query, names) in [
            (None, Some(EVENTS)),
            (Some(""), Some(EVENTS)),
            (Some("a=b"), Some(EVENTS)),
            (Some("events=layers,active,layers"), Some("active,layers")),
            (Some("x=1&events=inactive,viewercount"), Some("inactive")),
            (Some("events=viewercount"), None),
            (Some("events="), None),
        ] {
            let found = Wanted::of_query(query).ok().map(Wanted::names);
            assert_eq!(found.as_deref(), names, "{query:?}");
        }
    }

    fn follower(wanted: Wanted) -> (watch::Sender<News>, Follower) {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (sender, news) = watch::channel(News::default());
        let follower = Follower::new(news, Some("1".to_owned()), wanted, permit);
        (sender, follower)
    }

    fn empty() -> News {
        let layers = Layers {
            publisher: ConnectionId(1),
            layers: Vec::new(),
            selected: None,
            reason: LayerReason::Automatic,
        };
        News {
            layers: Some(Arc::new(layers)),
        }
    }

    const NO_LAYERS: &str = "event: layers\ndata: {\"1\":{\"active\":[],\"inactive\":[],\"layers\":[],\"reason\":\"automatic\",\"selected\":null}}\n\n";

    #[tokio::test(start_paused = true)]
    async fn a_stream_tells_what_is_new_once_and_ends_with_its_session() {
        let (sender, mut follower) = follower(Wanted::ALL);
        assert_eq!(
            follower.next().await.unwrap(),
            "event: active\ndata: {}\n\n"
        );
        // Nothing happens until the heart beats.
        assert_eq!(follower.next().await.unwrap(), ": \n\n");
        sender.send_replace(empty());
        assert_eq!(follower.next().await.unwrap(), NO_LAYERS);
        sender.send_replace(empty());
        assert_eq!(follower.next().await.unwrap(), ": \n\n");
        drop(sender);
        assert_eq!(
            follower.next().await.unwrap(),
            "event: inactive\ndata: {}\n\n"
        );
        assert_eq!(follower.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_tells_only_what_was_asked_for() {
        let (sender, mut follower) = follower(Wanted::of(["layers"].into_iter()).unwrap());
        sender.send_replace(empty());
        assert_eq!(follower.next().await.unwrap(), NO_LAYERS);
        drop(sender);
        assert_eq!(follower.next().await, None);
    }
}
