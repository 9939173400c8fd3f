//! `[quotas]`: those limits of the service that AWS raises on request. The others are constants (`model::limits`).

use clap::Args;
use serde::Deserialize;

use super::resolve::{ConfigError, invalid};

/// `[quotas]`.
#[derive(Args, Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuotaSettings {
    /// Stages that an account may have in a region.
    #[arg(
        id = "quotas.stages",
        long = "quotas-stages",
        env = "DOWNSTAGE_QUOTAS_STAGES",
        value_name = "COUNT"
    )]
    pub(crate) stages: Option<u32>,

    /// Ingest configurations that an account may have in a region.
    #[arg(
        id = "quotas.ingest_configurations",
        long = "quotas-ingest-configurations",
        env = "DOWNSTAGE_QUOTAS_INGEST_CONFIGURATIONS",
        value_name = "COUNT"
    )]
    pub(crate) ingest_configurations: Option<u32>,

    /// Encoder configurations that an account may have in a region.
    #[arg(
        id = "quotas.encoder_configurations",
        long = "quotas-encoder-configurations",
        env = "DOWNSTAGE_QUOTAS_ENCODER_CONFIGURATIONS",
        value_name = "COUNT"
    )]
    pub(crate) encoder_configurations: Option<u32>,

    /// Storage configurations that an account may have in a region.
    #[arg(
        id = "quotas.storage_configurations",
        long = "quotas-storage-configurations",
        env = "DOWNSTAGE_QUOTAS_STORAGE_CONFIGURATIONS",
        value_name = "COUNT"
    )]
    pub(crate) storage_configurations: Option<u32>,

    /// Participants that may receive somebody on a stage at once, each counted once. Events sockets are refused when so
    /// many and 12 more are connected.
    #[arg(
        id = "quotas.subscribers_per_stage",
        long = "quotas-subscribers-per-stage",
        env = "DOWNSTAGE_QUOTAS_SUBSCRIBERS_PER_STAGE",
        value_name = "COUNT"
    )]
    pub(crate) subscribers_per_stage: Option<u32>,

    /// Participants that may publish at once on all stages that an account has in a region. Only 12 of them may publish on
    /// one stage, which cannot be set.
    #[arg(
        id = "quotas.publishers_per_region",
        long = "quotas-publishers-per-region",
        env = "DOWNSTAGE_QUOTAS_PUBLISHERS_PER_REGION",
        value_name = "COUNT"
    )]
    pub(crate) publishers_per_region: Option<u32>,

    /// Subscriptions that may run at once on all stages that an account has in a region. Who receives three publishers has
    /// three.
    #[arg(
        id = "quotas.subscriptions_per_region",
        long = "quotas-subscriptions-per-region",
        env = "DOWNSTAGE_QUOTAS_SUBSCRIPTIONS_PER_REGION",
        value_name = "COUNT"
    )]
    pub(crate) subscriptions_per_region: Option<u32>,
}

/// The quotas, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quotas {
    pub(crate) stages: u32,
    pub(crate) ingest_configurations: u32,
    pub(crate) encoder_configurations: u32,
    pub(crate) storage_configurations: u32,
    pub(crate) subscribers_per_stage: u32,
    pub(crate) publishers_per_region: u32,
    pub(crate) subscriptions_per_region: u32,
}

impl QuotaSettings {
    /// This layer over another.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            stages: self.stages.or(under.stages),
            ingest_configurations: self.ingest_configurations.or(under.ingest_configurations),
            encoder_configurations: self.encoder_configurations.or(under.encoder_configurations),
            storage_configurations: self.storage_configurations.or(under.storage_configurations),
            subscribers_per_stage: self.subscribers_per_stage.or(under.subscribers_per_stage),
            publishers_per_region: self.publishers_per_region.or(under.publishers_per_region),
            subscriptions_per_region: self
                .subscriptions_per_region
                .or(under.subscriptions_per_region),
        }
    }

    pub(super) fn check(self) -> Result<Quotas, ConfigError> {
        let quota = |key: &str, value: Option<u32>| match value {
            Some(0) => Err(invalid(format!("quotas.{key}"), "must be at least 1")),
            value => Ok(value.expect("the defaults have this key")),
        };
        Ok(Quotas {
            stages: quota("stages", self.stages)?,
            ingest_configurations: quota("ingest_configurations", self.ingest_configurations)?,
            encoder_configurations: quota("encoder_configurations", self.encoder_configurations)?,
            storage_configurations: quota("storage_configurations", self.storage_configurations)?,
            subscribers_per_stage: quota("subscribers_per_stage", self.subscribers_per_stage)?,
            publishers_per_region: quota("publishers_per_region", self.publishers_per_region)?,
            subscriptions_per_region: quota(
                "subscriptions_per_region",
                self.subscriptions_per_region,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use model::limits;

    use super::super::{Mode, Settings};
    use super::*;

    fn settings(text: &str) -> QuotaSettings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_defaults_are_the_documented_values() {
        for mode in [Mode::Dev, Mode::Serve] {
            let quotas = Settings::defaults(mode).quotas.check().unwrap();
            assert_eq!(
                quotas,
                Quotas {
                    stages: limits::STAGES_MAX,
                    ingest_configurations: limits::INGEST_CONFIGURATIONS_MAX,
                    encoder_configurations: limits::ENCODER_CONFIGURATIONS_MAX,
                    storage_configurations: limits::STORAGE_CONFIGURATIONS_MAX,
                    subscribers_per_stage: limits::SUBSCRIBERS_PER_STAGE_MAX,
                    publishers_per_region: limits::PUBLISHERS_PER_REGION_MAX,
                    subscriptions_per_region: limits::SUBSCRIPTIONS_PER_REGION_MAX,
                }
            );
        }
    }

    #[test]
    fn each_quota_is_set_by_its_own_key_and_is_at_least_one() {
        let defaults = || Settings::defaults(Mode::Serve).quotas;
        let quotas = |text: &str| settings(text).over(defaults()).check();
        let all = "stages = 1\ningest_configurations = 2\nencoder_configurations = 3\n\
                   storage_configurations = 4\nsubscribers_per_stage = 5\n\
                   publishers_per_region = 6\nsubscriptions_per_region = 7";
        assert_eq!(
            quotas(all).unwrap(),
            Quotas {
                stages: 1,
                ingest_configurations: 2,
                encoder_configurations: 3,
                storage_configurations: 4,
                subscribers_per_stage: 5,
                publishers_per_region: 6,
                subscriptions_per_region: 7,
            }
        );
        for line in all.lines() {
            let (key, _) = line.split_once(' ').unwrap();
            let error = quotas(&format!("{key} = 0")).unwrap_err().to_string();
            assert_eq!(error, format!("quotas.{key}: must be at least 1"));
        }
    }

    #[test]
    fn what_the_service_never_raises_is_no_key() {
        for key in ["publishers_per_stage", "public_keys"] {
            let read = toml::from_str::<QuotaSettings>(&format!("{key} = 13"));
            assert!(read.unwrap_err().message().contains("unknown field"));
        }
    }
}
