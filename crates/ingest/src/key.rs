//! From a stream key to what it allows.

use std::collections::BTreeMap;

use model::{
    IngestConfiguration, IngestConfigurationArn, IngestGrant, IngestPart, ParticipantId, Protocol,
    StageArn,
};
use rtmp::StreamName;

use crate::pair::Side;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// Keys of this server have some hundred characters.
const KEY_BYTES_MAX: usize = 256;

/// A stream key as it was presented, and the configuration that it names. Its `Debug` shows nothing of the secret.
pub(crate) struct Presented {
    /// What the key is of, by its own word.
    pub(crate) configuration: IngestConfigurationArn,
    text: String,
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented")
            .field("configuration", &self.configuration)
            .finish_non_exhaustive()
    }
}

impl Presented {
    /// Finds the key in what an encoder sends: the name of its stream, or the path behind the app, where encoders put it
    /// that are given one URL and no key.
    ///
    /// White space around it is passed over: it comes with what is pasted, and nobody sees it.
    pub(crate) fn find(publish: &rtmp::server::Publish) -> Option<Self> {
        let is_around = |letter: char| letter == '/' || letter.is_whitespace();
        let parse = |name: &StreamName| Self::parse(name.key().trim_matches(is_around));
        parse(&publish.name).or_else(|| parse(&publish.app_rest))
    }

    /// Reads `rt_<account>_<region>_<configuration>_<secret>`.
    fn parse(text: &str) -> Option<Self> {
        if text.len() > KEY_BYTES_MAX {
            return None;
        }
        let mut parts = text.split('_');
        let (marker, account, region, id, secret) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        );
        if marker != "rt" || secret.is_empty() || parts.next().is_some() {
            return None;
        }
        let arn = format!("arn:aws:ivs:{region}:{account}:ingest-configuration/{id}");
        Some(Self {
            configuration: IngestConfigurationArn::parse(&arn).ok()?,
            text: text.to_owned(),
        })
    }

    /// What the key opens, if it is one of the configuration's. The time that takes says nothing of how much of it is right.
    pub(crate) fn check(
        &self,
        configuration: &IngestConfiguration,
        protocol: Protocol,
    ) -> Result<Opened, KeyFault> {
        let streams = Streams::of(configuration);
        let mut found = u8::MAX;
        for (index, (key, _)) in (0_u8..).zip(&streams.0) {
            let is_it: Choice = key.as_bytes().ct_eq(self.text.as_bytes());
            found.conditional_assign(&index, is_it);
        }
        let Some((_, participant)) = streams.0.get(usize::from(found)) else {
            return Err(KeyFault::Unknown);
        };
        let Some(stage) = &configuration.stage else {
            return Err(KeyFault::Detached);
        };
        let stream = Grant {
            stage,
            configuration,
            protocol,
        };
        if configuration.credentials.is_empty() {
            return Ok(Opened {
                stream: stream.of(participant, IngestPart::Whole),
                pair: None,
            });
        }
        let side = if found == 0 {
            Side::First
        } else {
            Side::Second
        };
        let shown = stream.of(&configuration.participant, IngestPart::Virtual);
        Ok(Opened {
            stream: stream.of(participant, IngestPart::Leg),
            pair: Some((side, shown)),
        })
    }
}

/// The streams that a configuration takes: key and participant of each.
struct Streams<'a>(Vec<(&'a str, &'a ParticipantId)>);

impl<'a> Streams<'a> {
    fn of(configuration: &'a IngestConfiguration) -> Self {
        if configuration.credentials.is_empty() {
            let key = configuration.stream_key.expose();
            return Self(vec![(key, &configuration.participant)]);
        }
        let credentials = configuration.credentials.iter();
        Self(
            credentials
                .map(|one| (one.stream_key.expose(), &one.participant))
                .collect(),
        )
    }
}

struct Grant<'a> {
    stage: &'a StageArn,
    configuration: &'a IngestConfiguration,
    protocol: Protocol,
}

impl Grant<'_> {
    fn of(&self, participant: &ParticipantId, part: IngestPart) -> IngestGrant {
        let attributes: &BTreeMap<String, String> = &self.configuration.attributes;
        IngestGrant {
            stage: self.stage.clone(),
            configuration: self.configuration.arn.clone(),
            participant: participant.clone(),
            user_id: self.configuration.user_id.clone(),
            attributes: attributes.clone(),
            protocol: self.protocol,
            part,
        }
    }
}

/// What a key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The stream itself.
    pub(crate) stream: IngestGrant,
    /// Which of a pair it is, and what viewers see of the pair.
    pub(crate) pair: Option<(Side, IngestGrant)>,
}

