//! ListEncoderConfigurations: the encoder configurations of the caller's account and region, oldest first, without their pictures.

use model::EncoderConfigurationArn;
use wire::error::ListEncoderConfigurationsError;
use wire::input::ListEncoderConfigurationsInput;
use wire::output::ListEncoderConfigurationsOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListEncoderConfigurations;

impl Op for ListEncoderConfigurations {
    type Input = ListEncoderConfigurationsInput;
    type Error = ListEncoderConfigurationsError;
    const OPERATION: Operation = Operation::ListEncoderConfigurations;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListEncoderConfigurationsInput::parse(parts)
    }

    fn subject(_input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, EncoderConfigurationArn::KIND)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (settings, caller) = (&call.app.settings, &call.caller);
        let list = List::new(Self::OPERATION, caller, &[]);
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let found = settings
            .store
            .encoder_configuration_list(&caller.key.account, &caller.region, &page)
            .await?;
        let output = ListEncoderConfigurationsOutput {
            encoder_configurations: found
                .items
                .into_iter()
                .map(shape::encoder_configuration_summary)
                .collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::tests::{ANA, World, golden};

    #[tokio::test]
    async fn golden_list_encoder_configurations() {
        let world = World::new().await;
        for name in ["first", ""] {
            let body = json!({ "name": name, "tags": { "at": name } });
            world.call(ANA, "CreateEncoderConfiguration", body).await;
            world.advance(Duration::from_secs(1));
        }
        let target = "/ListEncoderConfigurations";
        insta::assert_snapshot!(golden(&world, "POST", target, json!({})).await);
    }

    #[tokio::test]
    async fn a_page_has_a_hundred_configurations_unless_asked_otherwise_and_summaries_only() {
        let world = World::with(|settings| settings.quotas.encoder_configurations = 101).await;
        let mut last = String::new();
        for _ in 0..101 {
            last = world.encoder_configuration(ANA).await;
            world.advance(Duration::from_secs(1));
        }
        let ask = async |body| world.call(ANA, "ListEncoderConfigurations", body).await;
        let page = ask(json!({})).await.json();
        assert_eq!(page["encoderConfigurations"].as_array().unwrap().len(), 100);
        let rest = ask(json!({ "nextToken": page["nextToken"] })).await.json();
        let last = json!({ "arn": last, "name": "", "tags": {} });
        assert_eq!(rest, json!({ "encoderConfigurations": [last] }));
        for size in [0, 101] {
            let answer = ask(json!({ "maxResults": size })).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{size}");
        }
    }
}
