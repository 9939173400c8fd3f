//! Outputs in words.
//!
//! Words: `session 1 starts`, `session 1 ends`, `ana JOINED`, `ben SUBSCRIBE_ERROR ana PUBLISHER_NOT_FOUND`,
//! `admitted 1` (the session), `admitted 1 from c2` (the publish), `joined 1 [ana]` (the roster), `refused TokenExpired`,
//! `close c1 token-reused`, `roster [ana ben] to c3 c4`, `roster [ana without audio] to c3`, `roster [ana as host] to c3`, `exchanged`,
//! `ana TOKEN_EXCHANGED both until 9 for publish until 9 as host`. A time is told (` at 12`, in seconds since the start) where it
//! is not the wall clock's. `cam active on first` and `cam inactive on first` are the states of an ingest configuration. The reply `Done` is not told. Participant records are not told; `record` asks for them.
//!
//! Of replicas: `replica ana JOINED`, `ben SUBSCRIBE_STARTED replica ana`, `ana REPLICATION_STARTED second 2` (the stage and its
//! session), `admitted 2 from c1 of first`, `roster second [ana of first] to c5`, `[ana of first with team=red]`. A roster of the
//! first stage is told without the name of the stage. Records of replications are not told; `replicas` asks for them.

use jiff::Timestamp;
use model::{Event, ExchangedToken, Protocol, Record, Replication, SessionId};
use stage::{Mute, Output, Reply, Roster};

use super::run::Run;
use super::{START_SECOND, arn, participant_id};

impl Run {
    pub(super) fn words(&mut self, output: Output) -> Option<String> {
        Some(match output {
            Output::Record(Record::SessionStarted(session)) => {
                assert!(!self.sessions.contains(&session.id));
                assert_eq!((session.start, session.end), (self.now.wall, None));
                self.sessions.push(session.id.clone());
                format!("session {} starts", self.session(&session.id))
            }
            Output::Record(Record::SessionEnded { session, end, .. }) => {
                format!("session {} ends{}", self.session(&session), self.time(end))
            }
            Output::Record(Record::Participant(participant)) => {
                let key = (participant.stage.clone(), participant.id.clone());
                self.participants.insert(key, participant);
                return None;
            }
            Output::Record(Record::Event(event)) => self.event(&event),
            Output::Record(Record::Ingest {
                stage,
                configuration,
                active,
            }) => {
                let state = if active { "active" } else { "inactive" };
                format!("{} {state} on {}", configuration.id, stage.id)
            }
            Output::Record(Record::Replica(replica)) => {
                let key = (
                    replica.source_session.clone(),
                    replica.participant.clone(),
                    replica.destination_stage.clone(),
                );
                self.replicas.insert(key, replica);
                return None;
            }
            Output::Reply(Reply::Done) => return None,
            Output::Reply(Reply::Joined { session, roster }) => {
                format!("joined {} {}", self.session(&session), names(&roster))
            }
            Output::Reply(Reply::Admitted {
                session,
                publisher,
                source,
            }) => {
                let from = publisher.map_or_else(String::new, |publish| format!(" from {publish}"));
                let of = source.map_or_else(String::new, |stage| format!(" of {}", stage.id));
                format!("admitted {}{from}{of}", self.session(&session))
            }
            Output::Reply(Reply::Exchanged) => "exchanged".to_owned(),
            Output::Reply(Reply::Refused(refusal)) => format!("refused {refusal:?}"),
            Output::Close { connection, reason } => {
                format!("close {connection} {}", reason.as_str())
            }
            Output::Roster { to, roster } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                format!("roster {} to {}", names(&roster), to.join(" "))
            }
        })
    }

    /// Counted from 1; 0 for one of an earlier process.
    fn session(&self, id: &SessionId) -> usize {
        self.sessions
            .iter()
            .position(|known| known == id)
            .map_or(0, |at| at + 1)
    }

    fn event(&mut self, event: &Event) -> String {
        let last = self.sequences.entry(event.session.clone()).or_insert(0);
        if *last > 0 {
            assert_eq!(event.sequence, *last + 1, "sequences have no gaps");
        }
        *last = event.sequence;
        let replica = if event.replica { "replica " } else { "" };
        let mut words = match &event.remote {
            None => format!("{replica}{} {}", event.participant, event.name.as_str()),
            Some(remote) => {
                let name = event.name.as_str();
                format!("{} {name} {replica}{remote}", event.participant)
            }
        };
        if let Some((stage, session)) = &event.destination {
            words = format!("{words} {} {}", stage.id, self.session(session));
        }
        if let Some(code) = event.error {
            words = format!("{words} {}", code.as_str());
        }
        if let Some(exchange) = &event.exchange {
            let [previous, new] = [&exchange.previous, &exchange.new].map(token_words);
            words = format!("{words} {previous} for {new}");
        }
        words + &self.time(event.time)
    }

    fn time(&self, time: Timestamp) -> String {
        if time == self.now.wall {
            String::new()
        } else {
            format!(" at {}", time.as_second() - START_SECOND)
        }
    }

    /// All replications: who, from where to where, and whether it goes on.
    pub(super) fn replica_words(&self) -> Vec<String> {
        let replicas = self.replicas.values();
        let words = replicas.map(|replica| {
            let from = self.session(&replica.source_session);
            let to = self.session(&replica.destination_session);
            let state = if replica.is_active {
                "goes on"
            } else {
                "is over"
            };
            format!(
                "{} {} {from} to {} {to} {state}",
                replica.participant, replica.source_stage.id, replica.destination_stage.id
            )
        });
        words.collect()
    }

    pub(super) fn describe(&self, stage: &str, who: &str) -> String {
        let key = (arn(stage), participant_id(who));
        let Some(participant) = self.participants.get(&key) else {
            return "no record".to_owned();
        };
        let mut words = vec![
            participant.state.as_str().to_owned(),
            format!(
                "since {}",
                participant.first_join.as_second() - START_SECOND
            ),
        ];
        if participant.published {
            words.push("published".to_owned());
        }
        if participant.publishing {
            words.push("publishing".to_owned());
        }
        if participant.protocol != Protocol::Unknown {
            words.push(participant.protocol.as_str().to_owned());
        }
        if let Some(ingest) = &participant.ingest {
            let by = if ingest.redundant { "both of" } else { "by" };
            words.push(format!("{by} {}", ingest.configuration.id));
        }
        for (name, value) in [
            ("os", &participant.client.os_name),
            ("browser", &participant.client.browser_name),
        ] {
            if !value.is_empty() {
                words.push(format!("{name}={value}"));
            }
        }
        match &participant.replication {
            None => {}
            Some(Replication::Source { is_active: true }) => words.push("replicated".to_owned()),
            Some(Replication::Source { is_active: false }) => {
                words.push("was replicated".to_owned());
            }
            Some(Replication::Replica {
                is_active,
                source_stage,
                source_session,
            }) => {
                let verb = if *is_active { "" } else { "was " };
                let session = self.session(source_session);
                words.push(format!("{verb}replica of {} {session}", source_stage.id));
            }
        }
        words.join(" ") + &name_words(&participant.user_id)
    }
}

