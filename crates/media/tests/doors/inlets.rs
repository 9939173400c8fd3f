//! Publishes without a WebRTC connection, as `server` makes them for encoders that speak RTMP.

use std::time::Duration;

use media::{Inlet, InletFault};
use model::EventName::{Joined, Left, PublishError, PublishStarted, PublishStopped};
use model::{ErrorCode, IngestConfigurationArn, IngestGrant, IngestPart, ParticipantId, Protocol};
use serde_json::json;
use sfu::{InletDescription, InletVideo, LayerLabel, Packetiser};
use stage::{CloseCause, Input, LeftReason, Reply};
use tokio::task::JoinSet;

use crate::media::{narrow, subscribe};
use crate::peer::{Offering, Role};
use crate::stage_v1::Client;
use crate::world::{World, clock, run};

/// Of 640x360, Constrained Baseline.
const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const FRAME: Duration = Duration::from_millis(20);

fn grant(world: &World, participant: &str) -> Box<IngestGrant> {
    let arn = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration/abcdABCDefgh";
    Box::new(IngestGrant {
        stage: world.arn.clone(),
        configuration: IngestConfigurationArn::parse(arn).unwrap(),
        participant: ParticipantId::parse(participant).unwrap(),
        user_id: String::new(),
        attributes: std::collections::BTreeMap::new(),
        protocol: Protocol::Rtmp,
        part: IngestPart::Whole,
    })
}

/// An inlet that `stage` has admitted.
async fn admitted(world: &World, participant: &str) -> Inlet {
    let inlet = world.media.inlet();
    let input = Input::Ingest {
        connection: inlet.connection(),
        grant: grant(world, participant),
        fault: None,
    };
    let reply = world.tell(input).await;
    assert!(matches!(reply, Reply::Admitted { .. }), "{reply:?}");
    inlet
}

fn description() -> InletDescription {
    InletDescription {
        audio: true,
        video: vec![InletVideo {
            label: LayerLabel::parse(LayerLabel::ONLY).unwrap(),
            profile_level: [66, 0xe0, 31],
        }],
    }
}

/// What encodes.
struct Encoder {
    packetiser: Packetiser,
    frame: u32,
    gop: u32,
}

impl Encoder {
    fn new(gop: u32) -> Self {
        let mut packetiser = Packetiser::new(1);
        packetiser.parameter_sets(0, &[SPS], &[PPS]);
        Self {
            packetiser,
            frame: 0,
            gop,
        }
    }

    /// One picture and one piece of sound.
    fn shoot(&mut self, inlet: &Inlet, bytes: usize) -> Result<(), InletFault> {
        let is_key = self.frame.is_multiple_of(self.gop);
        let head: &[u8] = if is_key { &[0x65, 0x88] } else { &[0x41, 0xe0] };
        let nal = [head, &vec![0xab; bytes]].concat();
        let (at, now) = (FRAME * self.frame, clock().mono);
        self.packetiser.picture(0, &[&nal], is_key, at, now);
        self.packetiser.opus(&[0xfc; 80], 20, at, now);
        self.frame += 1;
        let sent: Vec<_> = self
            .packetiser
            .take()
            .map(|packets| inlet.send(packets))
            .collect();
        sent.into_iter().find(Result::is_err).unwrap_or(Ok(()))
    }
}

/// Begins, and sends from then on, as long as the set is there.
fn film(world: &World, inlet: Inlet, gop: u32) -> JoinSet<Inlet> {
    inlet.begin(&world.arn, description()).unwrap();
    inlet.connected();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut encoder = Encoder::new(gop);
        let mut ticks = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                _ = ticks.tick() => encoder.shoot(&inlet, 2_000).unwrap(),
                _ = inlet.closed() => return inlet,
            }
        }
    });
    task
}

#[test]
fn what_an_inlet_sends_reaches_a_viewer_that_comes_in_the_middle_of_a_long_gop() {
    run(async {
        let world = World::new().await;
        let inlet = admitted(&world, "ana").await;
        assert_eq!(world.media.gauges().publishes, 1);
        let _film = film(&world, inlet, 100_000);
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        // One viewer that is there when pictures have come, and one after it.
        for name in ["ben", "cem"] {
            let offering = Offering::udp(Role::Subscriber).await;
            let (mut viewer, _) = subscribe(&world, &world.token(name), "ana", offering).await;
            viewer
                .until(|seen| seen.audio > 20 && seen.video > 20)
                .await;
        }
        assert_eq!(world.media.counters().key_frame_requests, 0);
        assert_eq!(world.media.gauges().inlets_dropped, 0);
    });
}

