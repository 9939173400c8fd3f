//! CreateParticipantToken: a token for one new participant.
//!
//! Nothing is stored: the participant comes into being when it joins, and the token cannot be fetched again.

use wire::error::CreateParticipantTokenError;
use wire::input::CreateParticipantTokenInput;
use wire::output::CreateParticipantTokenOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::Failure;
use crate::ops::Op;
use crate::token::{self, Wish};

pub(crate) struct CreateParticipantToken;

impl Op for CreateParticipantToken {
    type Input = CreateParticipantTokenInput;
    type Error = CreateParticipantTokenError;
    const OPERATION: Operation = Operation::CreateParticipantToken;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        CreateParticipantTokenInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let wish = Wish {
            duration: input.duration,
            user_id: input.user_id,
            attributes: input.attributes,
            capabilities: input.capabilities,
        };
        token::check(&wish)?;
        let stage = call.own_stage(&input.stage_arn).await?;
        let output = CreateParticipantTokenOutput {
            participant_token: Some(token::grant(call, &stage.arn, wish)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use model::Capabilities;
    use serde_json::{Value, json};

    use crate::tests::{ANA, World, golden};

    #[tokio::test]
    async fn golden_create_participant_token() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let body = json!({
            "stageArn": arn,
            "userId": "ana",
            "duration": 30,
            "capabilities": ["PUBLISH", "SUBSCRIBE"],
            "attributes": { "role": "host" },
        });
        insta::assert_snapshot!(golden(&world, "POST", "/CreateParticipantToken", body).await);
    }

    /// Asks for a token and gives what is shown of it with what it grants.
    async fn token(world: &World, wish: Value) -> (Value, model::Grant) {
        let arn = world.stage(ANA).await;
        let mut body = wish;
        body["stageArn"] = json!(arn);
        let answer = world.call(ANA, "CreateParticipantToken", body).await.json();
        let shown = answer["participantToken"].clone();
        let text = shown["token"].as_str().unwrap();
        let grant = world
            .token_key
            .verify(text, world.now().wall, Duration::ZERO)
            .unwrap();
        assert_eq!(shown["participantId"], grant.participant.as_str());
        let expires: Timestamp = shown["expirationTime"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires, grant.expires);
        (shown, grant)
    }

    #[tokio::test]
    async fn a_token_without_wishes_lasts_twelve_hours_and_allows_both() {
        let world = World::new().await;
        world.advance(Duration::from_millis(999));
        let (shown, grant) = token(&world, json!({})).await;
        let members: Vec<_> = shown.as_object().unwrap().keys().collect();
        assert_eq!(members, ["expirationTime", "participantId", "token"]);
        assert_eq!(shown["expirationTime"], "2026-03-02T00:00:00Z");
        assert_eq!(
            grant.capabilities,
            Capabilities {
                publish: true,
                subscribe: true
            }
        );
    }

    #[tokio::test]
    async fn wishes_are_granted_and_echoed() {
        let world = World::new().await;
        for (wished, echoed, publish, subscribe) in [
            (json!([]), json!([]), true, true),
            (json!(["PUBLISH"]), json!(["PUBLISH"]), true, false),
            (json!(["SUBSCRIBE"]), json!(["SUBSCRIBE"]), false, true),
            (
                json!(["SUBSCRIBE", "SUBSCRIBE"]),
                json!(["SUBSCRIBE"]),
                false,
                true,
            ),
            (
                json!(["SUBSCRIBE", "PUBLISH"]),
                json!(["SUBSCRIBE", "PUBLISH"]),
                true,
                true,
            ),
        ] {
            let (shown, grant) = token(&world, json!({ "capabilities": wished })).await;
            assert_eq!(shown["capabilities"], echoed);
            assert_eq!(
                grant.capabilities,
                Capabilities { publish, subscribe },
                "{wished}"
            );
        }
        let wish = json!({ "duration": 1, "userId": "u", "attributes": { "a": "b" } });
        let (shown, grant) = token(&world, wish).await;
        assert_eq!(shown["duration"], 1);
        assert_eq!(shown["userId"], "u");
        assert_eq!(shown["attributes"], json!({ "a": "b" }));
        assert_eq!(grant.user_id, "u");
        assert_eq!(grant.attributes["a"], "b");
    }

    #[tokio::test]
    async fn what_cannot_be_granted_is_refused() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        for wish in [
            json!({ "duration": 0 }),
            json!({ "duration": 20_161 }),
            json!({ "duration": "30" }),
            json!({ "userId": "u".repeat(129) }),
            json!({ "capabilities": ["FLY"] }),
            json!({ "capabilities": ["PUBLISH", "PUBLISH", "PUBLISH"] }),
            json!({ "attributes": { "k": "v".repeat(1_024) } }),
            json!({ "attributes": { "k": 1 } }),
        ] {
            let mut body = wish.clone();
            body["stageArn"] = json!(arn);
            let answer = world.call(ANA, "CreateParticipantToken", body).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{wish}");
        }
    }
}
