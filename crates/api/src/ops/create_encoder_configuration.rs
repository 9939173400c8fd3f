//! CreateEncoderConfiguration: says what the picture of a composition looks like.
//!
//! Names are not unique: the same request twice makes two configurations. The model declares a ConflictException and a
//! ResourceNotFoundException; the request names nothing that could be either.

use model::{EncoderConfiguration, EncoderConfigurationArn, ResourceId, Video, limits};
use wire::error::CreateEncoderConfigurationError;
use wire::input::CreateEncoderConfigurationInput;
use wire::output::CreateEncoderConfigurationOutput;
use wire::{Invalid, Operation, RequestParts, types};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::{Breach, check_tags};
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct CreateEncoderConfiguration;

impl Op for CreateEncoderConfiguration {
    type Input = CreateEncoderConfigurationInput;
    type Error = CreateEncoderConfigurationError;
    const OPERATION: Operation = Operation::CreateEncoderConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        CreateEncoderConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, EncoderConfigurationArn::KIND)
            .made_with_tags(input.tags.clone().unwrap_or_default())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let configuration = new(call, input)?;
        let settings = &call.app.settings;
        let quota = settings.quotas.encoder_configurations;
        settings
            .store
            .encoder_configuration_insert(&configuration, quota)
            .await?;
        let output = CreateEncoderConfigurationOutput {
            encoder_configuration: Some(shape::encoder_configuration(configuration)),
        };
        Ok(output.to_json())
    }
}

/// What is asked for, with an id of its own.
pub(crate) fn new(
    call: &Call,
    input: CreateEncoderConfigurationInput,
) -> Result<EncoderConfiguration, Failure<CreateEncoderConfigurationError>> {
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    Ok(EncoderConfiguration {
        arn: EncoderConfigurationArn {
            region: call.caller.region.clone(),
            account: call.caller.key.account.clone(),
            id: ResourceId::from_random(call.app.random()),
        },
        name: input.name.unwrap_or_default(),
        video: video(&input.video.unwrap_or_default())?,
        tags,
        created: call.now.wall,
    })
}

