//! WHIP and WHEP doors in front of servers that speak something else, on a thread of the load's core.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What is behind a door.
pub(super) trait Behind: Send + Sync + 'static {
    /// Answers a publisher's offer.
    fn publish(&self, offer: String) -> impl Future<Output = anyhow::Result<String>> + Send;
    /// Answers a viewer's offer.
    fn watch(&self, offer: String) -> impl Future<Output = anyhow::Result<String>> + Send;
}

/// Open doors. They close when dropped.
pub(super) struct Door {
    /// Base URL; the paths are `/whip` and `/whep`.
    pub(super) url: String,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens them.
    pub(super) fn open<T: Behind>(behind: T) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (close, closed) = oneshot::channel();
        let routes = Router::new()
            .route("/whip", post(publish::<T>))
            .route("/whep", post(watch::<T>))
            // Sessions end with their server.
            .route("/session", delete(|| async { StatusCode::OK }))
            .with_state(Arc::new(behind));
        let thread = std::thread::Builder::new()
            .name("door".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else {
                        return;
                    };
                    let serving = axum::serve(listener, routes);
                    // Whoever asks after that is refused by the kernel, and says so.
                    tokio::select! {
                        _ = serving => {}
                        _ = closed => {}
                    }
                });
            })
            .context("a thread for the doors")?;
        Ok(Self {
            url,
            close: Some(close),
            thread: Some(thread),
        })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed.
            let _ = thread.join();
        }
    }
}

async fn publish<T: Behind>(State(behind): State<Arc<T>>, offer: String) -> Response {
    answer(behind.publish(offer).await)
}

async fn watch<T: Behind>(State(behind): State<Arc<T>>, offer: String) -> Response {
    answer(behind.watch(offer).await)
}

fn answer(answer: anyhow::Result<String>) -> Response {
    match answer {
        Ok(answer) => (
            StatusCode::CREATED,
            [(CONTENT_TYPE, "application/sdp"), (LOCATION, "/session")],
            answer,
        )
            .into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
