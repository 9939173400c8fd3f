//! Replicas of participants that have no WebRTC connection: streams of encoders.

use std::sync::Arc;

use media::Inlet;
use model::{IngestConfigurationArn, IngestGrant, IngestPart, Protocol};
use sfu::{InletDescription, InletVideo, LayerLabel, Packetiser};
use tokio::task::JoinSet;

use super::*;
use crate::peer::{PPS, SEI, SPS};
use crate::world::clock;

/// A stream that goes on until it is dropped.
struct Encoder {
    _inlet: Arc<Inlet>,
    _task: JoinSet<()>,
}

async fn stream(world: &World, participant: &str, part: IngestPart) -> Encoder {
    let inlet = Arc::new(world.media.inlet());
    let configuration = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration/obs";
    let grant = IngestGrant {
        stage: world.arn.clone(),
        configuration: IngestConfigurationArn::parse(configuration).unwrap(),
        participant: ParticipantId::parse(participant).unwrap(),
        user_id: String::new(),
        attributes: BTreeMap::new(),
        protocol: Protocol::Rtmps,
        part,
    };
    let connection = inlet.connection();
    let ingest = Input::Ingest {
        connection,
        grant: Box::new(grant),
        fault: None,
    };
    let admitted = world.tell(ingest).await;
    assert!(matches!(admitted, Reply::Admitted { .. }), "{admitted:?}");
    let video = InletVideo {
        label: LayerLabel::parse(LayerLabel::ONLY).unwrap(),
        profile_level: [SPS[1], SPS[2], SPS[3]],
    };
    let description = InletDescription {
        audio: true,
        video: vec![video],
    };
    inlet.begin(&world.arn, description).unwrap();
    inlet.connected();
    let mut task = JoinSet::new();
    task.spawn(send(Arc::clone(&inlet)));
    Encoder {
        _inlet: inlet,
        _task: task,
    }
}

/// A picture and its sound, again and again.
async fn send(inlet: Arc<Inlet>) {
    let mut packetiser = Packetiser::new(1);
    packetiser.parameter_sets(0, &[&SPS[..]], &[&PPS[..]]);
    let interval = Duration::from_millis(20);
    let mut beat = tokio::time::interval(interval);
    let slice = [&[0x65, 0x88][..], &[0xab; 2_000]].concat();
    for number in 0.. {
        beat.tick().await;
        let (at, now) = (interval * number, clock().mono);
        packetiser.picture(0, &[&SEI, &slice], true, at, now);
        packetiser.opus(&[0xfc; 80], 20, at, now);
        for packets in packetiser.take() {
            if inlet.send(packets) == Err(media::InletFault::Closed) {
                return;
            }
        }
    }
}

#[test]
fn what_an_encoder_sends_is_seen_there() {
    for (workers, part) in [
        (1, IngestPart::Whole),
        (2, IngestPart::Whole),
        (2, IngestPart::Virtual),
    ] {
        run(async {
            let stages = Stages::new(workers).await;
            let world = &stages.world;
            let encoder = stream(world, "obs", part).await;
            world.expect_events("obs", &REPLICATED[..2]).await;
            stages.replicate("obs").await;
            let (mut ben, _) = stages.watch("ben", "obs").await;
            let seen = ben.until(|seen| seen.audio > 20 && seen.video > 20).await;
            assert!(seen.sei > 0, "{seen:?}");
            assert_eq!(seen.level, Some((-20, true)));
            let mut dan = stages.follow("dan", [1, 1], json!({})).await;
            dan.bound(&[("audio", "obs"), ("video", "obs")]).await;
            let (mut eve, _) = stages.socket("eve").await;
            let speakers = eve.find("speakers").await["list"].clone();
            assert_eq!(speakers, json!([{ "pid": "obs", "level": 20 }]));
            dan.receives("audio", "obs").await;
            dan.receives("video", "obs").await;
            drop(encoder);
            ben.until(|seen| seen.closed).await;
            dan.bound(&[]).await;
        });
    }
}
