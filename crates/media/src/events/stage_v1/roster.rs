//! Who publishes, as the client has been told and as it is: snapshots and what lies between them.

use std::collections::BTreeMap;

use model::{ConnectionId, ParticipantId};
use stage::{Roster, RosterEntry};

use super::message::{Entry, Pid, ToClient, Update};

/// Everybody, as the client is told.
pub(super) fn entries(roster: &Roster) -> Vec<Entry> {
    roster.participants.iter().map(entry).collect()
}

fn entry(entry: &RosterEntry) -> Entry {
    Entry {
        id: Pid(entry.id.clone()),
        user_id: entry.user_id.clone(),
        attributes: entry.attributes.clone(),
        is_publishing: true,
        audio_muted: entry.mute.audio,
        video_stopped: entry.mute.video,
    }
}

/// What leads from one roster to another, unless nothing does. Who publishes anew leaves and joins.
pub(super) fn delta(told: &Roster, newest: &Roster) -> Option<ToClient> {
    let before = by_id(told);
    let after = by_id(newest);
    let mut leave = Vec::new();
    let mut join = Vec::new();
    let mut update = Vec::new();
    for id in before.keys() {
        if !after.contains_key(id) {
            leave.push(Pid((*id).clone()));
        }
    }
    for (id, newer) in after {
        let Some(older) = before.get(id) else {
            join.push(entry(newer));
            continue;
        };
        if older.publish != newer.publish {
            leave.push(Pid(id.clone()));
            join.push(entry(newer));
        } else if *older != newer {
            update.push(Update {
                id: Pid(id.clone()),
                user_id: newer.user_id.clone(),
                attributes: newer.attributes.clone(),
                audio_muted: newer.mute.audio,
                video_stopped: newer.mute.video,
            });
        }
    }
    let is_something = !(leave.is_empty() && join.is_empty() && update.is_empty());
    is_something.then_some(ToClient::Delta {
        leave,
        join,
        update,
    })
}

fn by_id(roster: &Roster) -> BTreeMap<&ParticipantId, &RosterEntry> {
    let entries = roster.participants.iter();
    entries.map(|entry| (&entry.id, entry)).collect()
}

/// Whether a roster has that publish.
pub(super) fn has(roster: &Roster, publish: ConnectionId) -> bool {
    roster
        .participants
        .iter()
        .any(|entry| entry.publish == publish)
}

#[cfg(test)]
mod tests {
    use model::StageId;
    use serde_json::{Value, json};
    use stage::Mute;

    use super::*;

    /// A name, the number of its publish, and `a` or `v` for what is muted.
    fn roster(participants: &[(&str, u64, &str)]) -> Roster {
        let entries = participants.iter().map(|(id, publish, muted)| RosterEntry {
            id: ParticipantId::parse(id).unwrap(),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            publish: ConnectionId(*publish),
            mute: Mute {
                audio: muted.contains('a'),
                video: muted.contains('v'),
            },
            source: None,
        });
        Roster {
            stage: StageId::parse("abcdABCDefgh").unwrap(),
            participants: entries.collect(),
        }
    }

    #[test]
    fn who_is_called_otherwise_is_updated_and_goes_on() {
        let told = roster(&[("ana", 1, "a"), ("ben", 2, "")]);
        let mut newest = told.clone();
        newest.participants[0].user_id = "host".to_owned();
        newest.participants[1]
            .attributes
            .insert("seat".to_owned(), "4".to_owned());
        let found = delta(&told, &newest).map(|delta| serde_json::to_value(delta).unwrap());
        let expected = json!({ "type": "delta", "leave": [], "join": [], "update": [
            { "id": "ana", "userId": "host", "attributes": {}, "audioMuted": true, "videoStopped": false },
            { "id": "ben", "userId": "", "attributes": { "seat": "4" }, "audioMuted": false, "videoStopped": false },
        ]});
        assert_eq!(found, Some(expected));
    }

    fn joined(id: &str, muted: &str) -> Value {
        json!({ "id": id, "userId": "", "attributes": {}, "isPublishing": true,
            "audioMuted": muted.contains('a'), "videoStopped": muted.contains('v') })
    }

    #[test]
    fn a_delta_leads_from_what_is_told_to_what_is() {
        let told = roster(&[("ana", 1, ""), ("ben", 2, "a"), ("cat", 3, "")]);
        for (newest, expected) in [
            (
                roster(&[("ana", 1, ""), ("ben", 2, "a"), ("cat", 3, "")]),
                None,
            ),
            (
                roster(&[("ana", 1, "v"), ("cat", 3, ""), ("dan", 4, "av")]),
                Some(
                    json!({ "type": "delta", "leave": ["ben"], "join": [joined("dan", "av")],
                    "update": [{ "id": "ana", "userId": "", "attributes": {}, "audioMuted": false, "videoStopped": true }] }),
                ),
            ),
            (
                roster(&[("ana", 9, "a"), ("ben", 2, "a"), ("cat", 3, "")]),
                Some(
                    json!({ "type": "delta", "leave": ["ana"], "join": [joined("ana", "a")], "update": [] }),
                ),
            ),
        ] {
            let found = delta(&told, &newest).map(|delta| serde_json::to_value(delta).unwrap());
            assert_eq!(found, expected);
        }
    }
}