#[test]
fn viewers_of_an_inlet_on_two_workers_get_its_media_until_it_is_closed() {
    run(async {
        let world = World::with(narrow()).await;
        let inlet = admitted(&world, "ana").await;
        let mut filming = film(&world, inlet, 100_000);
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        let mut viewers = Vec::new();
        for name in ["ben", "cem"] {
            let offering = Offering::udp(Role::Subscriber).await;
            viewers.push(
                subscribe(&world, &world.token(name), "ana", offering)
                    .await
                    .0,
            );
        }
        for viewer in &mut viewers {
            let seen = viewer
                .until(|seen| seen.audio > 20 && seen.video > 20)
                .await;
            assert_eq!(seen.level, Some((-20, true)));
        }
        assert!(world.media.counters().packets_relayed > 40);
        world
            .tell(Input::StageDeleted {
                stage: world.arn.clone(),
            })
            .await;
        for viewer in &mut viewers {
            viewer.until(|seen| seen.closed).await;
        }
        let inlet = filming.join_next().await.unwrap().unwrap();
        assert_eq!(inlet.closed().await, LeftReason::StageDeleted);
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
        // What has been told is not told again.
        inlet.ended(CloseCause::Timeout);
        drop(inlet);
        assert_eq!(world.media.gauges().publishes, 0);
        world
            .expect_events("ana", &[Joined, PublishStarted, PublishStopped, Left])
            .await;
    });
}

#[test]
fn everybody_is_told_when_an_inlet_speaks_and_when_it_is_gone() {
    run(async {
        let world = World::with(narrow()).await;
        let (mut dan, _) = Client::join(&world, "dan", json!({})).await;
        let filming = film(&world, admitted(&world, "ana").await, 50);
        let speakers = dan.find("speakers").await;
        assert_eq!(speakers["list"], json!([{ "pid": "ana", "level": 20 }]));
        drop(filming);
        assert_eq!(dan.find("speakers").await["list"], json!([]));
    });
}

#[test]
fn an_inlet_that_is_dropped_frees_its_name_and_its_key_at_once() {
    run(async {
        let world = World::new().await;
        let events = [Joined, PublishStarted, PublishStopped, Left];
        let mut expected = Vec::new();
        for _ in 0..3 {
            let filming = film(&world, admitted(&world, "ana").await, 50);
            expected.extend(&events[..2]);
            world.expect_events("ana", &expected).await;
            drop(filming);
            expected.extend(&events[2..]);
            world.expect_events("ana", &expected).await;
            assert_eq!(world.media.gauges().publishes, 0);
        }
        // One that was never begun.
        drop(admitted(&world, "ana").await);
        expected.extend([Joined, Left]);
        world.expect_events("ana", &expected).await;
    });
}

#[test]
fn an_inlet_that_breaks_a_rule_ends_with_its_code() {
    run(async {
        let world = World::new().await;
        let inlet = admitted(&world, "ana").await;
        inlet.begin(&world.arn, description()).unwrap();
        inlet.connected();
        world.expect_events("ana", &[Joined, PublishStarted]).await;
        inlet.ended(CloseCause::Fault(ErrorCode::BitrateExceeded));
        let events = [Joined, PublishStarted, PublishError, PublishStopped, Left];
        world.expect_events("ana", &events).await;
        assert_eq!(inlet.closed().await, LeftReason::UserInitiated);
        inlet.connected();
        assert_eq!(
            inlet.begin(&world.arn, description()),
            Err(InletFault::OutOfTurn)
        );
    });
}

#[test]
fn a_close_that_comes_before_the_beginning_keeps_it_from_beginning() {
    run(async {
        let world = World::new().await;
        let inlet = admitted(&world, "ana").await;
        let mut encoder = Encoder::new(1);
        assert_eq!(encoder.shoot(&inlet, 10), Err(InletFault::OutOfTurn));
        world.tell(Input::AllStagesDeleted).await;
        assert_eq!(inlet.closed().await, LeftReason::StageDeleted);
        assert_eq!(
            inlet.begin(&world.arn, description()),
            Err(InletFault::Closed)
        );
        assert_eq!(world.media.gauges().publishes, 0);
    });
}

#[test]
fn a_worker_that_is_behind_drops_what_comes_up_to_the_next_key_frame() {
    run(async {
        let world = World::new().await;
        let inlet = admitted(&world, "ana").await;
        inlet.begin(&world.arn, description()).unwrap();
        let mut encoder = Encoder::new(50);
        // Far more at once than any worker takes meanwhile.
        let mut fulls = 0;
        while fulls < 3 {
            fulls += u32::from(encoder.shoot(&inlet, 1_000_000) == Err(InletFault::Full));
            assert!(encoder.frame < 10_000, "it takes everything");
        }
        let dropped = world.media.gauges().inlets_dropped;
        assert!(dropped > 800, "{dropped}");
        inlet.connected();
        let offering = Offering::udp(Role::Subscriber).await;
        let (mut viewer, _) = subscribe(&world, &world.token("ben"), "ana", offering).await;
        let mut ticks = tokio::time::interval(FRAME);
        for _ in 0..200 {
            ticks.tick().await;
            // Pictures before the next key frame are dropped, though there is room.
            let _ = encoder.shoot(&inlet, 1_000);
        }
        viewer
            .until(|seen| seen.audio > 20 && seen.video > 20)
            .await;
        assert_eq!(encoder.shoot(&inlet, 1_000), Ok(()));
    });
}