/// The picture that is asked for, each absent member with its default. What `wire` has read is within the modelled bounds.
fn video(asked: &types::Video) -> Result<Video, Breach> {
    let default = Video::default();
    let given = |number: Option<i32>, otherwise: u32| {
        number
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(otherwise)
    };
    let video = Video {
        width: given(asked.width, default.width),
        height: given(asked.height, default.height),
        framerate: asked.framerate.unwrap_or(default.framerate),
        bitrate: given(asked.bitrate, default.bitrate),
    };
    if video.width % 2 == 1 || video.height % 2 == 1 {
        return Err(Breach::VideoSideOdd);
    }
    if video.width.saturating_mul(video.height) > limits::ENCODER_PIXELS_MAX {
        return Err(Breach::VideoTooLarge);
    }
    Ok(video)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden};

    async fn create(world: &World, video: Value) -> (u16, Value) {
        let body = json!({ "video": video });
        let answer = world.call(ANA, "CreateEncoderConfiguration", body).await;
        (answer.status, answer.json())
    }

    #[tokio::test]
    async fn golden_create_encoder_configuration() {
        let world = World::new().await;
        let body = json!({
            "name": "portrait",
            "tags": { "team": "media" },
            "video": { "width": 1080, "height": 1920, "framerate": 30.0, "bitrate": 5_000_000 },
        });
        let text = golden(&world, "POST", "/CreateEncoderConfiguration", body).await;
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn golden_create_encoder_configuration_past_the_quota() {
        let world = World::with(|settings| settings.quotas.encoder_configurations = 1).await;
        world.encoder_configuration(ANA).await;
        let text = golden(&world, "POST", "/CreateEncoderConfiguration", json!({})).await;
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn a_configuration_without_wishes_has_every_default() {
        let world = World::new().await;
        let defaults =
            json!({ "width": 1280, "height": 720, "framerate": 30, "bitrate": 2_500_000 });
        for body in [json!({}), json!({ "video": {} }), json!({ "video": null })] {
            let answer = world.call(ANA, "CreateEncoderConfiguration", body).await;
            let made = answer.json();
            let made = made["encoderConfiguration"].as_object().unwrap();
            let members: Vec<_> = made.keys().collect();
            assert_eq!(members, ["arn", "name", "tags", "video"]);
            assert_eq!(made["name"], "");
            assert_eq!(made["tags"], json!({}));
            assert_eq!(made["video"], defaults);
        }
    }

    #[tokio::test]
    async fn each_absent_member_of_the_picture_has_its_own_default() {
        let world = World::new().await;
        for (asked, name, value) in [
            (json!({ "width": 1920 }), "height", json!(720)),
            (json!({ "height": 2 }), "width", json!(1280)),
            (json!({ "bitrate": 1 }), "framerate", json!(30)),
            (json!({ "framerate": 60 }), "bitrate", json!(2_500_000)),
        ] {
            let (status, made) = create(&world, asked.clone()).await;
            assert_eq!(status, 200, "{asked}");
            let video = &made["encoderConfiguration"]["video"];
            assert_eq!(video[name], value, "{asked}");
            for (name, value) in asked.as_object().unwrap() {
                assert_eq!(video[name], *value);
            }
        }
    }

    #[tokio::test]
    async fn a_picture_that_cannot_be_is_refused_and_nothing_is_made() {
        let world = World::new().await;
        for (video, said) in [
            (json!({ "width": 1281 }), "even"),
            (json!({ "height": 719 }), "even"),
            (json!({ "width": 1920, "height": 1082 }), "2073600"),
            (json!({ "width": 1082, "height": 1920 }), "2073600"),
            (json!({ "width": 1922 }), "1920"),
            (json!({ "height": 0 }), "2"),
            (json!({ "width": "1280" }), "integer"),
            (json!({ "width": 1280.5 }), "integer"),
            (json!({ "framerate": 0.5 }), "1"),
            (json!({ "framerate": 60.5 }), "60"),
            (json!({ "bitrate": 0 }), "1"),
            (json!({ "bitrate": 8_500_001 }), "8500000"),
            (json!([]), "video"),
        ] {
            let (status, answer) = create(&world, video.clone()).await;
            assert_eq!(status, 400, "{video}");
            assert_eq!(answer["__type"], "ValidationException");
            let message = answer["exceptionMessage"].as_str().unwrap();
            assert!(message.contains(said), "{video}: {message}");
            assert!(message.contains("video"), "{video}: {message}");
        }
        for body in [
            json!({ "name": "no spaces" }),
            json!({ "tags": { "aws:x": "" } }),
        ] {
            let answer = world.call(ANA, "CreateEncoderConfiguration", body).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"));
        }
        let page = world
            .call(ANA, "ListEncoderConfigurations", json!({}))
            .await;
        assert_eq!(page.json(), json!({ "encoderConfigurations": [] }));
    }

    #[tokio::test]
    async fn what_is_on_the_bounds_is_taken_and_echoed() {
        let world = World::new().await;
        for video in [
            json!({ "width": 1920, "height": 1080, "framerate": 60, "bitrate": 8_500_000 }),
            json!({ "width": 2, "height": 2, "framerate": 1, "bitrate": 1 }),
            json!({ "width": 1440, "height": 1440, "framerate": 29.97, "bitrate": 2_500_000 }),
        ] {
            let (status, made) = create(&world, video.clone()).await;
            assert_eq!(status, 200, "{video}");
            assert_eq!(made["encoderConfiguration"]["video"], video);
            let body = json!({ "arn": made["encoderConfiguration"]["arn"] });
            let read = world.call(ANA, "GetEncoderConfiguration", body).await;
            assert_eq!(read.json(), made);
        }
    }

    #[tokio::test]
    async fn an_account_has_twenty_configurations_in_a_region() {
        let world = World::new().await;
        for _ in 0..20 {
            world.encoder_configuration(ANA).await;
        }
        let answer = world
            .call(ANA, "CreateEncoderConfiguration", json!({}))
            .await;
        assert_eq!(answer.verdict(), (402, "ServiceQuotaExceededException"));
        for who in [BEN, ANA_ABROAD] {
            world.encoder_configuration(who).await;
        }
    }

    #[tokio::test]
    async fn an_id_that_is_taken_is_a_fault_and_no_conflict() {
        use std::sync::Arc;
        let world = World::with(|settings| settings.random = Arc::new(|bytes| bytes.fill(7))).await;
        world.encoder_configuration(ANA).await;
        let answer = world
            .call(ANA, "CreateEncoderConfiguration", json!({}))
            .await;
        assert_eq!(answer.verdict(), (500, "InternalServerException"));
    }
}
