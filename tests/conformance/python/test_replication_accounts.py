"""Replications between the stages of two accounts, as each of them can ask for: there are none, and a refusal does not tell what the other one has."""

import pytest
from botocore.exceptions import ClientError

from downstage import REGION, Stage, until
from webrtc import Loop

SECRET = "0123456789abcdef"
OURS, THEIRS = ("OURS", "111111111111"), ("THEIRS", "222222222222")


def refusal(client, operation: str, **arguments) -> tuple:
    """All of the answer that is not of this one request."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    told = dict(error.value.response)
    metadata = told.pop("ResponseMetadata")
    headers = {name: value for name, value in metadata["HTTPHeaders"].items() if name not in OF_THE_REQUEST}
    return metadata["HTTPStatusCode"], told, headers


OF_THE_REQUEST = {"date", "x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id"}


def test_t12_a_refusal_does_not_tell_what_stages_another_account_has(own_server):
    keys = ",".join(f"{name}:{SECRET}:{account}" for name, account in (OURS, THEIRS))
    server = own_server(environment={"DOWNSTAGE_ACCESS_KEYS": keys}).start()
    ours, theirs = (server.client(name, SECRET) for name, _ in (OURS, THEIRS))
    our, their = Stage(ours), Stage(theirs)
    busy, gone = Stage(theirs), Stage(theirs)
    theirs.delete_stage(arn=gone.arn)
    nowhere = f"arn:aws:ivs:{REGION}:{THEIRS[1]}:stage/ZZZZZZZZZZZZ"
    host, guest = our.token("PUBLISH"), their.token("PUBLISH")
    with Loop() as loop:
        for stage, token in ((our, host), (their, guest)):
            loop.publish(f"{server.http}/whip", token["token"])
            stage.wait_for(token["participantId"], "JOINED", "PUBLISH_STARTED")
        # Theirs is replicated too: also what is there to be stopped and listed is not told.
        between = {"sourceStageArn": their.arn, "destinationStageArn": busy.arn, "participantId": guest["participantId"]}
        theirs.start_participant_replication(**between)
        foreign = [their.arn, busy.arn, gone.arn, nowhere]
        for operation in ("start_participant_replication", "stop_participant_replication"):
            for participant in (host["participantId"], guest["participantId"], "nobody"):
                to = [
                    refusal(ours, operation, sourceStageArn=our.arn, destinationStageArn=arn, participantId=participant)
                    for arn in foreign
                ]
                assert to[0][0] == 404 and to[0][1]["Error"]["Code"] == "ResourceNotFoundException", to[0]
                assert all(answer == to[0] for answer in to), to
                ways = [(arn, our.arn) for arn in foreign] + [(their.arn, busy.arn), (busy.arn, their.arn), (gone.arn, nowhere)]
                of = [
                    refusal(ours, operation, sourceStageArn=source, destinationStageArn=destination, participantId=participant)
                    for source, destination in ways
                ]
                assert of[0][0] == 404 and all(answer == of[0] for answer in of), of
        for participant in (guest["participantId"], "nobody"):
            listed = [refusal(ours, "list_participant_replicas", sourceStageArn=arn, participantId=participant) for arn in foreign]
            assert listed[0][0] == 400 and all(answer == listed[0] for answer in listed), listed
        # Nothing came of all that, on either side.
        assert ours.list_participant_replicas(sourceStageArn=our.arn, participantId=host["participantId"])["replicas"] == []
        (replica,) = theirs.list_participant_replicas(sourceStageArn=their.arn, participantId=guest["participantId"])["replicas"]
        assert replica["replicationState"] == "ACTIVE"
        assert busy.names(guest["participantId"]) == ["JOINED", "PUBLISH_STARTED"]
        theirs.stop_participant_replication(**between)
    assert server.stop() == 0
