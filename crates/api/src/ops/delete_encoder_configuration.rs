//! DeleteEncoderConfiguration: removes an encoder configuration.
//!
//! What is absent: compositions, and so the ConflictException of a configuration that one of them uses.

use model::EncoderConfigurationArn;
use wire::error::DeleteEncoderConfigurationError;
use wire::input::DeleteEncoderConfigurationInput;
use wire::output::DeleteEncoderConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DeleteEncoderConfiguration;

impl Op for DeleteEncoderConfiguration {
    type Input = DeleteEncoderConfigurationInput;
    type Error = DeleteEncoderConfigurationError;
    const OPERATION: Operation = Operation::DeleteEncoderConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DeleteEncoderConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        const ABSENT: Absent = Absent::EncoderConfiguration;
        let arn = call.own_arn(&input.arn, EncoderConfigurationArn::parse, ABSENT)?;
        let store = &call.app.settings.store;
        is_there(store.encoder_configuration_delete(&arn).await, ABSENT)?;
        Ok(DeleteEncoderConfigurationOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, World, golden};

    #[tokio::test]
    async fn golden_delete_encoder_configuration() {
        let world = World::new().await;
        let body = json!({ "arn": world.encoder_configuration(ANA).await });
        let text = golden(&world, "POST", "/DeleteEncoderConfiguration", body).await;
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn a_deleted_configuration_is_gone_and_makes_room() {
        let world = World::with(|settings| settings.quotas.encoder_configurations = 1).await;
        let body = json!({ "arn": world.encoder_configuration(ANA).await });
        let answer = world
            .call(ANA, "CreateEncoderConfiguration", json!({}))
            .await;
        assert_eq!(answer.status, 402);
        let delete = "DeleteEncoderConfiguration";
        let answer = world.call(ANA, delete, body.clone()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.bytes.is_empty());
        for operation in [delete, "GetEncoderConfiguration"] {
            let answer = world.call(ANA, operation, body.clone()).await;
            let gone = (404, "ResourceNotFoundException");
            assert_eq!(answer.verdict(), gone, "{operation}");
            let message = "the encoder configuration does not exist";
            assert_eq!(answer.json()["exceptionMessage"], message, "{operation}");
        }
        let page = world
            .call(ANA, "ListEncoderConfigurations", json!({}))
            .await;
        assert_eq!(page.json(), json!({ "encoderConfigurations": [] }));
        world.encoder_configuration(ANA).await;
    }
}