/// Why a key opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// It is not one of the configuration's.
    Unknown,
    /// Its configuration publishes nowhere.
    Detached,
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;
    use model::{IngestCredential, IngestProtocol, StreamKey};

    use super::*;

    pub(crate) const KEY: &str =
        "rt_123456789012_us-west-2_abcdefghijkl_00112233445566778899aabbccddeeff00112233";
    pub(crate) const OTHER_KEY: &str =
        "rt_123456789012_us-west-2_abcdefghijkl_ffeeddccbbaa99887766554433221100ffeeddcc";
    pub(crate) const STAGE: &str = "arn:aws:ivs:us-west-2:123456789012:stage/AbCdEfGhIjKl";

    pub(crate) fn participant(letter: char) -> ParticipantId {
        ParticipantId::parse(&letter.to_string().repeat(12)).unwrap()
    }

    pub(crate) fn configuration() -> IngestConfiguration {
        let arn = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration/abcdefghijkl";
        IngestConfiguration {
            arn: IngestConfigurationArn::parse(arn).unwrap(),
            name: String::new(),
            protocol: IngestProtocol::Rtmp,
            insecure: true,
            stage: Some(StageArn::parse(STAGE).unwrap()),
            participant: participant('a'),
            stream_key: StreamKey::new(KEY.to_owned()),
            credentials: Vec::new(),
            active: false,
            user_id: "ana".to_owned(),
            attributes: BTreeMap::from([("role".to_owned(), "host".to_owned())]),
            tags: BTreeMap::new(),
            created: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn pair() -> IngestConfiguration {
        let credential = |key: &str, letter| IngestCredential {
            participant: participant(letter),
            stream_key: StreamKey::new(key.to_owned()),
        };
        IngestConfiguration {
            credentials: vec![credential(KEY, 'b'), credential(OTHER_KEY, 'c')],
            ..configuration()
        }
    }

    fn publish(name: &str, app_rest: &str) -> rtmp::server::Publish {
        rtmp::server::Publish {
            app: "app".to_owned(),
            app_rest: StreamName::new(app_rest),
            name: StreamName::new(name),
            encoder: String::new(),
            host: None,
        }
    }

    #[test]
    fn a_key_is_found_in_the_name_of_the_stream_or_behind_the_app() {
        let with_query = format!("{KEY}?clientConfigId=7");
        let with_slash = format!("/{KEY}/");
        let pasted = format!(" {KEY}\r\n");
        let pasted_with_query = format!("{KEY}\n?clientConfigId=7");
        for (name, rest) in [
            (KEY, ""),
            (&with_query, ""),
            (&with_slash, ""),
            (&pasted, ""),
            (&pasted_with_query, ""),
            ("", &pasted),
            ("", KEY),
            ("live", &with_query),
            ("", &with_slash),
        ] {
            let found = Presented::find(&publish(name, rest)).unwrap();
            assert_eq!(found.text, KEY);
            assert_eq!(found.configuration, configuration().arn);
            assert!(!format!("{found:?}").contains("0011"));
        }
    }

    #[test]
    fn t53_what_is_no_key_names_nothing() {
        let long = format!("{KEY}{}", "0".repeat(256));
        for name in [
            "",
            "live",
            "rt",
            "rt____",
            "rt_1_us-west-2_abcdefghijkl_00",
            "rt_123456789012_us-west-2_abcdefghijkl",
            "rt_123456789012_us-west-2_abcdefghijkl_",
            "rt_123456789012_us-west-2_abcdefghijkl_00_11",
            "rt_123456789012_us-west-2_../../etc_00",
            "RT_123456789012_us-west-2_abcdefghijkl_00",
            "sk_us-west-2_abcdefghijkl_00",
            &long,
        ] {
            assert!(Presented::find(&publish(name, "")).is_none(), "{name}");
        }
    }

    #[test]
    fn t53_only_a_whole_key_of_the_configuration_opens_it() {
        let wrong = [
            format!("{}0", &KEY[..KEY.len() - 1]),
            KEY[..KEY.len() - 1].to_owned(),
            format!("{KEY}0"),
            KEY.to_uppercase(),
            OTHER_KEY.to_owned(),
        ];
        for key in wrong {
            let presented = Presented {
                configuration: configuration().arn,
                text: key,
            };
            let checked = presented.check(&configuration(), Protocol::Rtmp);
            assert_eq!(checked, Err(KeyFault::Unknown));
        }
        let presented = Presented::parse(KEY).unwrap();
        let opened = presented.check(&configuration(), Protocol::Rtmps).unwrap();
        assert_eq!(opened.pair, None);
        assert_eq!(opened.stream.participant, participant('a'));
        assert_eq!(opened.stream.part, IngestPart::Whole);
        assert_eq!(opened.stream.protocol, Protocol::Rtmps);
        assert_eq!(opened.stream.user_id, "ana");
        assert_eq!(opened.stream.attributes["role"], "host");
    }

    #[test]
    fn each_key_of_a_pair_is_a_leg_of_its_own_and_both_are_shown_as_one() {
        for (key, letter, expected) in [(KEY, 'b', Side::First), (OTHER_KEY, 'c', Side::Second)] {
            let presented = Presented::parse(key).unwrap();
            let opened = presented.check(&pair(), Protocol::Rtmp).unwrap();
            assert_eq!(opened.stream.participant, participant(letter));
            assert_eq!(opened.stream.part, IngestPart::Leg);
            let (side, shown) = opened.pair.unwrap();
            assert_eq!(side, expected);
            assert_eq!(shown.participant, participant('a'));
            assert_eq!(shown.part, IngestPart::Virtual);
        }
    }

    #[test]
    fn a_key_of_a_configuration_without_a_stage_opens_nothing_and_says_nothing_to_others() {
        let detached = IngestConfiguration {
            stage: None,
            ..configuration()
        };
        let check = |key| {
            let presented = Presented::parse(key).unwrap();
            presented.check(&detached, Protocol::Rtmp)
        };
        assert_eq!(check(KEY), Err(KeyFault::Detached));
        assert_eq!(check(OTHER_KEY), Err(KeyFault::Unknown));
    }
}
