//! `GET /_downstage/state`: the document of everything that is there, in the members of the API's own shapes.
//!
//! It holds stream keys, and with `?history=true` what customers say of users. What of a resource the API makes up as it
//! answers (endpoints, states, fingerprints) is absent, so that the document is what `seed` takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use model::{Ban, IngestConfiguration, PublicKey, Stage, StageArn};
use serde::Serialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Admin, history, members, seed};
use crate::app::App;
use crate::{Endpoints, shape};

pub(super) async fn serve(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let with_history = match query.as_deref() {
        None | Some("" | "history=false") => false,
        Some("history=true") => true,
        Some(_) => return Err(Problem::Query),
    };
    let document = export(&admin.app, with_history).await?;
    Ok(super::json(StatusCode::OK, format!("{document:#}\n")))
}

/// Prints the document. Resources are from one snapshot; the history is read after it, page by page, and goes on meanwhile.
async fn export(app: &App, with_history: bool) -> Result<Value, Problem> {
    let store = &app.settings.store;
    let all = store.state_export().await?;
    let history = if with_history {
        history::read(store, &all.stages).await?
    } else {
        BTreeMap::new()
    };
    let stages = stages(all.stages, &all.bans, history, &app.settings.endpoints);
    Ok(json!({
        "version": seed::VERSION,
        "stages": stages,
        "publicKeys": list(all.public_keys, public_key),
        "ingestConfigurations": list(all.ingest_configurations, ingest_configuration),
        "encoderConfigurations": list(all.encoder_configurations, |one| {
            let created = one.created;
            resource(shape::encoder_configuration(one), created)
        }),
        "storageConfigurations": list(all.storage_configurations, |one| {
            let created = one.created;
            resource(shape::storage_configuration(one), created)
        }),
        "revokedConnectionTokens": list(all.revoked_connection_tokens, |one| {
            json!({
                "tokenId": one.id.as_str(),
                "account": one.account.as_str(),
                "region": one.region.as_str(),
                "revokedTime": one.at.to_string(),
            })
        }),
    }))
}

fn list<T>(items: Vec<T>, print: impl Fn(T) -> Value) -> Vec<Value> {
    items.into_iter().map(print).collect()
}

fn stages(
    stages: Vec<Stage>,
    bans: &[Ban],
    mut history: BTreeMap<StageArn, Value>,
    endpoints: &Endpoints,
) -> Vec<Value> {
    let mut banned: BTreeMap<&StageArn, Vec<Value>> = BTreeMap::new();
    for ban in bans {
        let of_stage = banned.entry(&ban.stage).or_default();
        of_stage.push(ban.participant.as_str().into());
    }
    let print = |stage: Stage| {
        let banned = banned.remove(&stage.arn).map(Value::Array);
        let sessions = history.remove(&stage.arn);
        let created = stage.created;
        let mut printed = members(shape::stage(stage, endpoints));
        printed.remove("endpoints");
        let further = [("bannedParticipantIds", banned), ("sessions", sessions)];
        for (name, value) in further {
            printed.extend(value.map(|value| (name.to_owned(), value)));
        }
        resource(printed, created)
    };
    stages.into_iter().map(print).collect()
}

fn public_key(one: PublicKey) -> Value {
    let created = one.created;
    let mut printed = members(shape::public_key(one));
    printed.remove("fingerprint");
    resource(printed, created)
}

fn ingest_configuration(one: IngestConfiguration) -> Value {
    let (insecure, created) = (one.insecure, one.created);
    let mut printed = members(shape::ingest_configuration(one));
    printed.remove("state");
    printed.remove("redundantIngest");
    printed.insert("insecureIngest".to_owned(), insecure.into());
    resource(printed, created)
}

/// The members of a shape, and when the resource was made: that is its place in the lists, so it is exact.
fn resource(shape: impl Serialize, created: Timestamp) -> Value {
    let mut printed = members(shape);
    printed.insert("createdTime".to_owned(), created.to_string().into());
    Value::Object(printed)
}
