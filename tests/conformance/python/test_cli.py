"""The aws CLI through the whole control API of this build."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

AWS = str(Path(sys.executable).parent / "aws")


@pytest.fixture
def aws(server):
    def run(*arguments: str, fails: str | None = None):
        done = subprocess.run(
            [AWS, "ivs-realtime", *arguments, "--output", "json"],
            env=server.cli_environment(), capture_output=True, text=True, timeout=60,
        )
        if fails:
            assert done.returncode != 0
            assert fails in done.stderr, done.stderr
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_the_cli_walks_the_whole_control_api(aws):
    created = aws(
        "create-stage", "--name", "tour", "--tags", "team=video",
        "--participant-token-configurations", "userId=ana,capabilities=PUBLISH,SUBSCRIBE,duration=60",
    )
    arn = created["stage"]["arn"]
    assert created["participantTokens"][0]["userId"] == "ana"
    assert aws("get-stage", "--arn", arn)["stage"]["name"] == "tour"
    assert arn in [stage["arn"] for stage in aws("list-stages")["stages"]]
    assert aws("update-stage", "--arn", arn, "--name", "tour-2")["stage"]["name"] == "tour-2"
    token = aws("create-participant-token", "--stage-arn", arn, "--user-id", "ben", "--attributes", "seat=4")
    assert token["participantToken"]["attributes"] == {"seat": "4"}
    aws("tag-resource", "--resource-arn", arn, "--tags", '{"key with space": "value"}')
    assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == {"team": "video", "key with space": "value"}
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "key with space", "team")
    assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == {}
    assert aws("list-stage-sessions", "--stage-arn", arn)["stageSessions"] == []
    session = ("--stage-arn", arn, "--session-id", "st-0123456789abc")
    aws("get-stage-session", *session, fails="ResourceNotFoundException")
    assert aws("list-participants", *session)["participants"] == []
    participant = token["participantToken"]["participantId"]
    aws("get-participant", *session, "--participant-id", participant, fails="ResourceNotFoundException")
    assert aws("list-participant-events", *session, "--participant-id", participant)["events"] == []
    aws("disconnect-participant", "--stage-arn", arn, "--participant-id", participant, "--reason", "tour over")
    aws("list-compositions", fails="ListCompositions")
    aws("delete-stage", "--arn", arn)
    aws("get-stage", "--arn", arn, fails="ResourceNotFoundException")
