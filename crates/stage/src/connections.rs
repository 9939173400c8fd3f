//! Every open connection of the process, and how many streams each account has in a region.
//!
//! The index is the only place that counts: a connection is counted by its place when it is added, and by the same place when it
//! is taken out, whatever ended it. So the counts are those of the index at any moment, and the index is that of the
//! sessions (`check`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AccountId, ConnectionId, IngestConfigurationArn, IngestGrant, IngestPart, ParticipantId,
    Protocol, Region, StageArn,
};

/// Where a connection belongs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) stage: Arc<StageArn>,
    pub(crate) participant: ParticipantId,
    pub(crate) role: Role,
}

/// What a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Socket,
    Publish(Source),
    Subscription { publisher: ParticipantId },
}

/// Where the media of a publish comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A client with a token.
    Client,
    /// An encoder with a stream key.
    Ingest {
        configuration: IngestConfigurationArn,
        protocol: Protocol,
        part: IngestPart,
    },
    /// A publish of the same participant on another stage, which has the connection: a replica has none.
    Replica {
        stage: Arc<StageArn>,
        protocol: Protocol,
    },
}

impl Source {
    pub(crate) fn of(grant: &IngestGrant) -> Self {
        Self::Ingest {
            configuration: grant.configuration.clone(),
            protocol: grant.protocol,
            part: grant.part,
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Client => Protocol::Whip,
            Self::Ingest { protocol, .. } | Self::Replica { protocol, .. } => *protocol,
        }
    }

    pub(crate) fn configuration(&self) -> Option<&IngestConfigurationArn> {
        match self {
            Self::Client | Self::Replica { .. } => None,
            Self::Ingest { configuration, .. } => Some(configuration),
        }
    }

    /// The stage that the connection belongs to, if that is another one.
    pub(crate) fn home(&self) -> Option<&Arc<StageArn>> {
        match self {
            Self::Client | Self::Ingest { .. } => None,
            Self::Replica { stage, .. } => Some(stage),
        }
    }

    pub(crate) fn part(&self) -> IngestPart {
        match self {
            Self::Client | Self::Replica { .. } => IngestPart::Whole,
            Self::Ingest { part, .. } => *part,
        }
    }

    /// Whether peers see it, and quotas count it. One of two redundant streams is neither seen nor counted: their virtual
    /// participant is.
    pub(crate) fn is_visible(&self) -> bool {
        self.part() != IngestPart::Leg
    }
}

impl Role {
    /// What it is of an ingest configuration, where it is of one.
    pub(crate) fn part(&self) -> IngestPart {
        match self {
            Self::Publish(source) => source.part(),
            Self::Socket | Self::Subscription { .. } => IngestPart::Whole,
        }
    }

    /// The ingest configuration that it publishes through.
    pub(crate) fn configuration(&self) -> Option<&IngestConfigurationArn> {
        match self {
            Self::Publish(source) => source.configuration(),
            Self::Socket | Self::Subscription { .. } => None,
        }
    }
}

/// How many streams there are that peers can see, those whose media is not up yet too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) publishes: usize,
    pub(crate) subscriptions: usize,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    places: BTreeMap<ConnectionId, Place>,
    /// Of the accounts and regions that have any.
    streams: BTreeMap<(AccountId, Region), Streams>,
    /// The publishes of each ingest configuration that has any.
    ingests: BTreeMap<IngestConfigurationArn, BTreeSet<ConnectionId>>,
    /// Replications by the home of their destination; none is 0. Each takes the place of a publish there, and has no
    /// connection of its own.
    replicas: BTreeMap<(AccountId, Region), usize>,
}

impl Connections {
    /// Adds a connection.
    pub(crate) fn add(&mut self, connection: ConnectionId, place: Place) {
        self.count(&place, |streams| streams.saturating_add(1));
        if let Some(configuration) = place.role.configuration() {
            let of_configuration = self.ingests.entry(configuration.clone()).or_default();
            of_configuration.insert(connection);
        }
        let older = self.places.insert(connection, place);
        assert!(older.is_none(), "the shell used {connection} twice");
    }

