//! What those on the destination stage are told of a replica.

use tokio_tungstenite::tungstenite::Message;

use super::*;

#[test]
fn a_replica_is_an_ordinary_participant_to_both_dialects_with_its_own_attributes() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let mut cem = Socket::open(world, THERE, &stages.token("cem"))
            .await
            .unwrap();
        let empty = cem.text().await;
        assert_eq!(empty["payload"]["participants"], json!([]));
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let expected = json!({
            "id": "ana", "userId": "user", "attributes": { "seat": "guest" }, "isPublishing": true,
        });
        let state = cem.text().await;
        assert_eq!(state["payload"]["stageId"], THERE);
        assert_eq!(state["payload"]["participants"], json!([expected]));
        let (_dan, joined) = stages.socket("dan").await;
        let mut entry = joined["state"]["participants"][0].clone();
        for mute in ["audioMuted", "videoStopped"] {
            assert_eq!(entry[mute], false, "{joined}");
            entry.as_object_mut().unwrap().remove(mute);
        }
        assert_eq!(entry, expected);
        let (_eve, joined) = Client::join(world, "eve", json!({})).await;
        assert_eq!(joined["state"]["participants"][0]["attributes"], json!({}));
    });
}

#[test]
fn those_on_every_stage_of_a_replica_are_told_that_it_speaks_and_no_others() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let beyond = arn(BEYOND);
        world.open(&beyond).await;
        let (mut dan, _) = stages.socket("dan").await;
        let token = stages.token_of(&beyond, "fay");
        let (mut fay, _) = Client::join_on(world, BEYOND, &token, json!({})).await;
        let (_ana, session) = stages.replicated("ana", Role::Publisher).await;
        // Nobody there knows of ben.
        let _ben = publisher(world, "ben").await;
        stages
            .replicate_to(&beyond, "ana", Duration::from_mins(1))
            .await;
        // One who comes later hears it too.
        let (mut gus, _) = stages.socket("gus").await;
        for client in [&mut dan, &mut fay, &mut gus] {
            let speakers = client.find("speakers").await["list"].clone();
            assert_eq!(speakers, json!([{ "pid": "ana", "level": 20 }]));
        }
        crate::feeds::unpublish(world, "ana", session).await;
        for client in [&mut dan, &mut fay, &mut gus] {
            assert_eq!(client.find("speakers").await["list"], json!([]));
        }
    });
}

#[test]
fn what_the_source_mutes_is_told_there() {
    run(async {
        let stages = Stages::new(2).await;
        let (mut ana, _) = Client::join(&stages.world, "ana", json!({})).await;
        let _publish = stages.replicated("ana", Role::Publisher).await;
        let (mut dan, _) = stages.socket("dan").await;
        ana.say("mute", json!({ "audio": true, "video": false }))
            .await;
        let update = dan.find("delta").await["update"][0].clone();
        assert_eq!(
            (&update["id"], &update["audioMuted"]),
            (&json!("ana"), &json!(true))
        );
        assert_eq!(update["attributes"], json!({ "seat": "guest" }));
    });
}

// T30
#[test]
fn rp11_the_id_of_a_replica_does_not_get_in_by_any_door() {
    run(async {
        let stages = Stages::new(2).await;
        let world = &stages.world;
        let _ana = stages.replicated("ana", Role::Publisher).await;
        let token = stages.token("ana");
        let mut socket = Socket::open(world, THERE, &token).await.unwrap();
        let expected =
            json!({ "type": "JOIN_ERROR", "payload": { "code": 4, "reason": "FAILED" } });
        assert_eq!(socket.text().await, expected);
        assert_eq!(socket.next().await, Err((1013, "FAILED".to_owned())));
        let offered = format!("stage.v1, {token}");
        let socket = Socket::open_as(world, THERE, &offered, "stage.v1").await;
        let mut socket = socket.unwrap();
        socket.send(Message::text(r#"{"type":"join"}"#)).await;
        let error = socket.text().await;
        assert_eq!(
            (&error["category"], &error["code"]),
            (&json!("JOIN_ERROR"), &json!("FAILED"))
        );
        assert_eq!(socket.next().await.expect_err("a close").0, 1013);
        for (path, role) in [
            ("/whip/publish/ana", Role::Publisher),
            ("/whip/subscribe/ben", Role::Subscriber),
        ] {
            let offer = Offering::udp(role).await.sdp;
            let request = Request::new("POST", path).bearer(&token).sdp(&offer);
            let reply = world.send(request).await.expect(409);
            assert!(reply.body.contains("REPLICA_PRESENT"), "{}", reply.body);
        }
        world.expect_events("ana", &REPLICATED).await;
    });
}
