//! From a document to resources. Everything is checked before anything is written, and an error names its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Ban, ConnectionTokenId, EncoderConfigurationArn, IdError, IngestConfigurationArn, Now,
    ParticipantId, PublicKeyArn, RevokedConnectionToken, StageArn, State, StorageConfigurationArn,
};
use serde_json::Value;
use wire::input::{
    CreateEncoderConfigurationInput, CreateIngestConfigurationInput, CreateStageInput,
    CreateStorageConfigurationInput, ImportPublicKeyInput, RevokeConnectionTokenInput,
};

use super::entry::Entry;
use super::members::{self, Kind};
use super::place::Place;
use super::{VERSION, ingest, json};
use crate::admin::problem::Problem;
use crate::app::App;
use crate::ops::{
    create_encoder_configuration, create_ingest_configuration, create_stage,
    create_storage_configuration, import_public_key,
};

/// Entries and banned participants of a document at most: one transaction writes them, for which all other writes wait.
const ITEMS_MAX: usize = 50_000;

/// What a document says, ready to be stored.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) state: State,
    /// The identities that were made up, in the order in which the lists are read.
    pub(super) made: Vec<String>,
}

/// Reads a document.
pub(super) async fn read(app: &Arc<App>, text: &[u8]) -> Result<Draft, Problem> {
    let top = Place::default();
    let document = json::read(text)
        .map_err(|error| top.problem(format!("the document is not JSON: {error}")))?;
    members::check(&document, &members::DOCUMENT, &top)?;
    if !document.is_object() {
        return Err(top.problem("the document must be an object"));
    }
    if document.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(top.member("version").problem(format!("must be {VERSION}")));
    }
    let mut reading = Reading {
        app,
        now: (app.settings.clock)(),
        document: &document,
        seen: BTreeMap::new(),
        items: 0,
        draft: Draft::default(),
    };
    reading.storage_configurations().await?;
    reading.encoder_configurations()?;
    reading.public_keys()?;
    reading.stages().await?;
    reading.ingest_configurations().await?;
    reading.revoked_connection_tokens()?;
    Ok(reading.draft)
}

/// A document that is being read: what is referred to is read before who refers.
struct Reading<'d> {
    app: &'d Arc<App>,
    now: Now,
    document: &'d Value,
    /// ARNs, and where each stands.
    seen: BTreeMap<String, Place>,
    items: usize,
    draft: Draft,
}

impl<'d> Reading<'d> {
    /// Takes so many items into account.
    fn count(&mut self, items: usize) -> Result<(), Problem> {
        self.items = self.items.saturating_add(items);
        if self.items > ITEMS_MAX {
            let message =
                format!("a document has at most {ITEMS_MAX} entries and banned participants");
            return Err(Place::default().problem(message));
        }
        Ok(())
    }

    /// The entries of a list.
    fn entries(&mut self, kind: &'static Kind) -> Result<Vec<Entry<'d>>, Problem> {
        let place = Place::default().member(kind.list);
        let items = match self.document.get(kind.list) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(place.problem("must be a list")),
        };
        self.count(items.len())?;
        let entries = items.iter().enumerate();
        let entries =
            entries.map(|(at, value)| Entry::read(self.app, self.now, value, place.item(at), kind));
        entries.collect()
    }

    /// The identity of an entry: its own, or else `fresh`.
    fn identity<A: std::fmt::Display>(
        &mut self,
        entry: &Entry<'_>,
        fresh: A,
        parse: fn(&str) -> Result<A, IdError>,
    ) -> Result<A, Problem> {
        let arn = match &entry.arn {
            None => {
                self.draft.made.push(fresh.to_string());
                fresh
            }
            Some(arn) => parse(&arn.to_string())
                .map_err(|_| entry.problem("arn", "has an id that is none of this kind"))?,
        };
        let before = self.seen.insert(arn.to_string(), entry.place.clone());
        match before {
            None => Ok(arn),
            Some(before) => Err(entry.problem("arn", format!("is that of {before} too"))),
        }
    }

    async fn storage_configurations(&mut self) -> Result<(), Problem> {
        for entry in self.entries(&members::STORAGE_CONFIGURATIONS)? {
            let names = ["name", "s3", "tags"];
            let input = entry.input(&names, CreateStorageConfigurationInput::parse)?;
            let made = create_storage_configuration::new(&entry.call, input).await;
            let mut one = entry.made(made)?;
            one.arn = self.identity(&entry, one.arn, StorageConfigurationArn::parse)?;
            one.created = entry.time("createdTime")?;
            self.draft.state.storage_configurations.push(one);
        }
        Ok(())
    }

    fn encoder_configurations(&mut self) -> Result<(), Problem> {
        for entry in self.entries(&members::ENCODER_CONFIGURATIONS)? {
            let names = ["name", "video", "tags"];
            let input = entry.input(&names, CreateEncoderConfigurationInput::parse)?;
            let mut one = entry.made(create_encoder_configuration::new(&entry.call, input))?;
            one.arn = self.identity(&entry, one.arn, EncoderConfigurationArn::parse)?;
            one.created = entry.time("createdTime")?;
            self.draft.state.encoder_configurations.push(one);
        }
        Ok(())
    }

