//! The life of the server: everything is opened, wired and restored before the first connection is accepted, and ended in
//! the opposite order.

mod start;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ingest::Ingest;
use media::Media;
use stage::Input;
use store::Sqlite;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{Config, Mode};
use crate::ready;
use crate::run::Message;
use crate::signals::Signals;
use crate::terminal;

/// How long peers and sockets may take to hear of the end.
const MEDIA_END_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long the last records may take to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that runs, in the order in which it ends.
struct Running {
    draining: watch::Sender<bool>,
    inbox: mpsc::Sender<Message>,
    media: Media,
    ingest: Arc<Ingest>,
    http: JoinSet<()>,
    stop_loop: oneshot::Sender<()>,
    stage_loop: JoinSet<()>,
    housekeeping: JoinSet<()>,
    writer: JoinSet<()>,
    store: Arc<Sqlite>,
}

/// Runs the server until the first signal, then drains it. A second signal is for the caller.
pub(crate) async fn serve(config: Config, signals: &mut Signals) -> anyhow::Result<()> {
    let mode = config.mode;
    let ready_file = config.ready_file.clone();
    let admin_key = config.admin_key.clone();
    let (mut running, told) = start::start(config).await?;
    if let Some(path) = &ready_file {
        ready::write_file(path, &told.addresses)?;
    }
    let addresses = &told.addresses;
    let (rtmp, rtmps) = (
        addresses.rtmp.map(tracing::field::display),
        addresses.rtmps.map(tracing::field::display),
    );
    tracing::info!(
        http = %addresses.http, media = ?addresses.media, rtmp, rtmps, public = told.url.http(), "ready"
    );
    if mode == Mode::Dev {
        terminal::print(&ready::banner(&told, admin_key.as_ref()));
    }

    let outcome = tokio::select! {
        signal = signals.recv() => {
            tracing::info!(signal, "stopping");
            Ok(())
        }
        fault = running.fault() => Err(fault),
    };
    running.drain().await;
    tracing::info!("stopped");
    outcome
}

impl Running {
    /// Returns when something has ended that must not end.
    async fn fault(&mut self) -> anyhow::Error {
        let (part, outcome) = tokio::select! {
            outcome = self.http.join_next() => ("the HTTP server", outcome),
            outcome = self.stage_loop.join_next() => ("the stage loop", outcome),
            outcome = self.housekeeping.join_next() => ("housekeeping", outcome),
            outcome = self.writer.join_next() => ("the writer", outcome),
            () = self.media.failed() => ("a media worker", None),
            () = self.ingest.failed() => ("a door for encoders", None),
        };
        let panicked = matches!(outcome, Some(Err(error)) if error.is_panic());
        tracing::error!(part, panicked, "a part of the server has ended");
        anyhow::anyhow!("{part} has ended unexpectedly")
    }

    /// Tells everybody, writes everything down, and ends.
    async fn drain(mut self) {
        // Receivers live in the HTTP server; without it there is nobody to tell.
        let _ = self.draining.send(true);
        if let Err(error) = self.end_stages().await {
            tracing::warn!(
                error = format!("{error:#}"),
                "could not end all sessions in order"
            );
        }
        // `stage` has closed every stream by now.
        self.ingest.shutdown().await;
        if tokio::time::timeout(MEDIA_END_TIMEOUT, self.media.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some peers did not hear of the end in time");
        }
        while self.http.join_next().await.is_some() {}
        self.housekeeping.shutdown().await;
        // Its end drops the writer's queue, which lets the writer finish. It may have ended already.
        let _ = self.stop_loop.send(());
        while self.stage_loop.join_next().await.is_some() {}
        let flushed = async { while self.writer.join_next().await.is_some() {} };
        if tokio::time::timeout(FLUSH_TIMEOUT, flushed).await.is_err() {
            tracing::error!("records are lost: the store did not take them before the end");
            self.writer.shutdown().await;
        }
        if tokio::time::timeout(FLUSH_TIMEOUT, self.store.close())
            .await
            .is_err()
        {
            tracing::warn!("the store did not close in time; nothing is lost");
        }
    }

    async fn end_stages(&self) -> anyhow::Result<()> {
        let (reply, replied) = oneshot::channel();
        let patience = Duration::from_secs(1);
        let sent = self
            .inbox
            .send_timeout((Input::Shutdown, reply), patience)
            .await;
        if sent.is_err() {
            bail!("the stage loop does not take input");
        }
        tokio::time::timeout(patience, replied)
            .await
            .context("the stage loop does not answer")?
            .context("the stage loop has ended")?;
        Ok(())
    }
}
