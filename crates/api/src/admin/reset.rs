//! `POST /_downstage/reset`: everything is deleted but the secrets of the installation.
//!
//! People on stages are told what they are told when their stage is deleted. Participant ids and page cursors stay
//! verifiable, and so do tokens; a token of a deleted stage opens nothing, because there is no such stage.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use stage::Input;

use super::Admin;
use super::problem::Problem;
use crate::app::App;

pub(super) async fn serve(State(admin): State<Arc<Admin>>) -> Result<StatusCode, Problem> {
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
        line.tell(Input::AllStagesDeleted).await?;
        tracing::info!(stages, "everything was deleted by the administration");
        Ok(())
    };
    app.carry_alone(write).await
}
