"""The aws CLI through every operation of this build, as a person at a shell would go."""

import pytest

import calls
from cli import Cli
from downstage import until
from keys import public_key
from presence import Presence
from webrtc import Loop

BUCKET = "recordings"


def stages(aws) -> dict:
    tokens = "userId=ana,capabilities=PUBLISH,SUBSCRIBE,duration=60"
    created = aws("create-stage", "--name", "tour", "--tags", "team=video", "--participant-token-configurations", tokens)
    assert created["participantTokens"][0]["userId"] == "ana"
    arn = created["stage"]["arn"]
    others = [aws("create-stage", "--name", name)["stage"]["arn"] for name in ("two", "three")]
    assert [stage["arn"] for stage in aws.pages("stages", "list-stages")] == [arn, *others]
    stage = aws("update-stage", "--arn", arn, "--name", "tour-2")["stage"]
    assert aws("get-stage", "--arn", arn)["stage"] == stage
    aws.fails("ValidationException", "update-stage", "--arn", arn, "--name", "no spaces")
    for other in others:
        aws("delete-stage", "--arn", other)
    aws.fails("ResourceNotFoundException", "get-stage", "--arn", others[0])
    return stage


def tags(aws, arn: str) -> None:
    aws("tag-resource", "--resource-arn", arn, "--tags", '{"key with space": "value"}')
    listed = aws("list-tags-for-resource", "--resource-arn", arn)["tags"]
    assert listed == {"team": "video", "key with space": "value"}
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "key with space", "team")
    assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == {}


def public_keys(aws) -> None:
    def import_(number: int) -> tuple[str, ...]:
        return "import-public-key", "--name", f"key-{number}", "--public-key-material", public_key(number)

    made = [aws(*import_(number))["publicKey"] for number in (1, 2, 3)]
    aws.fails("ConflictException", *import_(3))
    aws.fails("ServiceQuotaExceededException", *import_(4))
    assert aws("get-public-key", "--arn", made[0]["arn"])["publicKey"] == made[0]
    # The CLI loops over the pages of this list by itself.
    listed = aws("list-public-keys", "--page-size", "2")["publicKeys"]
    assert [key["arn"] for key in listed] == [key["arn"] for key in made]
    for key in made:
        aws("delete-public-key", "--arn", key["arn"])
    aws.fails("ResourceNotFoundException", "get-public-key", "--arn", made[0]["arn"])


def encoder_configurations(aws) -> None:
    create = ("create-encoder-configuration", "--video", "width=640,height=360,framerate=25,bitrate=600000")
    made = [aws(*create)["encoderConfiguration"] for _ in range(3)]
    assert made[0]["video"] == {"width": 640, "height": 360, "framerate": 25, "bitrate": 600_000}
    assert aws("get-encoder-configuration", "--arn", made[0]["arn"])["encoderConfiguration"] == made[0]
    listed = aws.pages("encoderConfigurations", "list-encoder-configurations")
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    for each in made:
        aws("delete-encoder-configuration", "--arn", each["arn"])
    aws.fails("ResourceNotFoundException", "get-encoder-configuration", "--arn", made[0]["arn"])


def storage_configurations(aws, stage: str) -> None:
    create = ("create-storage-configuration", "--s3", f"bucketName={BUCKET}")
    made = [aws(*create)["storageConfiguration"] for _ in range(3)]
    assert aws("get-storage-configuration", "--arn", made[0]["arn"])["storageConfiguration"] == made[0]
    listed = aws.pages("storageConfigurations", "list-storage-configurations")
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    record = ("update-stage", "--arn", stage, "--auto-participant-recording-configuration")
    aws(*record, f"storageConfigurationArn={made[0]['arn']}")
    aws.fails("ConflictException", "delete-storage-configuration", "--arn", made[0]["arn"])
    aws(*record, '{"storageConfigurationArn": ""}')
    for each in made:
        aws("delete-storage-configuration", "--arn", each["arn"])
    aws.fails("ResourceNotFoundException", "get-storage-configuration", "--arn", made[0]["arn"])


