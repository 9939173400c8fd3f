"""The published examples of the aws CLI, read from the installed package: each command runs, and its reply has the members and types
of the example's output.

ARNs and ids become those of resources of the server. What is wrong in an example as printed stands in `CORRECTIONS`, and what its
reply rightly lacks in `ABSENT`.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import awscli
import pytest

from downstage import Server, Stage, until
from ffmpeg import Publisher
from keys import public_key
from presence import Presence

FOLDER = Path(awscli.__file__).parent / "examples" / "ivs-realtime"
BUCKET = "amzn-s3-demo-bucket"

# By example: what is printed, and what is meant.
CORRECTIONS = {
    # The values of the enum are in capitals.
    "create-ingest-configuration-1": [("--ingest-protocol rtmps", "--ingest-protocol RTMPS")],
    # A comma is missing.
    "create-stage-2": [('storage-configuration/abcdABCDefgh"\n', 'storage-configuration/abcdABCDefgh",\n')],
    # A letter and a comma are in the wrong place.
    "list-ingest-configurations-1": [
        ("participnatId", "participantId"), ('"INACTIVE"\n', '"INACTIVE",\n'), ('"userId": "",\n', '"userId": ""\n'),
    ],
    # The page breaks a string.
    **dict.fromkeys(("start-participant-replication-1", "stop-participant-replication-1"), [(", \\\n        ", ",")]),
    # The outer object ends too early.
    "update-stage-1": [('60}} "hls', '60}, "hls')],
    "update-stage-2": [('false} "hls', 'false, "hls')],
}
# By example: the members that a reply has not got.
ABSENT = {
    # A new stage has no session.
    **dict.fromkeys(("create-stage-1", "create-stage-2", "create-stage-3"), {"stage.activeSessionId"}),
}

ARN = re.compile(r"arn:aws:ivs:[a-z0-9-]+:\d+:([a-z-]+)/\w+")


class Example(NamedTuple):
    """A command with what it prints."""

    name: str
    command: str
    output: str

    @property
    def operation(self) -> str:
        words = self.command.split()[2].split("-")
        return "".join(word.capitalize() for word in words)


def read(path: Path) -> list[Example]:
    """The examples of a page: literal blocks, of which every other one is an output."""
    blocks = re.findall(r"::\n\n((?: {4}.*\n|\n)+)", path.read_text() + "\n")
    examples: list[Example] = []
    for block in blocks:
        if block.lstrip().startswith("aws ivs-realtime "):
            # The page breaks long commands, inside of quotes too.
            command = re.sub(r" *\\ *\n *", " ", block).strip()
            examples.append(Example(f"{path.stem}-{len(examples) + 1}", command, ""))
        else:
            examples[-1] = examples[-1]._replace(output=block)
    return [corrected(example) for example in examples]


def corrected(example: Example) -> Example:
    command, output = example.command, example.output
    for printed, meant in CORRECTIONS.get(example.name, []):
        assert printed in command + output, f"{example.name} needs no correction any more: {printed}"
        command, output = command.replace(printed, meant), output.replace(printed, meant)
    return example._replace(command=command, output=output)


EXAMPLES = [example for path in sorted(FOLDER.glob("*.rst")) for example in read(path)]


def missing(wanted, got, path: str = "") -> list[str]:
    """What of the example's output the reply has not got, or has as another type."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        found = []
        for name, value in wanted.items():
            place = f"{path}.{name}".lstrip(".")
            found += missing(value, got[name], place) if name in got else [place]
        return found
    if isinstance(wanted, list) and isinstance(got, list):
        # Each item of the example looks like some item of the reply.
        found = []
        for item in wanted:
            attempts = [missing(item, other, f"{path}[]") for other in got]
            found += min(attempts, key=len, default=[f"{path}[]"])
        return found
    return [] if kind(wanted) == kind(got) else [f"{path}: {kind(got)} and not {kind(wanted)}"]


