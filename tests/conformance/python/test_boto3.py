"""boto3 through every operation of this build, as an application would go: one life, from the first stage to the last."""

import pytest

import calls
from downstage import until
from keys import public_key
from presence import Presence
from webrtc import Loop

BUCKET = "recordings"


def pages(operation, member: str, size: int, **arguments) -> list:
    """All items of a list for which botocore has no paginator."""
    items, token = [], ""
    while True:
        page = operation(maxResults=size, nextToken=token, **arguments)
        assert len(page[member]) <= size
        items += page[member]
        token = page.get("nextToken", "")
        if not token:
            return items


def paginated(client, operation: str, member: str, size: int, **arguments) -> list:
    """All items of a list by botocore's own paginator."""
    paginator = client.get_paginator(operation)
    page_iterator = paginator.paginate(PaginationConfig={"PageSize": size}, **arguments)
    return [item for page in page_iterator for item in page[member]]


def fails(exception, status: int, operation, **arguments) -> str:
    """The message of the typed exception with which a call ends."""
    with pytest.raises(exception) as error:
        operation(**arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert error.value.response["exceptionMessage"]
    return error.value.response["exceptionMessage"]


def stages(client) -> dict:
    first = client.create_stage(
        name="main", tags={"team": "video"},
        participantTokenConfigurations=[{"userId": "ana", "capabilities": ["PUBLISH"], "duration": 60}],
    )
    assert first["participantTokens"][0]["userId"] == "ana"
    arns = [first["stage"]["arn"]] + [client.create_stage(name=name)["stage"]["arn"] for name in ("two", "three")]
    listed = pages(client.list_stages, "stages", 2)
    assert [stage["arn"] for stage in listed] == arns
    stage = client.update_stage(arn=arns[0], name="main-2")["stage"]
    assert client.get_stage(arn=arns[0])["stage"] == stage
    message = fails(client.exceptions.ValidationException, 400, client.update_stage, arn=arns[0], name="no spaces")
    assert "name" in message
    for arn in arns[1:]:
        client.delete_stage(arn=arn)
    fails(client.exceptions.ResourceNotFoundException, 404, client.get_stage, arn=arns[1])
    return stage


def tags(client, arn: str) -> None:
    client.tag_resource(resourceArn=arn, tags={"a b": "c/d", "team": "sound"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a b": "c/d", "team": "sound"}
    client.untag_resource(resourceArn=arn, tagKeys=["a b", "team"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def public_keys(client) -> None:
    made = [client.import_public_key(name=f"key-{n}", publicKeyMaterial=public_key(n))["publicKey"] for n in (1, 2, 3)]
    material = {"publicKeyMaterial": public_key(3)}
    fails(client.exceptions.ConflictException, 409, client.import_public_key, **material)
    material = {"publicKeyMaterial": public_key(4)}
    fails(client.exceptions.ServiceQuotaExceededException, 402, client.import_public_key, **material)
    assert client.get_public_key(arn=made[0]["arn"])["publicKey"] == made[0]
    listed = paginated(client, "list_public_keys", "publicKeys", 2)
    assert listed == [{name: key[name] for name in ("arn", "name", "tags")} for key in made]
    tags(client, made[0]["arn"])
    for key in made:
        client.delete_public_key(arn=key["arn"])
    fails(client.exceptions.ResourceNotFoundException, 404, client.get_public_key, arn=made[0]["arn"])


def encoder_configurations(client) -> None:
    video = {"width": 640, "height": 360, "framerate": 25, "bitrate": 600_000}
    made = [client.create_encoder_configuration(name=name, video=video)["encoderConfiguration"] for name in "abc"]
    assert client.get_encoder_configuration(arn=made[0]["arn"])["encoderConfiguration"] == made[0]
    assert made[0]["video"] == video
    listed = pages(client.list_encoder_configurations, "encoderConfigurations", 2)
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    odd = {"video": {"width": 641}}
    assert "width" in fails(client.exceptions.ValidationException, 400, client.create_encoder_configuration, **odd)
    for each in made:
        client.delete_encoder_configuration(arn=each["arn"])
    fails(client.exceptions.ResourceNotFoundException, 404, client.delete_encoder_configuration, arn=made[0]["arn"])


def storage_configurations(client, stage: str) -> None:
    s3 = {"bucketName": BUCKET}
    made = [client.create_storage_configuration(name=name, s3=s3)["storageConfiguration"] for name in "abc"]
    assert client.get_storage_configuration(arn=made[0]["arn"])["storageConfiguration"] == made[0]
    listed = pages(client.list_storage_configurations, "storageConfigurations", 2)
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    absent = {"s3": {"bucketName": "no-such-bucket"}}
    fails(client.exceptions.ResourceNotFoundException, 404, client.create_storage_configuration, **absent)

    def record(arn: str) -> dict:
        recording = {"storageConfigurationArn": arn}
        updated = client.update_stage(arn=stage, autoParticipantRecordingConfiguration=recording)
        return updated["stage"]["autoParticipantRecordingConfiguration"]

    assert record(made[0]["arn"])["storageConfigurationArn"] == made[0]["arn"]
    fails(client.exceptions.ConflictException, 409, client.delete_storage_configuration, arn=made[0]["arn"])
    assert record("")["storageConfigurationArn"] == ""
    for each in made:
        client.delete_storage_configuration(arn=each["arn"])


def ingest_configurations(client, stage: str) -> None:
    create = client.create_ingest_configuration
    made = [create(name=name, ingestProtocol="RTMPS", stageArn=stage)["ingestConfiguration"] for name in "ab"]
    made.append(create(ingestProtocol="RTMP", insecureIngest=True)["ingestConfiguration"])
    fails(client.exceptions.ValidationException, 400, create, ingestProtocol="RTMP")
    assert client.get_ingest_configuration(arn=made[0]["arn"])["ingestConfiguration"] == made[0]
    listed = paginated(client, "list_ingest_configurations", "ingestConfigurations", 2)
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    listed = paginated(client, "list_ingest_configurations", "ingestConfigurations", 50, filterByStageArn=stage)
    assert [each["arn"] for each in listed] == [each["arn"] for each in made[:2]]
    updated = client.update_ingest_configuration(arn=made[0]["arn"], stageArn="")
    assert updated["ingestConfiguration"] == {**made[0], "stageArn": ""}
    assert updated["xFrameOptions"] == "DENY"
    for each in made:
        client.delete_ingest_configuration(arn=each["arn"], force=True)
    fails(client.exceptions.ResourceNotFoundException, 404, client.get_ingest_configuration, arn=made[0]["arn"])


def participants(client, stage: dict) -> None:
    arn = stage["arn"]
    tokens = [client.create_participant_token(stageArn=arn, userId=user)["participantToken"] for user in ("ana", "ben")]
    ids = [token["participantId"] for token in tokens]
    with Presence(stage, tokens[0]["token"]), Presence(stage, tokens[1]["token"]):
        sessions = until("a session", lambda: pages(client.list_stage_sessions, "stageSessions", 1, stageArn=arn))
        there = {"stageArn": arn, "sessionId": sessions[0]["sessionId"]}
        assert client.get_stage(arn=arn)["stage"]["activeSessionId"] == there["sessionId"]
        session = client.get_stage_session(**there)["stageSession"]
        assert session["sessionId"] == there["sessionId"] and "endTime" not in session

        def joined():
            return pages(client.list_participants, "participants", 1, **there)

        until("both are listed", lambda: sorted(each["participantId"] for each in joined()) == sorted(ids))
        participant = client.get_participant(**there, participantId=ids[0])["participant"]
        assert (participant["state"], participant["userId"]) == ("CONNECTED", "ana")
        client.disconnect_participant(stageArn=arn, participantId=ids[0], reason="the show is over")

        def events():
            listed = pages(client.list_participant_events, "events", 1, **there, participantId=ids[0])
            return [event["name"] for event in listed]

        until("it has left", lambda: events() == ["JOINED", "LEFT"])
    fails(client.exceptions.ResourceNotFoundException, 404, client.get_participant, **there, participantId="nobody")
    elsewhere = {"stageArn": arn, "sessionId": "st-0123456789abc"}
    fails(client.exceptions.ResourceNotFoundException, 404, client.get_stage_session, **elsewhere)


def replications(client, whip: str, stage: str) -> None:
    other = client.create_stage(name="other")["stage"]["arn"]
    host = client.create_participant_token(stageArn=stage, userId="host", attributes={"seat": "4"})["participantToken"]
    key = {"sourceStageArn": stage, "destinationStageArn": other, "participantId": host["participantId"]}
    for operation in (client.start_participant_replication, client.stop_participant_replication):
        fails(client.exceptions.ResourceNotFoundException, 404, operation, **key)
    with Loop() as loop:
        loop.publish(whip, host["token"])

        def start() -> bool:
            try:
                reply = client.start_participant_replication(**key, reconnectWindowSeconds=5, attributes={"seat": "5"})
            except (client.exceptions.ResourceNotFoundException, client.exceptions.ConflictException):
                return False
            return reply["xContentTypeOptions"] == "nosniff"

        until("the host publishes and is replicated", start)
        fails(client.exceptions.ConflictException, 409, client.start_participant_replication, **key)
        of_host = {"sourceStageArn": stage, "participantId": host["participantId"]}
        for state in ("ACTIVE", "STOPPED"):
            (replica,) = paginated(client, "list_participant_replicas", "replicas", 1, **of_host)
            assert (replica["destinationStageArn"], replica["replicationState"]) == (other, state)
            there = {"stageArn": other, "sessionId": replica["destinationSessionId"]}
            shown = client.get_participant(**there, participantId=host["participantId"])["participant"]
            assert (shown["replicationType"], shown["replicationState"], shown["attributes"]) == ("REPLICA", state, {"seat": "5"})
            assert shown["sourceSessionId"] == replica["sourceSessionId"]
            assert client.stop_participant_replication(**key)["xContentTypeOptions"] == "nosniff"
    client.delete_stage(arn=other)


def test_boto3_goes_through_every_operation(own_server):
    server = own_server()
    server.bucket(BUCKET)
    client = server.start().client()
    stage = stages(client)
    tags(client, stage["arn"])
    public_keys(client)
    encoder_configurations(client)
    storage_configurations(client, stage["arn"])
    ingest_configurations(client, stage["arn"])
    participants(client, stage)
    replications(client, f"{server.http}/whip", stage["arn"])
    client.revoke_connection_token(tokenId="never-issued")
    client.delete_stage(arn=stage["arn"])
    assert client.list_stages()["stages"] == []
    calls.check(server, "boto3")
