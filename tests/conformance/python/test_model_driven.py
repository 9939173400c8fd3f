"""T10: for each constraint of each input member a value at the bound and one just beyond, all made from `spec/`.

A valid value is never refused for what it is; an invalid one is a ValidationException that names the member and changes nothing.
Every reply holds what the model says and nothing else.
"""

import itertools

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contract import AVAILABLE, OPERATIONS, SHAPES, UNAVAILABLE, check_reply, members
from downstage import Server, until
from ffmpeg import Publisher
from keys import public_key
from presence import Presence
from signed import Caller, Reply, exported
from values import Case, input_cases, put, text

BUCKET = "model-driven"

# A well-formed name of something that is not there is no breach of a constraint: the answer is 404, or 400 from operations that
# declare no 404.
NAMES = {"PaginationToken", "ResourceArn", "StageSessionId", "ParticipantId", "ParticipantTokenId", "S3BucketName"}

# What creates a resource: the kind's name in the operations and in the reply.
CREATED = {
    "CreateStage": "Stage", "ImportPublicKey": "PublicKey", "CreateStorageConfiguration": "StorageConfiguration",
    "CreateEncoderConfiguration": "EncoderConfiguration", "CreateIngestConfiguration": "IngestConfiguration",
}

LISTS = [
    name for name in AVAILABLE
    if name.startswith("List") and not any(member.get("required") for member in members(OPERATIONS[name]["input"]).values())
]


class World:
    """One resource of each kind, and what a caller has to name."""

    def __init__(self, server: Server):
        self.api = Caller(server.http)
        self._numbers = itertools.count(2)
        # By the shape of their ARN.
        self.resources: dict[str, str] = {}
        for operation, kind in CREATED.items():
            self.resources[f"{kind}Arn"] = self._create(operation)
        self.stage = self.resources["StageArn"]
        self.session, self.participant = join(self.api, self.stage)
        self.host = Host(self)

    def _create(self, operation: str) -> str:
        return created(self.api.call(operation, **self.minimal(OPERATIONS[operation]["input"])))

    def minimal(self, name: str):
        """The least valid value of a shape, in this world."""
        shape = SHAPES[name]
        match name:
            case "StageSessionId":
                return self.session
            case "ParticipantId":
                return self.participant
            case "ParticipantTokenId":
                return self.token()["participantId"]
            case "PublicKeyMaterial":
                return public_key(next(self._numbers))
            case "S3BucketName":
                return BUCKET
            case "ResourceArn":
                return self.stage
            case "IngestProtocol":
                return "RTMPS"
            case "Tags":
                return {"k": "v"}
            case "TagKeyList":
                return ["k"]
        if name in self.resources:
            return self.resources[name]
        match shape["type"]:
            case "structure":
                required = {key: member for key, member in members(name).items() if member.get("required")}
                return {key: self.minimal(member["shape"]) for key, member in required.items()}
            case "list":
                return [self.minimal(shape["member"])] * shape.get("min", 0)
            case "map":
                return {}
            case "string":
                return shape["enum"][0] if "enum" in shape else text(name, shape.get("min", 0))
            case "boolean":
                return False
        return shape.get("min", 0)

    def base(self, operation: str) -> dict:
        """The least input with which the operation succeeds, time and again."""
        arguments = self.minimal(OPERATIONS[operation]["input"])
        for create, kind in CREATED.items():
            if operation == f"Delete{kind}":
                arguments["arn"] = self._create(create)
        if operation in ("StartParticipantReplication", "StopParticipantReplication"):
            arguments |= self.host.replication(is_active=operation.startswith("Stop"))
        if operation == "TagResource":
            keys = list(self.api.ok("ListTagsForResource", resourceArn=self.stage)["tags"])
            self.api.ok("UntagResource", resourceArn=self.stage, tagKeys=keys or ["none"])
        return arguments

    def token(self) -> dict:
        return self.api.ok("CreateParticipantToken", stageArn=self.stage)["participantToken"]

    def tidy(self, reply: Reply) -> None:
        """Removes what a reply says was created."""
        if reply.status == 200 and reply.operation in CREATED:
            self.api.ok(f"Delete{CREATED[reply.operation]}", arn=created(reply))

    def state(self) -> dict:
        """All that reads can tell, and what only the administration does: bans and revocations."""
        state = {name: self.api.listed(name) for name in LISTS}
        state["exported"] = exported(self.api.url)
        for shape, arn in self.resources.items():
            state[arn] = self.api.ok(f"Get{shape.removesuffix('Arn')}", arn=arn), self.api.ok("ListTagsForResource", resourceArn=arn)
        return state