def kind(value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


class World:
    """A server with one of everything that the examples name."""

    def __init__(self, server: Server):
        self.server = server
        self.client = server.client(region=server.cli_environment()["AWS_REGION"])
        self.known: dict[str, str] = {}
        self.ended = Stage(self.client, name="ended")
        token = self.ended.token()
        self.participant = token["participantId"]
        self.other = Stage(self.client, name="other")
        with self._publisher(token):
            self.ended.wait_for(self.participant, "JOINED", "PUBLISH_STARTED")
            self._replicate(self.ended, self.participant)
        self.session = self.ended.session()
        there = {"stageArn": self.ended.arn, "sessionId": self.session}
        until("the session ends", lambda: "endTime" in self.client.get_stage_session(**there)["stageSession"])
        self.live = Stage(self.client, name="live")
        # Who publishes on it, by its id, once somebody has to.
        self.host: str | None = None

    def _publisher(self, token: dict) -> Publisher:
        return Publisher(f"{self.server.http}/whip", token["token"], size="160x120", rate=10, video_kbps=100, seconds=3_600)

    def _replicate(self, stage: Stage, participant: str) -> None:
        key = {"sourceStageArn": stage.arn, "destinationStageArn": self.other.arn, "participantId": participant}
        self.client.start_participant_replication(**key)

    def publish(self) -> str:
        """The id of a participant that publishes on the live stage, and is not replicated from there."""
        if self.host is None:
            token = self.live.token("PUBLISH")
            self.host = token["participantId"]
            self.program = self._publisher(token)
            self.live.wait_for(self.host, "JOINED", "PUBLISH_STARTED")
        listed = self.client.list_participant_replicas(sourceStageArn=self.live.arn, participantId=self.host)["replicas"]
        for replica in listed:
            key = {name: replica[name] for name in ("sourceStageArn", "destinationStageArn", "participantId")}
            self.client.stop_participant_replication(**key)
        return self.host

    def of_two_stages(self, example: Example) -> str:
        """The command of an example about a source and a destination."""
        host = self.publish()
        if example.operation.startswith("Stop"):
            self._replicate(self.live, host)
        command = re.sub(r"(--source-stage-arn) \S+", rf"\1 {self.live.arn}", example.command)
        command = re.sub(r"(--destination-stage-arn) \S+", rf"\1 {self.other.arn}", command)
        return re.sub(r"(--participant-id) \S+", rf"\1 {host}", command)

    def enliven(self) -> None:
        """Joins the live stage, for as long as its sockets may be silent."""
        self.presence = Presence(self.live.stage, self.live.token()["token"])
        until("a session", lambda: "activeSessionId" in self.client.get_stage(arn=self.live.arn)["stage"])

    def make(self, kind: str) -> str:
        """The ARN of a new resource."""
        match kind:
            case "stage":
                return Stage(self.client).arn
            case "public-key":
                material = public_key(len(self.client.list_public_keys()["publicKeys"]) + 10)
                return self.client.import_public_key(publicKeyMaterial=material)["publicKey"]["arn"]
            case "ingest-configuration":
                made = self.client.create_ingest_configuration(ingestProtocol="RTMPS")
                return made["ingestConfiguration"]["arn"]
            case "encoder-configuration":
                return self.client.create_encoder_configuration()["encoderConfiguration"]["arn"]
            case "storage-configuration":
                made = self.client.create_storage_configuration(s3={"bucketName": BUCKET})
                return made["storageConfiguration"]["arn"]
        raise AssertionError(f"nothing here is a {kind}")

    def arn(self, kind: str, operation: str) -> str:
        """The ARN that takes the place of one of an example."""
        if operation.startswith("Delete"):
            return self.make(kind)
        if kind == "stage":
            return self.live.arn if operation in ("GetStage", "UpdateIngestConfiguration") else self.ended.arn
        if kind not in self.known:
            self.known[kind] = self.make(kind)
        return self.known[kind]

    def command(self, example: Example) -> str:
        """The command of an example, about resources that there are."""
        if "--destination-stage-arn" in example.command:
            return self.of_two_stages(example)
        if example.operation in ("GetStage", "ListStages"):
            self.enliven()
        command = ARN.sub(lambda arn: self.arn(arn[1], example.operation), example.command)
        command = re.sub(r"(--session-id) \S+", rf"\1 {self.session}", command)
        return re.sub(r"(--participant-id) \S+", rf"\1 {self.participant}", command)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), "--session-grace", "1s")
    server.bucket(BUCKET)
    world = World(server.start())
    yield world
    if world.host:
        world.program.end()
    assert server.stop() == 0


@pytest.fixture(scope="module")
def unavailable(world) -> set[str]:
    """What the server's own description says is not in its build."""
    with urllib.request.urlopen(f"{world.server.http}/_downstage/openapi.json", timeout=20) as response:
        paths = json.load(response)["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    return {each["operationId"] for each in operations if not each.get("x-downstage-available", True)}


@pytest.fixture
def shell(world, tmp_path):
    """Runs a command line as a shell would, in a folder with the key that an example reads."""
    (tmp_path / "public.pem").write_text(public_key(1))
    environment = world.server.cli_environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])

    def run(command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_of_the_cli_runs(world, shell, unavailable, example):
    if example.operation in unavailable:
        done = shell(example.command)
        assert done.returncode != 0
        assert "(NotImplementedException)" in done.stderr, done.stderr
        return
    done = shell(world.command(example))
    assert done.returncode == 0, done.stderr
    if not example.output:
        assert done.stdout == ""
        return
    wanted, reply = json.loads(example.output), json.loads(done.stdout)
    assert set(missing(wanted, reply)) == ABSENT.get(example.name, set())


def test_every_operation_that_is_older_than_the_package_has_an_example(unavailable, world):
    without = {"ListTagsForResource", "RevokeConnectionToken", "TagResource", "UntagResource"}
    with_example = {example.operation for example in EXAMPLES}
    operations = set(world.client.meta.service_model.operation_names)
    assert operations - with_example == without
    assert unavailable < with_example