    /// Takes a connection out, if it is there.
    pub(crate) fn remove(&mut self, connection: ConnectionId) {
        let Some(place) = self.places.remove(&connection) else {
            return;
        };
        self.count(&place, |streams| streams.saturating_sub(1));
        if let Some(configuration) = place.role.configuration()
            && let Some(of_configuration) = self.ingests.get_mut(configuration)
        {
            of_configuration.remove(&connection);
            if of_configuration.is_empty() {
                self.ingests.remove(configuration);
            }
        }
    }

    fn count(&mut self, place: &Place, step: impl Fn(usize) -> usize) {
        let home = home(&place.stage);
        let mut streams = self.streams.remove(&home).unwrap_or_default();
        match &place.role {
            Role::Socket => {}
            Role::Publish(source) if !source.is_visible() => {}
            Role::Publish(_) => streams.publishes = step(streams.publishes),
            Role::Subscription { .. } => streams.subscriptions = step(streams.subscriptions),
        }
        if streams != Streams::default() {
            self.streams.insert(home, streams);
        }
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&Place> {
        self.places.get(&connection)
    }

    /// The streams of a stage's account in its region, on all its stages.
    pub(crate) fn streams(&self, stage: &StageArn) -> Streams {
        let home = home(stage);
        let mut streams = self.streams.get(&home).copied().unwrap_or_default();
        let replicas = self.replicas.get(&home).copied().unwrap_or_default();
        streams.publishes = streams.publishes.saturating_add(replicas);
        streams
    }

    /// Counts a replication to a stage.
    pub(crate) fn add_replica(&mut self, stage: &StageArn) {
        let count = self.replicas.entry(home(stage)).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts it no more.
    pub(crate) fn remove_replica(&mut self, stage: &StageArn) {
        let home = home(stage);
        let count = self.replicas.remove(&home).unwrap_or_default();
        if count > 1 {
            self.replicas.insert(home, count.saturating_sub(1));
        }
    }

    /// The publishes of an ingest configuration, and where they are.
    pub(crate) fn ingests(
        &self,
        configuration: &IngestConfigurationArn,
    ) -> impl Iterator<Item = &Place> {
        let connections = self.ingests.get(configuration).into_iter().flatten();
        connections.filter_map(|connection| self.get(*connection))
    }

    #[cfg(debug_assertions)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// What must hold after each call.
    #[cfg(debug_assertions)]
    pub(crate) fn check<'a>(&self, replicas: impl Iterator<Item = &'a StageArn>) {
        let mut counted = BTreeMap::<_, Streams>::new();
        let mut ingests = BTreeMap::<_, BTreeSet<_>>::new();
        for (connection, place) in &self.places {
            if let Some(configuration) = place.role.configuration() {
                let of_configuration = ingests.entry(configuration.clone()).or_default();
                of_configuration.insert(*connection);
            }
            let streams = counted.entry(home(&place.stage)).or_default();
            match &place.role {
                Role::Socket => {}
                Role::Publish(source) if !source.is_visible() => {}
                Role::Publish(_) => streams.publishes += 1,
                Role::Subscription { .. } => streams.subscriptions += 1,
            }
        }
        counted.retain(|_, streams| *streams != Streams::default());
        assert_eq!(self.streams, counted, "streams are counted as they are");
        assert_eq!(
            self.ingests, ingests,
            "each configuration has its publishes"
        );
        let mut counted = BTreeMap::<_, usize>::new();
        for stage in replicas {
            *counted.entry(home(stage)).or_default() += 1;
        }
        assert_eq!(self.replicas, counted, "replicas are counted as they are");
    }
}

fn home(stage: &StageArn) -> (AccountId, Region) {
    (stage.account.clone(), stage.region.clone())
}
