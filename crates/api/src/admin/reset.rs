//! `POST /_downstage/reset`: everything is deleted but the secrets of the installation.
//!
//! People on stages are told what they are told when their stage is deleted. Participant ids and page cursors stay
//! verifiable, and so do tokens; a token of a deleted stage opens nothing, because there is no such stage.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use http::StatusCode;
use stage::Input;

use super::problem::Problem;
use super::{Admin, no_query};
use crate::app::App;
use crate::error::ServerFault;

/// How long the last records of the people who were on stages may take to be written.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    no_query(query.as_deref())?;
    reset(&admin.app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The store goes first: if it does not answer, nothing is told and a second try may follow. While it works, no other
/// write that the stages hear of is under way, so that in the end neither side knows a stage that the other does not.
async fn reset(app: &Arc<App>) -> Result<(), Problem> {
    let line = app.stage_line()?;
    let store = app.settings.store.clone();
    let write = async move {
        let stages = store.state_clear().await?.len();
        // It is answered when the records are written, so that none is left for a stage that is seeded anew.
        let told = line.tell(Input::AllStagesDeleted);
        let told = tokio::time::timeout(RECORDS_TIMEOUT, told).await;
        told.map_err(|_| ServerFault::Interrupted)??;
        tracing::info!(stages, "everything was deleted by the administration");
        Ok(())
    };
    app.carry_alone(write).await
}
