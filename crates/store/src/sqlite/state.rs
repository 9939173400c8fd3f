//! All resources together: exported, seeded, reset.

use model::{Ban, ParticipantId, StageArn, State};
use sqlx::{FromRow, SqliteConnection, query, query_as};

use super::resource::Resource;
use super::row::{arn_of, parse_id, timestamp};
use super::{
    Db, connection_token, encoder_configuration, grave, ingest_configuration, participant,
    public_key, stage, storage_configuration,
};
use crate::{Seeded, StoreError};

/// What is deleted after the stages are buried. Their sessions and bans are cleared later.
const CLEAR: &[&str] = &[
    "DELETE FROM ingest_configuration",
    "DELETE FROM storage_configuration",
    "DELETE FROM encoder_configuration",
    "DELETE FROM public_key",
    "DELETE FROM revoked_connection_token",
];

#[derive(FromRow)]
struct BanRow {
    account: String,
    region: String,
    id: String,
    participant: String,
    at: i64,
}

#[derive(FromRow)]
struct StageRow {
    account: String,
    region: String,
    id: String,
}

/// Every resource, from one snapshot.
pub(super) async fn export(db: &Db) -> Result<State, StoreError> {
    let mut transaction = db.read().await?;
    let mut stages = stage::Row::all(&mut transaction).await?;
    for stage in &mut stages {
        stage.active_session = None;
    }
    Ok(State {
        stages,
        bans: bans(&mut transaction).await?,
        public_keys: public_key::Row::all(&mut transaction).await?,
        ingest_configurations: ingest_configuration::Row::all(&mut transaction).await?,
        encoder_configurations: encoder_configuration::Row::all(&mut transaction).await?,
        storage_configurations: storage_configuration::Row::all(&mut transaction).await?,
        revoked_connection_tokens: connection_token::all(&mut transaction).await?,
    })
}

/// Every ban, by (account, region, stage, participant).
async fn bans(connection: &mut SqliteConnection) -> Result<Vec<Ban>, StoreError> {
    let rows: Vec<BanRow> = query_as(
        "SELECT stage.account, stage.region, stage.id, ban.participant, ban.at \
         FROM ban JOIN stage ON stage.key = ban.stage WHERE stage.account <> '' ORDER BY 1, 2, 3, 4",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Ban {
                stage: arn_of!(row, StageArn, StageId),
                participant: parse_id(ParticipantId::parse(&row.participant))?,
                at: timestamp(row.at),
            })
        })
        .collect()
}

/// Adds what is not there yet: what is referred to goes before who refers.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    state: State,
) -> Result<Seeded, StoreError> {
    let mut seeded = Seeded::default();
    for one in &state.storage_configurations {
        seeded.count(storage_configuration::add(connection, one).await?);
    }
    for one in &state.encoder_configurations {
        seeded.count(encoder_configuration::add(connection, one).await?);
    }
    for one in &state.public_keys {
        seeded.count(public_key::add(connection, one).await?);
    }
    for one in state.stages {
        let idle = model::Stage {
            active_session: None,
            ..one
        };
        seeded.count(stage::add(connection, &idle).await?);
    }
    for one in &state.bans {
        let added = participant::add_ban(connection, one).await;
        seeded.count(match added {
            Err(StoreError::NotFound) => Err(StoreError::ReferenceNotFound { kind: "stage" }),
            other => other,
        }?);
    }
    for one in &state.ingest_configurations {
        seeded.count(ingest_configuration::add(connection, one).await?);
    }
    for one in &state.revoked_connection_tokens {
        seeded.count(connection_token::add(connection, one).await?);
    }
    Ok(seeded)
}

impl Seeded {
    fn count(&mut self, added: bool) {
        if added {
            self.inserted += 1;
        } else {
            self.skipped += 1;
        }
    }
}

/// Deletes every resource and says which stages there were. All is out of reach at once; the history of the stages
/// is cleared later.
pub(super) async fn clear(connection: &mut SqliteConnection) -> Result<Vec<StageArn>, StoreError> {
    let rows: Vec<StageRow> = query_as(
        "SELECT account, region, id FROM stage WHERE account <> '' ORDER BY account, region, id",
    )
    .fetch_all(&mut *connection)
    .await?;
    grave::bury_stages(connection).await?;
    for sql in CLEAR {
        query(*sql).execute(&mut *connection).await?;
    }
    rows.into_iter()
        .map(|row| Ok(arn_of!(row, StageArn, StageId)))
        .collect()
}
