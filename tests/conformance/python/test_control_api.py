"""The control API as boto3 sees it: what stages, tokens and tags do, their errors and pages."""

import datetime
import re
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError

from downstage import Stage, until


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def test_a_new_stage_has_its_endpoints_and_defaults(client):
    reply = client.create_stage(name="front-row", tags={"team": "video", "a b/c": "d::e"})
    stage = reply["stage"]
    assert re.fullmatch(r"arn:aws:ivs:us-west-2:000000000000:stage/[a-zA-Z0-9]{12}", stage["arn"])
    assert stage["name"] == "front-row"
    assert stage["tags"] == {"team": "video", "a b/c": "d::e"}
    assert "activeSessionId" not in stage
    assert "participantTokens" not in reply
    assert set(stage["endpoints"]) == {"events", "rtmp", "rtmps", "whip"}
    assert stage["endpoints"]["whip"].endswith("/whip")
    assert stage["autoParticipantRecordingConfiguration"] == {
        "storageConfigurationArn": "",
        "mediaTypes": ["AUDIO_VIDEO"],
        "thumbnailConfiguration": {
            "targetIntervalSeconds": 60, "storage": ["SEQUENTIAL"], "recordingMode": "DISABLED",
        },
        "recordingReconnectWindowSeconds": 0,
        "hlsConfiguration": {"targetSegmentDurationSeconds": 6},
        "recordParticipantReplicas": True,
    }
    assert reply["ResponseMetadata"]["RequestId"]
    assert client.get_stage(arn=stage["arn"])["stage"] == stage
    client.delete_stage(arn=stage["arn"])


def test_tokens_come_with_a_stage_in_the_order_asked(client):
    reply = client.create_stage(
        participantTokenConfigurations=[
            {"userId": "ana", "capabilities": ["PUBLISH"], "duration": 30, "attributes": {"role": "host"}},
            {"userId": "ben"},
        ]
    )
    first, second = reply["participantTokens"]
    assert (first["userId"], first["capabilities"], first["duration"]) == ("ana", ["PUBLISH"], 30)
    assert first["attributes"] == {"role": "host"}
    assert second["userId"] == "ben"
    assert first["participantId"] != second["participantId"]
    client.delete_stage(arn=reply["stage"]["arn"])