    fn public_keys(&mut self) -> Result<(), Problem> {
        for entry in self.entries(&members::PUBLIC_KEYS)? {
            let names = ["name", "publicKeyMaterial", "tags"];
            let input = entry.input(&names, ImportPublicKeyInput::parse)?;
            let mut one = entry.made(import_public_key::new(&entry.call, input))?;
            one.arn = self.identity(&entry, one.arn, PublicKeyArn::parse)?;
            one.created = entry.time("createdTime")?;
            self.draft.state.public_keys.push(one);
        }
        Ok(())
    }

    async fn stages(&mut self) -> Result<(), Problem> {
        for entry in self.entries(&members::STAGES)? {
            if entry.get(members::HISTORY).is_some() {
                let message = "a history cannot be seeded; export without ?history=true";
                return Err(entry.problem(members::HISTORY, message));
            }
            let names = ["name", "tags", "autoParticipantRecordingConfiguration"];
            let input = entry.input(&names, CreateStageInput::parse)?;
            let mut one = entry.made(create_stage::new(&entry.call, input))?;
            one.arn = self.identity(&entry, one.arn, StageArn::parse)?;
            one.created = entry.time("createdTime")?;
            self.storage_is_there(&entry, &one.recording.storage_configuration_arn)
                .await?;
            let banned = banned(&entry)?;
            self.count(banned.len())?;
            for participant in banned {
                self.draft.state.bans.push(Ban {
                    stage: one.arn.clone(),
                    participant,
                    at: self.now.wall,
                });
            }
            self.draft.state.stages.push(one);
        }
        Ok(())
    }

    async fn ingest_configurations(&mut self) -> Result<(), Problem> {
        let names = [
            "name",
            "stageArn",
            "userId",
            "attributes",
            "ingestProtocol",
            "insecureIngest",
            "redundantIngest",
            "tags",
        ];
        for entry in self.entries(&members::INGEST_CONFIGURATIONS)? {
            let input = entry.input(&names, CreateIngestConfigurationInput::parse)?;
            let mut one = entry.made(create_ingest_configuration::new(&entry.call, input))?;
            one.arn = self.identity(&entry, one.arn, IngestConfigurationArn::parse)?;
            one.created = entry.time("createdTime")?;
            ingest::identify(&entry, &mut one)?;
            if let Some(stage) = &one.stage {
                self.stage_is_there(&entry, stage).await?;
            }
            self.draft.state.ingest_configurations.push(one);
        }
        Ok(())
    }

    fn revoked_connection_tokens(&mut self) -> Result<(), Problem> {
        for entry in self.entries(&members::REVOKED_CONNECTION_TOKENS)? {
            let input = entry.input(&["tokenId"], RevokeConnectionTokenInput::parse)?;
            let id = ConnectionTokenId::parse(&input.token_id)
                .map_err(|error| entry.problem("tokenId", error.to_string()))?;
            let caller = &entry.call.caller;
            let one = RevokedConnectionToken {
                account: caller.key.account.clone(),
                region: caller.region.clone(),
                id,
                at: entry.time("revokedTime")?,
            };
            self.draft.state.revoked_connection_tokens.push(one);
        }
        Ok(())
    }

    /// Whether a storage configuration stands in the document or is stored. The transaction that writes looks again; what
    /// is wrong here has a place.
    async fn storage_is_there(&self, entry: &Entry<'_>, arn: &str) -> Result<(), Problem> {
        if arn.is_empty() || self.seen.contains_key(arn) {
            return Ok(());
        }
        let store = &self.app.settings.store;
        let is_there = match StorageConfigurationArn::parse(arn) {
            Ok(arn) => store.storage_configuration_get(&arn).await?.is_some(),
            Err(_) => false,
        };
        if is_there {
            return Ok(());
        }
        let place = entry.place.member("autoParticipantRecordingConfiguration");
        let message = "is neither in the document nor in the store";
        Err(place.member("storageConfigurationArn").problem(message))
    }

    async fn stage_is_there(&self, entry: &Entry<'_>, arn: &StageArn) -> Result<(), Problem> {
        let is_there = self.seen.contains_key(&arn.to_string())
            || self.app.settings.store.stage_get(arn).await?.is_some();
        if is_there {
            return Ok(());
        }
        Err(entry.problem("stageArn", "is neither in the document nor in the store"))
    }
}

/// Who may not join the stage of the entry, each once.
fn banned(entry: &Entry<'_>) -> Result<Vec<ParticipantId>, Problem> {
    const NAME: &str = "bannedParticipantIds";
    let items = match entry.get(NAME) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(entry.problem(NAME, "must be a list")),
    };
    let mut banned = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let id = item
            .as_str()
            .and_then(|text| ParticipantId::parse(text).ok());
        let place = entry.place.member(NAME).item(at);
        banned.push(id.ok_or_else(|| place.problem("is not a valid identifier"))?);
    }
    banned.sort();
    banned.dedup();
    Ok(banned)
}
