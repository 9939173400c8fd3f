//! What identifies an ingest configuration beside its ARN: the participants as which it publishes, and its stream keys.

use model::{
    IngestConfiguration, IngestConfigurationArn, IngestCredential, ParticipantId, StreamKey,
};
use serde_json::Value;

use super::entry::Entry;
use super::place::Place;
use crate::admin::problem::Problem;
use crate::app::App;
use crate::stream_key;

/// The secret part of a stream key that a document brings, in characters. Weak ones are the document's business: tests
/// want keys that they know.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 1..=128;

/// A credential as the document has it.
#[derive(Default)]
struct Given {
    participant: Option<ParticipantId>,
    key: Option<StreamKey>,
}

/// Puts in what the document says and makes up what it leaves open. The configuration has its ARN already.
pub(super) fn identify(entry: &Entry<'_>, one: &mut IngestConfiguration) -> Result<(), Problem> {
    let app = &entry.call.app;
    if let Some(participant) = entry.id("participantId", ParticipantId::parse)? {
        one.participant = participant;
    }
    let given = credentials(entry, &one.arn)?;
    let is_redundant = match (&given, entry.get("redundantIngest")) {
        (Some(_), Some(Value::Bool(false))) => {
            let message = "redundantIngest is false, so there can be none";
            return Err(entry.problem("redundantIngestCredentials", message));
        }
        (Some(_), _) => true,
        (None, _) => !one.credentials.is_empty(),
    };
    let [first, second] = given.unwrap_or_default();
    let own = entry.get("streamKey");
    let own = own.map(|value| key(value, &one.arn, &entry.place.member("streamKey")));
    let own = own.transpose()?;
    if let (Some(own), Some(first)) = (&own, &first.key)
        && own != first
    {
        let place = entry.place.member("redundantIngestCredentials").item(0);
        let place = place.member("streamKey");
        return Err(place.problem("must be the streamKey of the configuration itself"));
    }
    let mint = || stream_key::mint(app, &one.arn);
    one.stream_key = own.or_else(|| first.key.clone()).unwrap_or_else(mint);
    let second_key = second.key.clone().unwrap_or_else(mint);
    if second_key == one.stream_key {
        let place = entry.place.member("redundantIngestCredentials").item(1);
        return Err(place
            .member("streamKey")
            .problem("must not be the key of the first stream"));
    }
    one.credentials = if is_redundant {
        let keys = [one.stream_key.clone(), second_key];
        let streams = [first, second].into_iter().zip(keys);
        streams
            .map(|(given, key)| credential(given, key, app))
            .collect()
    } else {
        Vec::new()
    };
    match shared_participant(one) {
        None => Ok(()),
        Some(at) => {
            let place = entry.place.member("redundantIngestCredentials").item(at);
            let message = "must be another than that of the configuration and of the other stream";
            Err(place.member("participantId").problem(message))
        }
    }
}

/// The first credential whose participant is one of the configuration already: the streams and what is made of them are
/// participants of their own.
fn shared_participant(one: &IngestConfiguration) -> Option<usize> {
    let mut known = vec![&one.participant];
    one.credentials.iter().position(|credential| {
        let is_known = known.contains(&&credential.participant);
        known.push(&credential.participant);
        is_known
    })
}

fn credential(given: Given, stream_key: StreamKey, app: &App) -> IngestCredential {
    let fresh = || ParticipantId::from_random(app.random());
    IngestCredential {
        participant: given.participant.unwrap_or_else(fresh),
        stream_key,
    }
}

/// The two credentials of a redundant ingest, if there are any; an empty list is none.
fn credentials(
    entry: &Entry<'_>,
    arn: &IngestConfigurationArn,
) -> Result<Option<[Given; 2]>, Problem> {
    const NAME: &str = "redundantIngestCredentials";
    let items = match entry.get(NAME) {
        None => return Ok(None),
        Some(Value::Array(items)) if items.is_empty() => return Ok(None),
        Some(Value::Array(items)) => items.as_slice(),
        Some(_) => &[],
    };
    let [first, second] = items else {
        return Err(entry.problem(NAME, "must be a list of two"));
    };
    let place = entry.place.member(NAME);
    Ok(Some([
        given(first, arn, &place.item(0))?,
        given(second, arn, &place.item(1))?,
    ]))
}

fn given(value: &Value, arn: &IngestConfigurationArn, place: &Place) -> Result<Given, Problem> {
    let Value::Object(members) = value else {
        return Err(place.problem("must be an object"));
    };
    let member = |name| members.get(name).filter(|value| !value.is_null());
    let participant = member("participantId").map(|value| {
        let id = value
            .as_str()
            .and_then(|text| ParticipantId::parse(text).ok());
        id.ok_or_else(|| {
            place
                .member("participantId")
                .problem("is not a valid identifier")
        })
    });
    let key = member("streamKey").map(|value| key(value, arn, &place.member("streamKey")));
    Ok(Given {
        participant: participant.transpose()?,
        key: key.transpose()?,
    })
}

/// Reads a stream key, which names its configuration.
fn key(value: &Value, arn: &IngestConfigurationArn, place: &Place) -> Result<StreamKey, Problem> {
    let form = format!("rt_{}_{}_{}_", arn.account, arn.region, arn.id);
    let is_secret = |secret: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        SECRET_CHARS.contains(&secret.len()) && secret.bytes().all(is_plain)
    };
    let text = value.as_str().filter(|text| {
        text.strip_prefix(form.as_str())
            .as_ref()
            .is_some_and(is_secret)
    });
    let key = text.map(|text| StreamKey::new(text.to_owned()));
    key.ok_or_else(|| {
        let (least, most) = (SECRET_CHARS.start(), SECRET_CHARS.end());
        place.problem(format!(
            "must be {form}<secret> with a secret of {least} to {most} letters, digits, `-` and `_`"
        ))
    })
}