def test_a_stage_is_updated_listed_and_deleted(client):
    arn = client.create_stage(name="one", tags={"k": "v"})["stage"]["arn"]
    assert client.update_stage(arn=arn, name="two")["stage"]["name"] == "two"
    assert client.update_stage(arn=arn)["stage"]["name"] == "two"
    summary = next(stage for stage in client.list_stages(maxResults=100)["stages"] if stage["arn"] == arn)
    assert summary == {"arn": arn, "name": "two", "tags": {"k": "v"}}
    assert client.delete_stage(arn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(client.exceptions.ResourceNotFoundException) as error:
        client.get_stage(arn=arn)
    assert error.value.response["exceptionMessage"]
    assert error.value.response["accessControlAllowOrigin"] == "*"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.delete_stage(arn=arn)


def test_pages_hold_every_stage_once(client):
    arns = {client.create_stage(name=f"page-{index}")["stage"]["arn"] for index in range(7)}
    seen = []
    token = ""
    while True:
        page = client.list_stages(maxResults=2, nextToken=token)
        assert len(page["stages"]) <= 2
        seen += [stage["arn"] for stage in page["stages"]]
        token = page.get("nextToken", "")
        if not token:
            break
    assert len(seen) == len(set(seen))
    assert arns <= set(seen)
    with pytest.raises(ClientError) as error:
        client.list_stages(nextToken="bm90IG91cnM=")
    assert code(error) == "ValidationException"
    for arn in arns:
        client.delete_stage(arn=arn)


def test_tags_are_added_overwritten_and_removed(client, stage):
    client.tag_resource(resourceArn=stage.arn, tags={"a": "1", "b c": "2", "d/e": "3"})
    client.tag_resource(resourceArn=stage.arn, tags={"a": "4"})
    assert client.list_tags_for_resource(resourceArn=stage.arn)["tags"] == {"a": "4", "b c": "2", "d/e": "3"}
    client.untag_resource(resourceArn=stage.arn, tagKeys=["b c", "d/e", "absent"])
    assert client.get_stage(arn=stage.arn)["stage"]["tags"] == {"a": "4"}
    with pytest.raises(ClientError) as error:
        client.tag_resource(resourceArn=stage.arn, tags={f"k{index}": "" for index in range(50)})
    assert code(error) == "ValidationException"
    with pytest.raises(ClientError) as error:
        client.tag_resource(resourceArn=stage.arn, tags={"aws:mine": "no"})
    assert code(error) == "ValidationException"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_tags_for_resource(resourceArn=stage.arn[:-4] + "zzzz")


def test_a_token_says_what_was_asked_and_when_it_ends(client, stage):
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    token = stage.token("SUBSCRIBE", "SUBSCRIBE", userId="ana", attributes={"seat": "1"}, duration=30)
    assert set(token) == {"participantId", "token", "expirationTime", "capabilities", "userId", "attributes", "duration"}
    life = token["expirationTime"] - before
    assert datetime.timedelta(minutes=30) <= life <= datetime.timedelta(minutes=30, seconds=5)
    plain = stage.token()
    assert set(plain) == {"participantId", "token", "expirationTime"}
    # A token makes no participant: there is no session yet.
    assert client.list_stage_sessions(stageArn=stage.arn)["stageSessions"] == []


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_stage", {"name": "no spaces"}),
        ("create_stage", {"name": "x" * 129}),
        ("create_stage", {"name": "ends-with-newline\n"}),
        ("create_stage", {"tags": {f"k{index}": "v" for index in range(51)}}),
        ("create_stage", {"participantTokenConfigurations": [{}] * 13}),
        ("create_stage", {"autoParticipantRecordingConfiguration": {
            "storageConfigurationArn": "arn:aws:ivs:us-west-2:000000000000:storage-configuration/abcdefghijkl"}}),
        ("get_stage", {"arn": "arn:aws:ivs:us-west-2:000000000000:channel/abcdefghijkl"}),
        ("list_stages", {"maxResults": 101}),
        ("list_stage_sessions", {"stageArn": "arn:aws:ivs:us-west-2:000000000000:stage/absentabsent"}),
    ],
)
def test_bad_input_is_a_validation_exception(client, operation, arguments):
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    assert code(error) == "ValidationException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_bad_token_requests_name_the_member(client, stage):
    for arguments, member in [
        ({"duration": 20161}, "duration"),
        ({"userId": "x" * 129}, "userId"),
        ({"capabilities": ["DANCE"]}, "capabilities"),
        ({"attributes": {"k": "v" * 1024}}, "attributes"),
    ]:
        with pytest.raises(ClientError) as error:
            client.create_participant_token(stageArn=stage.arn, **arguments)
        assert code(error) == "ValidationException"
        assert member in error.value.response["exceptionMessage"]


def test_participant_filters_exclude_each_other(client, stage):
    with pytest.raises(ClientError) as error:
        client.list_participants(
            stageArn=stage.arn, sessionId="st-0123456789abc", filterByUserId="ana", filterByPublished=False
        )
    assert code(error) == "ValidationException"
    assert client.list_participants(stageArn=stage.arn, sessionId="st-0123456789abc")["participants"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_stage_session(stageArn=stage.arn, sessionId="st-0123456789abc")


def test_disconnecting_needs_a_participant_of_this_stage(client, stage):
    minted = stage.token()["participantId"]
    client.disconnect_participant(stageArn=stage.arn, participantId=minted, reason="before it ever joined")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.disconnect_participant(stageArn=stage.arn, participantId=uuid.uuid4().hex)
    other = Stage(client)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.disconnect_participant(stageArn=other.arn, participantId=minted)
    client.delete_stage(arn=other.arn)


def test_stages_of_another_region_are_absent(server, stage):
    elsewhere = server.client(region="eu-west-1")
    with pytest.raises(elsewhere.exceptions.ResourceNotFoundException):
        elsewhere.get_stage(arn=stage.arn)
    assert stage.arn not in [each["arn"] for each in elsewhere.list_stages()["stages"]]


@pytest.mark.parametrize(
    ("access_key", "secret_key", "expected"),
    [("test", "wrong", "InvalidSignatureException"), ("nobody", "test", "UnrecognizedClientException")],
)
def test_wrong_keys_are_refused(server, access_key, secret_key, expected):
    with pytest.raises(ClientError) as error:
        server.client(access_key, secret_key).list_stages()
    assert code(error) == expected
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_health_readiness_and_metrics_answer(server, client, stage):
    def get(path):
        with urllib.request.urlopen(server.http + path, timeout=5) as response:
            assert response.status == 200
            return response.read().decode()

    get("/healthz")
    get("/readyz")
    client.list_stages()

    def counted():
        return re.search(r'downstage_api_calls_total\{[^}]*operation="ListStages"[^}]*\} [1-9]', get("/metrics"))

    until("the call is counted", counted)
    assert "downstage_stages" in get("/metrics")
