//! Outputs as bytes.

use std::collections::BTreeMap;

use wire::output::{
    CreateStageOutput, DeleteStageOutput, GetEncoderConfigurationOutput, GetParticipantOutput,
    GetStageSessionOutput, ListStagesOutput, ListTagsForResourceOutput, TagResourceOutput,
};
use wire::types::{
    EncoderConfiguration, EventName, Participant, ParticipantState, Stage, StageEndpoints,
    StageSession, Video,
};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("outputs are JSON")
}

#[test]
fn members_have_the_models_names_and_absent_ones_are_left_out() {
    let stage = Stage {
        arn: "arn".to_owned(),
        name: Some(String::new()),
        tags: Some(BTreeMap::new()),
        endpoints: Some(StageEndpoints {
            whip: Some("w".to_owned()),
            ..StageEndpoints::default()
        }),
        ..Stage::default()
    };
    let output = CreateStageOutput {
        stage: Some(stage),
        participant_tokens: None,
    };
    assert_eq!(
        text(output.to_json()),
        r#"{"stage":{"arn":"arn","endpoints":{"whip":"w"},"name":"","tags":{}}}"#
    );
    let participant = Participant {
        recording_s3_bucket_name: Some(String::new()),
        state: Some(ParticipantState::Connected),
        published: Some(false),
        ..Participant::default()
    };
    let output = GetParticipantOutput {
        participant: Some(participant),
    };
    let expected =
        r#"{"participant":{"published":false,"recordingS3BucketName":"","state":"CONNECTED"}}"#;
    assert_eq!(text(output.to_json()), expected);
}

#[test]
fn required_members_are_there_even_when_empty_and_outputs_without_members_have_no_body() {
    assert_eq!(
        text(ListStagesOutput::default().to_json()),
        r#"{"stages":[]}"#
    );
    assert_eq!(
        text(ListTagsForResourceOutput::default().to_json()),
        r#"{"tags":{}}"#
    );
    assert_eq!(text(CreateStageOutput::default().to_json()), "{}");
    assert_eq!(text(DeleteStageOutput::default().to_json()), "");
    assert_eq!(text(TagResourceOutput::default().to_json()), "");
}

#[test]
fn times_are_whole_seconds_and_whole_numbers_have_no_fraction() {
    let session = StageSession {
        start_time: Some("2023-11-01T06:25:37.999Z".parse().unwrap()),
        ..StageSession::default()
    };
    let output = GetStageSessionOutput {
        stage_session: Some(session),
    };
    assert_eq!(
        text(output.to_json()),
        r#"{"stageSession":{"startTime":"2023-11-01T06:25:37Z"}}"#
    );
    for (framerate, printed) in [(30.0, "30"), (29.97, "29.97")] {
        let video = Video {
            framerate: Some(framerate),
            ..Video::default()
        };
        let configuration = EncoderConfiguration {
            video: Some(video),
            ..EncoderConfiguration::default()
        };
        let output = GetEncoderConfigurationOutput {
            encoder_configuration: Some(configuration),
        };
        assert!(text(output.to_json()).contains(&format!(r#""video":{{"framerate":{printed}}}"#)));
    }
}

#[test]
fn enum_values_are_read_as_they_are_printed() {
    for name in EventName::ALL {
        assert_eq!(EventName::parse(name.as_str()), Some(name));
        assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
    }
    assert_eq!(EventName::parse("joined"), None);
}