/// What a user is called, where it is something else than `user`.
fn name_words(user_id: &str) -> String {
    // A record that a crash left has no name.
    let name = user_id.split_once(" of ").map_or("user", |(name, _)| name);
    if name == "user" {
        String::new()
    } else {
        format!(" as {name}")
    }
}

fn token_words(token: &ExchangedToken) -> String {
    assert_eq!(token.attributes["name"], token.user_id);
    let allows = match (token.capabilities.publish, token.capabilities.subscribe) {
        (true, true) => "both",
        (true, false) => "publish",
        (false, true) => "subscribe",
        (false, false) => "nothing",
    };
    let until = token.expires.as_second() - START_SECOND;
    format!("{allows} until {until}{}", name_words(&token.user_id))
}

fn names(roster: &Roster) -> String {
    let names: Vec<String> = roster
        .participants
        .iter()
        .map(|entry| {
            let name = name_words(&entry.user_id);
            let of = entry.source.as_ref();
            let of = of.map_or_else(String::new, |stage| format!(" of {}", stage.id));
            let attributes = entry.attributes.iter();
            let with = attributes
                .filter(|(name, value)| *name != "name" || **value != entry.user_id)
                .map(|(name, value)| format!(" with {name}={value}"));
            let with = with.collect::<String>();
            let muted = match entry.mute {
                Mute {
                    audio: false,
                    video: false,
                } => "",
                Mute {
                    audio: true,
                    video: false,
                } => " without audio",
                Mute {
                    audio: false,
                    video: true,
                } => " without video",
                Mute {
                    audio: true,
                    video: true,
                } => " without anything",
            };
            format!("{}{name}{of}{with}{muted}", entry.id)
        })
        .collect();
    let stage = if roster.stage == arn("first").id {
        String::new()
    } else {
        format!("{} ", roster.stage)
    };
    format!("{stage}[{}]", names.join(" "))
}