def ingest_configurations(aws, stage: str) -> None:
    create = ("create-ingest-configuration", "--ingest-protocol")
    made = [aws(*create, "RTMPS", "--stage-arn", stage)["ingestConfiguration"] for _ in range(2)]
    made.append(aws(*create, "RTMP", "--insecure-ingest")["ingestConfiguration"])
    aws.fails("ValidationException", *create, "RTMP")
    assert aws("get-ingest-configuration", "--arn", made[0]["arn"])["ingestConfiguration"] == made[0]
    listed = aws("list-ingest-configurations", "--page-size", "2")["ingestConfigurations"]
    assert [each["arn"] for each in listed] == [each["arn"] for each in made]
    listed = aws("list-ingest-configurations", "--filter-by-stage-arn", stage)["ingestConfigurations"]
    assert [each["arn"] for each in listed] == [each["arn"] for each in made[:2]]
    updated = aws("update-ingest-configuration", "--arn", made[0]["arn"], "--stage-arn", "")
    assert updated["ingestConfiguration"] == {**made[0], "stageArn": ""}
    for each in made:
        aws("delete-ingest-configuration", "--arn", each["arn"], "--force")
    aws.fails("ResourceNotFoundException", "get-ingest-configuration", "--arn", made[0]["arn"])


def participants(aws, stage: dict) -> None:
    on = ("--stage-arn", stage["arn"])
    assert aws("list-stage-sessions", *on)["stageSessions"] == []
    create = ("create-participant-token", *on, "--attributes", "seat=4", "--user-id")
    tokens = [aws(*create, user)["participantToken"] for user in ("ana", "ben")]
    assert tokens[0]["attributes"] == {"seat": "4"}
    ids = [token["participantId"] for token in tokens]
    with Presence(stage, tokens[0]["token"]), Presence(stage, tokens[1]["token"]):
        sessions = until("a session", lambda: aws("list-stage-sessions", *on)["stageSessions"])
        there = (*on, "--session-id", sessions[0]["sessionId"])
        assert "endTime" not in aws("get-stage-session", *there)["stageSession"]

        def joined():
            listed = aws.pages("participants", "list-participants", *there, size=1)
            return sorted(each["participantId"] for each in listed)

        until("both are listed", lambda: joined() == sorted(ids))
        who = (*there, "--participant-id", ids[0])
        assert aws("get-participant", *who)["participant"]["attributes"] == {"seat": "4"}
        aws("disconnect-participant", *on, "--participant-id", ids[0], "--reason", "tour over")

        def events():
            return [event["name"] for event in aws.pages("events", "list-participant-events", *who, size=1)]

        until("it has left", lambda: events() == ["JOINED", "LEFT"])
    aws.fails("ResourceNotFoundException", "get-participant", *there, "--participant-id", "nobody")
    aws.fails("ResourceNotFoundException", "get-stage-session", *on, "--session-id", "st-0123456789abc")


def replications(aws, whip: str, stage: str) -> None:
    other = aws("create-stage", "--name", "other")["stage"]["arn"]
    host = aws("create-participant-token", "--stage-arn", stage)["participantToken"]
    of_host = ("--source-stage-arn", stage, "--participant-id", host["participantId"])
    key = (*of_host, "--destination-stage-arn", other)
    for command in ("start-participant-replication", "stop-participant-replication"):
        aws.fails("ResourceNotFoundException", command, *key)
    with Loop() as loop:
        loop.publish(whip, host["token"])

        session = aws("get-stage", "--arn", stage)["stage"]["activeSessionId"]
        there = ("--stage-arn", stage, "--session-id", session, "--participant-id", host["participantId"])
        listed = ("list-participant-events", *there, "--query", "events[].name")
        until("the host publishes", lambda: "PUBLISH_STARTED" in aws(*listed))
        started = aws("start-participant-replication", *key, "--reconnect-window-seconds", "5", "--attributes", "seat=5")
        assert started["contentSecurityPolicy"] == "default-src 'self'; upgrade-insecure-requests;"
        aws.fails("ConflictException", "start-participant-replication", *key)
        for state in ("ACTIVE", "STOPPED"):
            # The CLI loops over the pages of this list by itself.
            (replica,) = aws("list-participant-replicas", *of_host, "--page-size", "1")["replicas"]
            assert (replica["destinationStageArn"], replica["replicationState"]) == (other, state)
            assert aws("stop-participant-replication", *key)["xFrameOptions"] == "DENY"
    aws("delete-stage", "--arn", other)


# Each of its commands starts a process that loads the whole CLI.
@pytest.mark.timeout(1_200)
def test_the_cli_goes_through_every_operation(own_server):
    server = own_server()
    server.bucket(BUCKET)
    aws = Cli(server.start())
    stage = stages(aws)
    tags(aws, stage["arn"])
    public_keys(aws)
    encoder_configurations(aws)
    storage_configurations(aws, stage["arn"])
    ingest_configurations(aws, stage["arn"])
    participants(aws, stage)
    replications(aws, f"{server.http}/whip", stage["arn"])
    aws("delete-stage", "--arn", stage["arn"])
    assert aws("list-stages")["stages"] == []
    calls.check(server, "cli")
