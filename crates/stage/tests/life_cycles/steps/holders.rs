//! Who comes to the door: tokens and stream keys.

use std::collections::BTreeMap;

use model::{
    Capabilities, ClientInfo, ConnectionId, ErrorCode, Grant, IngestGrant, IngestPart, Issuer,
    Protocol,
};
use stage::Input;

use super::{arn, configuration, participant_id, second};

/// A token and the client that holds it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    who: &'static str,
    stage: &'static str,
    capabilities: Capabilities,
    expires_second: i64,
    pub(super) client: ClientInfo,
    issuer: Issuer,
    /// What the user's name ends with.
    name: &'static str,
}

pub(crate) fn who(who: &'static str) -> Token {
    Token {
        who,
        stage: "first",
        capabilities: Capabilities {
            publish: true,
            subscribe: true,
        },
        expires_second: 1_000_000_000,
        client: ClientInfo::default(),
        issuer: Issuer::Service,
        name: "",
    }
}

impl Token {
    pub(crate) fn on(self, stage: &'static str) -> Self {
        Self { stage, ..self }
    }

    pub(crate) fn only_subscribes(mut self) -> Self {
        self.capabilities.publish = false;
        self
    }

    pub(crate) fn only_publishes(mut self) -> Self {
        self.capabilities.subscribe = false;
        self
    }

    /// The customer has signed it.
    pub(crate) fn signed(self) -> Self {
        let issuer = Issuer::Customer;
        Self { issuer, ..self }
    }

    /// The user is called so.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The token ends so many seconds after the start.
    pub(crate) fn expires(self, expires_second: i64) -> Self {
        Self {
            expires_second,
            ..self
        }
    }

    pub(crate) fn uses(mut self, os: &str, browser: &str) -> Self {
        os.clone_into(&mut self.client.os_name);
        browser.clone_into(&mut self.client.browser_name);
        self
    }

    pub(super) fn grant(&self) -> Grant {
        Grant {
            stage: arn(self.stage),
            participant: participant_id(self.who),
            user_id: user_id(self.who, self.name),
            attributes: BTreeMap::from([("name".to_owned(), user_id(self.who, self.name))]),
            capabilities: self.capabilities,
            expires: second(self.expires_second),
            issuer: self.issuer,
            whip_url: String::new(),
            events_url: String::new(),
        }
    }
}

/// A stream key, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    configuration: &'static str,
    who: &'static str,
    stage: &'static str,
    protocol: Protocol,
    part: IngestPart,
    name: &'static str,
}

/// The key of a configuration with one stream, whose participant has its name.
pub(crate) fn key(configuration: &'static str) -> Key {
    Key {
        configuration,
        who: configuration,
        stage: "first",
        protocol: Protocol::Rtmps,
        part: IngestPart::Whole,
        name: "",
    }
}

impl Key {
    pub(crate) fn on(self, stage: &'static str) -> Self {
        Self { stage, ..self }
    }

    pub(crate) fn without_tls(self) -> Self {
        let protocol = Protocol::Rtmp;
        Self { protocol, ..self }
    }

    /// One of the two streams, with a participant of its own.
    pub(crate) fn leg(self, who: &'static str) -> Self {
        let part = IngestPart::Leg;
        Self { who, part, ..self }
    }

    /// What viewers see of the two.
    pub(crate) fn both(self) -> Self {
        let part = IngestPart::Virtual;
        Self { part, ..self }
    }

    /// The user is called so.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(super) fn input(&self, connection: u64, fault: Option<ErrorCode>) -> Input {
        Input::Ingest {
            connection: ConnectionId(connection),
            grant: self.grant(),
            fault,
        }
    }

    pub(super) fn grant(&self) -> Box<IngestGrant> {
        Box::new(IngestGrant {
            stage: arn(self.stage),
            configuration: configuration(self.configuration),
            participant: participant_id(self.who),
            user_id: user_id(self.who, self.name),
            attributes: BTreeMap::from([("name".to_owned(), user_id(self.who, self.name))]),
            protocol: self.protocol,
            part: self.part,
        })
    }
}

fn user_id(who: &str, name: &str) -> String {
    let name = if name.is_empty() { "user" } else { name };
    format!("{name} of {who}")
}
