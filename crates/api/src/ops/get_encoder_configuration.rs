//! GetEncoderConfiguration: one encoder configuration.

use model::EncoderConfigurationArn;
use wire::error::GetEncoderConfigurationError;
use wire::input::GetEncoderConfigurationInput;
use wire::output::GetEncoderConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetEncoderConfiguration;

impl Op for GetEncoderConfiguration {
    type Input = GetEncoderConfigurationInput;
    type Error = GetEncoderConfigurationError;
    const OPERATION: Operation = Operation::GetEncoderConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetEncoderConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        const ABSENT: Absent = Absent::EncoderConfiguration;
        let arn = call.own_arn(&input.arn, EncoderConfigurationArn::parse, ABSENT)?;
        let store = &call.app.settings.store;
        let found = store.encoder_configuration_get(&arn).await?.ok_or(ABSENT)?;
        let output = GetEncoderConfigurationOutput {
            encoder_configuration: Some(shape::encoder_configuration(found)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, World, golden};

    #[tokio::test]
    async fn golden_get_encoder_configuration() {
        let world = World::new().await;
        let body = json!({ "arn": world.encoder_configuration(ANA).await });
        let text = golden(&world, "POST", "/GetEncoderConfiguration", body).await;
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn golden_get_encoder_configuration_that_does_not_exist() {
        let world = World::new().await;
        let arn = "arn:aws:ivs:us-west-2:111111111111:encoder-configuration/abcdABCDefgh";
        let body = json!({ "arn": arn });
        let text = golden(&world, "POST", "/GetEncoderConfiguration", body).await;
        insta::assert_snapshot!(text);
    }
}