class Host:
    """A participant that publishes on a stage of its own, and a stage to which it is replicated."""

    def __init__(self, world: World):
        self.api = world.api
        self.stage, self.other = world._create("CreateStage"), world._create("CreateStage")
        token = self.api.ok("CreateParticipantToken", stageArn=self.stage)["participantToken"]
        self.participant = token["participantId"]
        whip = self.api.ok("GetStage", arn=self.stage)["stage"]["endpoints"]["whip"]
        self.program = Publisher(whip, token["token"], size="160x120", rate=5, video_kbps=60, seconds=3_600)
        until("the host publishes", self._publishes)

    def _publishes(self) -> bool:
        session = self.api.ok("GetStage", arn=self.stage)["stage"].get("activeSessionId")
        who = {"stageArn": self.stage, "sessionId": session, "participantId": self.participant}
        return bool(session) and "PUBLISH_STARTED" in [each["name"] for each in self.api.listed("ListParticipantEvents", **who)]

    def replication(self, is_active: bool) -> dict:
        """What names the host's only replication, which is made active, or is stopped."""
        of_host = {"sourceStageArn": self.stage, "participantId": self.participant}
        for replica in self.api.listed("ListParticipantReplicas", **of_host):
            there = {"destinationStageArn": replica["destinationStageArn"]}
            self.api.ok("StopParticipantReplication", **of_host, **there)
        arguments = {**of_host, "destinationStageArn": self.other}
        if is_active:
            self.api.ok("StartParticipantReplication", **arguments)
        return arguments


def created(reply: Reply) -> str:
    """The ARN of what a reply says was created."""
    assert reply.status == 200, str(reply)
    kind = CREATED[reply.operation]
    return reply.json()[kind[0].lower() + kind[1:]]["arn"]


