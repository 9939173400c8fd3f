//! ListParticipants: who has joined a session, connected or not, by first join.

use model::{ParticipantState, SessionId};
use store::{Page, ParticipantFilter};
use wire::error::ListParticipantsError;
use wire::input::ListParticipantsInput;
use wire::output::ListParticipantsOutput;
use wire::types;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::Breach;
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListParticipants;

impl Op for ListParticipants {
    type Input = ListParticipantsInput;
    type Error = ListParticipantsError;
    const OPERATION: Operation = Operation::ListParticipants;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListParticipantsInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let filter = filter(&input)?;
        let list = List::new(
            Self::OPERATION,
            &call.caller,
            &[
                Some(&input.stage_arn),
                Some(&input.session_id),
                input.filter_by_user_id.as_deref(),
                input
                    .filter_by_published
                    .map(|published| if published { "true" } else { "false" }),
                input.filter_by_state.map(types::ParticipantState::as_str),
                input
                    .filter_by_recording_state
                    .map(types::ParticipantRecordingFilterByRecordingState::as_str),
            ],
        );
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let stage = call.own_stage(&input.stage_arn).await?;
        let found = match SessionId::parse(&input.session_id) {
            Ok(session) => {
                let store = &settings.store;
                store
                    .participant_list(&stage.arn, &session, &filter, &page)
                    .await?
            }
            Err(_) => Page {
                items: Vec::new(),
                next: None,
            },
        };
        let output = ListParticipantsOutput {
            participants: found
                .items
                .into_iter()
                .map(shape::participant_summary)
                .collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

/// The one filter of the request. `filterByPublished: false` is a filter like any other.
fn filter(input: &ListParticipantsInput) -> Result<ParticipantFilter, Breach> {
    let user_id = input
        .filter_by_user_id
        .clone()
        .map(ParticipantFilter::UserId);
    let published = input.filter_by_published.map(ParticipantFilter::Published);
    let state = input.filter_by_state.map(|state| {
        ParticipantFilter::State(match state {
            types::ParticipantState::Connected => ParticipantState::Connected,
            types::ParticipantState::Disconnected => ParticipantState::Disconnected,
        })
    });
    // Nobody is recorded in this build, and the filter has no word for that.
    let recording = input
        .filter_by_recording_state
        .map(|_| ParticipantFilter::Nobody);
    let mut given = [user_id, published, state, recording].into_iter().flatten();
    match (given.next(), given.next()) {
        (None, _) => Ok(ParticipantFilter::All),
        (Some(filter), None) => Ok(filter),
        (Some(_), Some(_)) => Err(Breach::FiltersExclusive),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, SESSION, World, golden};

    /// A stage with three people, by first join: `ana` publishes, `ben` watches, `cleo` has left.
    async fn three(world: &World) -> String {
        let arn = world.stage(ANA).await;
        let people = [
            ("ana", "host", true, true),
            ("ben", "guest", false, true),
            ("cleo", "guest", true, false),
        ];
        world.session(&arn, SESSION, &people).await;
        arn
    }

    #[tokio::test]
    async fn golden_list_participants() {
        let world = World::new().await;
        let arn = three(&world).await;
        let body = json!({ "stageArn": arn, "sessionId": SESSION });
        insta::assert_snapshot!(golden(&world, "POST", "/ListParticipants", body).await);
    }

    async fn ids(world: &World, arn: &str, filter: Value) -> Vec<String> {
        let mut body = filter;
        body["stageArn"] = json!(arn);
        body["sessionId"] = json!(SESSION);
        let answer = world.call(ANA, "ListParticipants", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let list = answer["participants"].as_array().unwrap().iter();
        list.map(|one| one["participantId"].as_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn each_filter_chooses_and_two_are_refused() {
        let world = World::new().await;
        let arn = three(&world).await;
        for (filter, expected) in [
            (json!({}), vec!["ana", "ben", "cleo"]),
            (json!({ "filterByUserId": "guest" }), vec!["ben", "cleo"]),
            (json!({ "filterByUserId": "nobody" }), vec![]),
            (json!({ "filterByPublished": true }), vec!["ana", "cleo"]),
            (json!({ "filterByPublished": false }), vec!["ben"]),
            (json!({ "filterByState": "CONNECTED" }), vec!["ana", "ben"]),
            (json!({ "filterByState": "DISCONNECTED" }), vec!["cleo"]),
            (json!({ "filterByRecordingState": "ACTIVE" }), vec![]),
            (json!({ "filterByRecordingState": "STOPPED" }), vec![]),
            (
                json!({ "filterByState": "CONNECTED", "filterByUserId": null }),
                vec!["ana", "ben"],
            ),
        ] {
            assert_eq!(
                ids(&world, &arn, filter.clone()).await,
                expected,
                "{filter}"
            );
        }
        let filters = [
            ("filterByUserId", json!("guest")),
            ("filterByPublished", json!(false)),
            ("filterByState", json!("CONNECTED")),
            ("filterByRecordingState", json!("ACTIVE")),
        ];
        for (one, first) in &filters {
            for (other, second) in filters.iter().filter(|(other, _)| other != one) {
                let body =
                    json!({ "stageArn": arn, "sessionId": SESSION, *one: first, *other: second });
                let answer = world.call(ANA, "ListParticipants", body).await;
                assert_eq!(
                    answer.verdict(),
                    (400, "ValidationException"),
                    "{one} {other}"
                );
            }
        }
        let body =
            json!({ "stageArn": arn, "sessionId": SESSION, "filterByRecordingState": "DISABLED" });
        assert_eq!(world.call(ANA, "ListParticipants", body).await.status, 400);
    }

    #[tokio::test]
    async fn an_unknown_session_of_a_known_stage_is_an_empty_list() {
        let world = World::new().await;
        let arn = three(&world).await;
        let body = json!({ "stageArn": arn, "sessionId": "st-neverHappened" });
        let answer = world.call(ANA, "ListParticipants", body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "participants": [] }))
        );
    }
}
