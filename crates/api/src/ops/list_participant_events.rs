//! ListParticipantEvents: what happened to a participant in a session, oldest first.

use model::{ParticipantId, SessionId};
use store::Page;
use wire::error::ListParticipantEventsError;
use wire::input::ListParticipantEventsInput;
use wire::output::ListParticipantEventsOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListParticipantEvents;

impl Op for ListParticipantEvents {
    type Input = ListParticipantEventsInput;
    type Error = ListParticipantEventsError;
    const OPERATION: Operation = Operation::ListParticipantEvents;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListParticipantEventsInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let list = List::new(
            Self::OPERATION,
            &call.caller,
            &[
                Some(&input.stage_arn),
                Some(&input.session_id),
                Some(&input.participant_id),
            ],
        );
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let stage = call.own_stage(&input.stage_arn).await?;
        let session = SessionId::parse(&input.session_id);
        let participant = ParticipantId::parse(&input.participant_id);
        let found = match (session, participant) {
            (Ok(session), Ok(participant)) => {
                let store = &settings.store;
                store
                    .event_list(&stage.arn, &session, &participant, &page)
                    .await?
            }
            (Err(_), _) | (_, Err(_)) => Page {
                items: Vec::new(),
                next: None,
            },
        };
        let output = ListParticipantEventsOutput {
            events: found.items.into_iter().map(shape::event).collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use model::EventName;
    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    async fn viewer(world: &World) -> String {
        let arn = world.stage(ANA).await;
        world
            .session(&arn, SESSION, &[("ben", "guest", false, true)])
            .await;
        let events = [
            (EventName::Joined, None),
            (EventName::SubscribeError, Some("nobody")),
            (EventName::SubscribeStarted, Some("ana")),
            (EventName::TokenExchanged, None),
            (EventName::SubscribeStopped, Some("ana")),
            (EventName::Left, None),
        ];
        world.events(&arn, "ben", &events).await;
        arn
    }

    #[tokio::test]
    async fn golden_list_participant_events() {
        let world = World::new().await;
        let arn = viewer(&world).await;
        let body = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ben" });
        insta::assert_snapshot!(golden(&world, "POST", "/ListParticipantEvents", body).await);
    }

    #[tokio::test]
    async fn events_come_page_by_page_and_those_of_nobody_are_an_empty_list() {
        let world = World::new().await;
        let arn = viewer(&world).await;
        let mut body = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ben", "maxResults": 2 });
        let mut names = Vec::new();
        loop {
            let page = world
                .call(ANA, "ListParticipantEvents", body.clone())
                .await
                .json();
            names.extend(
                page["events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| event["name"].clone()),
            );
            body["nextToken"] = page["nextToken"].clone();
            if body["nextToken"].is_null() {
                break;
            }
        }
        let expected = [
            "JOINED",
            "SUBSCRIBE_ERROR",
            "SUBSCRIBE_STARTED",
            "TOKEN_EXCHANGED",
            "SUBSCRIBE_STOPPED",
            "LEFT",
        ];
        assert_eq!(names, expected);
        for (session, participant) in [
            (SESSION, "nobody"),
            (SESSION, ""),
            ("st-neverHappened", "ben"),
        ] {
            let body =
                json!({ "stageArn": arn, "sessionId": session, "participantId": participant });
            let answer = world.call(ANA, "ListParticipantEvents", body).await;
            assert_eq!(
                (answer.status, answer.json()),
                (200, json!({ "events": [] }))
            );
        }
    }
}