def join(api: Caller, stage: str) -> tuple[str, str]:
    """A session, and a participant who has been in it: opens an events socket and closes it."""
    token = api.ok("CreateParticipantToken", stageArn=stage, userId="ana", attributes={"seat": "1"})["participantToken"]
    with Presence(api.ok("GetStage", arn=stage)["stage"], token["token"]):
        pass
    sessions = until("the session", lambda: api.listed("ListStageSessions", stageArn=stage))
    who = {"stageArn": stage, "sessionId": sessions[0]["sessionId"], "participantId": token["participantId"]}
    until("the participant has left", lambda: len(api.listed("ListParticipantEvents", **who)) == 2)
    return who["sessionId"], who["participantId"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    # The session stays open while the tests run.
    server = Server(tmp_path_factory.mktemp("server"), "--session-grace", "1h")
    server.bucket(BUCKET)
    server.start()
    try:
        world = World(server)
        yield world
        world.host.program.end()
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    log = server.log.read_text()
    assert "ERROR" not in log and "panicked" not in log, log[-4000:]


@pytest.mark.parametrize("operation", AVAILABLE)
def test_t10_constraints_hold_to_the_letter(world, operation):
    """All members of one operation."""
    before = world.state()
    cases = list(input_cases(operation, OPERATIONS[operation]["input"], world.minimal))
    for member, beside, case in cases:
        if case.fault:
            check_refusal(world, operation, member, {**world.minimal(OPERATIONS[operation]["input"]), **beside}, case)
    assert world.state() == before, f"an invalid {operation} left something behind"
    for member, beside, case in cases:
        if case.fault is None:
            check_acceptance(world, operation, member, {**world.base(operation), **beside}, case)


def check_refusal(world, operation: str, member: str, arguments: dict, case: Case) -> None:
    reply = world.api.call(operation, **put(arguments, member, case.value))
    told = f"{case.fault}: {case.what}: {reply}"
    check_reply(reply)
    assert (reply.status, reply.error) == (400, "ValidationException"), told
    named = f"'{case.fault}'" in reply.message or reply.message.startswith(f"{case.fault.rsplit('.', 1)[-1]} ")
    assert named, f"the member is not named: {told}"
    # What was sent may be a secret. The values of an enum are none.
    if isinstance(case.value, str) and len(case.value) > 8 and "enum" not in SHAPES[case.shape]:
        assert case.value not in reply.message, told


def check_acceptance(world, operation: str, member: str, arguments: dict, case: Case) -> None:
    # What is deleted is a resource made for it.
    value = arguments[member] if case.value in world.resources.values() and "Delete" in operation else case.value
    reply = world.api.call(operation, **put(arguments, member, value))
    told = f"{member}: {case.what}: {reply}"
    check_reply(reply)
    if case.shape in NAMES or case.shape.endswith("Arn"):
        # A participant may be known where it does not publish.
        assert reply.status in (200, 400, 404) or operation == "StartParticipantReplication" and reply.status == 409, told
        assert "failed to satisfy constraint" not in reply.message, told
    else:
        assert reply.status == 200, told
    world.tidy(reply)
    if reply.status != 200 and "Delete" in operation:
        world.api.ok(operation, arn=arguments["arn"])


@pytest.mark.parametrize("operation", AVAILABLE)
def test_the_least_input_succeeds(world, operation):
    reply = world.api.call(operation, **world.base(operation))
    check_reply(reply)
    assert reply.status == 200, str(reply)
    world.tidy(reply)


@pytest.mark.parametrize("operation", sorted(UNAVAILABLE))
def test_an_operation_outside_of_this_build_says_so(world, operation):
    reply = world.api.call(operation, **world.minimal(OPERATIONS[operation]["input"]))
    assert (reply.status, reply.error) == (501, "NotImplementedException"), str(reply)
    assert operation in reply.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def any_input(operation: str):
    """Members by their names, values by no rule."""
    names = {name: member.get("location", "body") for name, member in members(OPERATIONS[operation]["input"]).items()}
    of = {"body": JSON, "uri": st.text(max_size=40), "querystring": st.lists(st.text(max_size=20), max_size=4)}
    required = {name: of[place] for name, place in names.items() if place == "uri"}
    optional = {name: of[place] for name, place in names.items() if place != "uri"}
    return st.fixed_dictionaries(required, optional=optional)


# A failure is made smaller for up to five minutes before it is told.
@pytest.mark.timeout(400)
@settings(
    max_examples=400, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_t11_no_input_makes_the_server_fail(world, data):
    operation = data.draw(st.sampled_from(AVAILABLE))
    arguments = data.draw(any_input(operation))
    base = world.minimal(OPERATIONS[operation]["input"])
    # Often only one member is off, so that what lies behind the others is reached.
    chosen = data.draw(st.sets(st.sampled_from(sorted(arguments)), max_size=1)) if arguments else set()
    mixed = arguments if not chosen else {**base, **{name: arguments[name] for name in chosen}}
    if operation.startswith(("Delete", "Disconnect")):
        mixed.pop("arn", None)
    reply = world.api.call(operation, **mixed)
    if reply.status == 403:
        # A label that is empty or has a slash too many is another path.
        assert operation.endswith("Resource"), str(reply)
        return
    check_reply(reply)
    world.tidy(reply)
