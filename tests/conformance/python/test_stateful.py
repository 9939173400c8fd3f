"""A dictionary as the reference: random lives of all resources in two regions or two accounts, and after each step the server says
what it says.

Read your writes, deletes are final, tags equal, references hold, quotas count, a list is complete under paging and under concurrent
change. The run is the same each time; TEST_SEED asks for another one.
"""

import os
import re
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from contract import OPERATIONS, check_reply, members
from downstage import Server
from keys import public_key
from ledger import recording_of
from signed import Caller, Reply

BUCKET = "stateful"
# Access keys of two accounts.
KEYS = [("ANA", "111111111111"), ("BEN", "222222222222")]
SECRET = "0123456789abcdef"


class Kind(NamedTuple):
    """A kind of resource, by its name in the operations."""

    name: str
    create: str
    # Most of them in an account and region: lower than usual, so that it is met. That of public keys cannot be set.
    quota: int

    @property
    def word(self) -> str:
        return re.sub("(?<!^)(?=[A-Z])", "_", self.name).lower()

    @property
    def member(self) -> str:
        return self.name[0].lower() + self.name[1:]

    @property
    def summary(self) -> set[str]:
        """What a list tells of it."""
        return set(members(f"{self.name}Summary"))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("Stage", "CreateStage", 6),
        Kind("PublicKey", "ImportPublicKey", 3),
        Kind("StorageConfiguration", "CreateStorageConfiguration", 4),
        Kind("EncoderConfiguration", "CreateEncoderConfiguration", 8),
        Kind("IngestConfiguration", "CreateIngestConfiguration", 6),
    )
}

NAME = st.text("abcXYZ019-_", max_size=12)
TAGS = st.dictionaries(st.sampled_from(["a", "b", "é/ü", "k 1", "x::y"]), st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8), max_size=4)
PICK = st.integers(0, 50)
WHERE = st.integers(0, 1)
KIND = st.sampled_from(sorted(KINDS))
REFERS = st.sampled_from(["none", "here", "here", "elsewhere"])
CREATION = st.fixed_dictionaries({"where": WHERE, "kind": KIND, "name": NAME, "tags": TAGS, "pick": PICK, "refers": REFERS})


def with_any(*kinds: str):
    """A rule's condition: there is something to do it to."""
    return precondition(lambda self: any(self.all(*kinds)))


class Paging:
    """A list that is being read, page by page."""

    def __init__(self, where: int, kind: Kind, size: int, present: set[str]):
        self.where, self.kind, self.size = where, kind, size
        self.token = ""
        # There from the first page on, all the time.
        self.present = present
        self.seen: list[str] = []


class Service(RuleBasedStateMachine):
    server: Server
    lives = 0

    def __init__(self):
        super().__init__()
        Service.lives += 1
        # Two sides that must not see each other, in regions that nobody has used before: two regions, or two accounts.
        region = f"life-{Service.lives}"
        sides = [(region, KEYS[0]), (region, KEYS[1])] if Service.lives % 2 else [(region, KEYS[0]), (f"{region}-b", KEYS[0])]
        self.callers = [Caller(self.server.http, where, key, SECRET) for where, (key, _) in sides]
        self.accounts = [account for _, (_, account) in sides]
        self.there: list[dict[str, dict]] = [{}, {}]
        self.deleted: list[tuple[int, str, str]] = []
        self.pagings: list[Paging] = []
        self.keys = 0

    # What the model knows.

    def of(self, where: int, kind: str) -> list[str]:
        return [arn for arn in self.there[where] if kind_of(arn) == kind]

    def all(self, *kinds: str) -> list[tuple[int, str]]:
        """What is there on both sides, of all kinds or of some."""
        return [(where, arn) for where in (0, 1) for arn in self.there[where] if not kinds or kind_of(arn) in kinds]

    def pick(self, pick: int, *kinds: str) -> tuple[int, str]:
        """One of those: the same number names the same one as long as nothing changes."""
        there = self.all(*kinds)
        return there[pick % len(there)]

    def call(self, where: int, operation: str, **arguments) -> Reply:
        reply = self.callers[where].call(operation, **arguments)
        check_reply(reply)
        return reply

    def expect(self, where: int, operation: str, *outcomes: int, **arguments) -> Reply:
        reply = self.call(where, operation, **arguments)
        assert reply.status in outcomes, f"expected {outcomes}: {arguments}: {reply}"
        return reply

    # Lives.

    @initialize(creations=st.lists(CREATION, min_size=4, max_size=24))
    def begin(self, creations):
        for creation in creations:
            self.create(**creation)

    @rule(creation=CREATION)
    def create_one(self, creation):
        self.create(**creation)

    @rule(creation=CREATION, count=st.integers(2, 5))
    def create_some(self, creation, count):
        for _ in range(count):
            self.create(**creation)

    def create(self, where, kind, name, tags, pick, refers):
        kind = KINDS[kind]
        arguments, outcome = self.arguments(where, kind.name, pick, refers)
        outcomes = {outcome}
        if len(self.of(where, kind.name)) >= kind.quota:
            # Which of two reasons is told is not the point.
            outcomes = {402} if outcome == 200 else {402, outcome}
        reply = self.expect(where, kind.create, *outcomes, name=name, tags=tags, **arguments)
        if reply.status != 200:
            return
        created = reply.json()[kind.member]
        assert (created.get("name"), created["tags"]) == (name, tags)
        arn = created["arn"]
        assert arn not in self.there[where]
        assert arn.split(":")[3:5] == [self.callers[where].region, self.accounts[where]]
        self.there[where][arn] = created
        self.get(where, arn)

    def arguments(self, where: int, kind: str, pick: int, refers: str) -> tuple[dict, int]:
        """What else a creation takes, and what comes of it."""
        match kind:
            case "PublicKey":
                held = [self.there[where][arn]["publicKeyMaterial"] for arn in self.of(where, kind)]
                if held and pick % 4 == 0:
                    return {"publicKeyMaterial": held[0]}, 409
                self.keys += 1
                return {"publicKeyMaterial": public_key(self.keys)}, 200
            case "StorageConfiguration":
                return {"s3": {"bucketName": BUCKET}}, 200
            case "IngestConfiguration":
                arguments = {"ingestProtocol": "RTMPS", "redundantIngest": pick % 3 == 0}
                return self.referring(where, "Stage", pick, refers, arguments, lambda arn: {"stageArn": arn})
            case "Stage":
                return self.referring(where, "StorageConfiguration", pick, refers, {}, recording)
        return {}, 200

    def referring(self, where, kind, pick, refers, arguments, member) -> tuple[dict, int]:
        side = where if refers == "here" else 1 - where
        targets = self.of(side, kind)
        if refers == "none" or not targets:
            return arguments, 200
        return {**arguments, **member(targets[pick % len(targets)])}, 200 if side == where else 400

    @with_any()
    @rule(pick=PICK)
    def nobody_elsewhere_sees_or_changes_it(self, pick):
        where, arn = self.pick(pick)
        kind = kind_of(arn)
        self.expect(1 - where, f"Get{kind}", 404, arn=arn)
        self.expect(1 - where, "ListTagsForResource", 404, resourceArn=arn)
        self.expect(1 - where, "TagResource", 404, resourceArn=arn, tags={"theirs": "1"})
        self.expect(1 - where, "UntagResource", 404, resourceArn=arn, tagKeys=["a"])
        self.expect(1 - where, f"Delete{kind}", 404, arn=arn)
        self.get(where, arn)

    def get(self, where: int, arn: str) -> None:
        kind = KINDS[kind_of(arn)]
        told = self.expect(where, f"Get{kind.name}", 200, arn=arn).json()[kind.member]
        assert told == self.there[where][arn]
        tags = self.expect(where, "ListTagsForResource", 200, resourceArn=arn).json()["tags"]
        assert tags == self.there[where][arn]["tags"]

    @with_any("Stage")
    @rule(pick=PICK, name=st.none() | NAME, other=PICK, refers=REFERS)
    def update_stage(self, pick, name, other, refers):
        where, arn = self.pick(pick, "Stage")
        arguments = {"arn": arn} if name is None else {"arn": arn, "name": name}
        arguments, outcome = self.referring(where, "StorageConfiguration", other, refers, arguments, recording)
        # A configuration that is not there is named by an operation that declares 404.
        outcome = 404 if outcome == 400 else outcome
        reply = self.expect(where, "UpdateStage", outcome, **arguments)
        if reply.status == 200:
            told = reply.json()["stage"]
            expected = {**self.there[where][arn], **({} if name is None else {"name": name})}
            if recording_of(arguments):
                expected["autoParticipantRecordingConfiguration"] = told["autoParticipantRecordingConfiguration"]
                assert recording_of(told) == recording_of(arguments)
            assert told == expected
            self.there[where][arn] = told
        self.get(where, arn)

    @with_any("IngestConfiguration")
    @rule(pick=PICK, other=PICK, refers=REFERS | st.just("detach"), redundant=st.none() | st.booleans())
    def update_ingest_configuration(self, pick, other, refers, redundant):
        where, arn = self.pick(pick, "IngestConfiguration")
        before = self.there[where][arn]
        arguments = {"arn": arn} if redundant is None else {"arn": arn, "redundantIngest": redundant}
        outcome = 200
        if refers == "detach":
            arguments["stageArn"] = ""
        else:
            arguments, outcome = self.referring(where, "Stage", other, refers, arguments, lambda target: {"stageArn": target})
            outcome = 404 if outcome == 400 else outcome
        reply = self.expect(where, "UpdateIngestConfiguration", outcome, **arguments)
        if reply.status == 200:
            told = reply.json()["ingestConfiguration"]
            assert told["stageArn"] == arguments.get("stageArn", before["stageArn"])
            assert told["redundantIngest"] == (before["redundantIngest"] if redundant is None else redundant)
            assert len(told.get("redundantIngestCredentials", [])) == (2 if told["redundantIngest"] else 0)
            for kept in ("streamKey", "participantId", "name", "tags", "ingestProtocol"):
                assert told[kept] == before[kept]
            self.there[where][arn] = told
        self.get(where, arn)

    @with_any()
    @rule(pick=PICK)
    def delete(self, pick):
        where, arn = self.pick(pick)
        kind = kind_of(arn)
        if (where, arn) in self.in_use():
            return
        self.expect(where, f"Delete{kind}", 200, arn=arn)
        del self.there[where][arn]
        self.deleted.append((where, kind, arn))
        for paging in self.pagings:
            paging.present.discard(arn)
        for other in self.there[where].values():
            if other.get("stageArn") == arn:
                other["stageArn"] = ""

    @precondition(lambda self: self.in_use())
    @rule(pick=PICK)
    def what_is_in_use_is_not_deleted(self, pick):
        where, arn = self.in_use()[pick % len(self.in_use())]
        self.expect(where, "DeleteStorageConfiguration", 409, arn=arn)
        self.get(where, arn)

    def in_use(self) -> list[tuple[int, str]]:
        return [(where, recording_of(self.there[where][arn])) for where, arn in self.all("Stage") if recording_of(self.there[where][arn])]

    @precondition(lambda self: self.deleted)
    @rule(pick=PICK)
    def what_is_deleted_stays_deleted(self, pick):
        where, kind, arn = self.deleted[pick % len(self.deleted)]
        for operation in (f"Get{kind}", f"Delete{kind}", f"Update{kind}"):
            if operation in OPERATIONS:
                self.expect(where, operation, 404, arn=arn)
        self.expect(where, "ListTagsForResource", 404, resourceArn=arn)
        self.expect(where, "TagResource", 404, resourceArn=arn, tags={"k": "v"})
        self.expect(where, "UntagResource", 404, resourceArn=arn, tagKeys=["k"])

    # Tags.

    @with_any()
    @rule(pick=PICK, tags=TAGS, many=st.booleans())
    def tag(self, pick, tags, many):
        where, arn = self.pick(pick)
        tags = {**tags, **{f"n{index}": "" for index in range(47 if many else 0)}}
        merged = {**self.there[where][arn]["tags"], **tags}
        self.expect(where, "TagResource", 200 if len(merged) <= 50 else 400, resourceArn=arn, tags=tags)
        if len(merged) <= 50:
            self.there[where][arn]["tags"] = merged
        self.get(where, arn)

    @with_any()
    @rule(pick=PICK, keys=st.sets(st.sampled_from(["a", "b", "é/ü", "k 1", "x::y", "n1"]), min_size=1), all=st.booleans())
    def untag(self, pick, keys, all):
        where, arn = self.pick(pick)
        tags = self.there[where][arn]["tags"]
        keys = set(tags) or keys if all else keys
        self.expect(where, "UntagResource", 200, resourceArn=arn, tagKeys=sorted(keys))
        self.there[where][arn]["tags"] = {key: value for key, value in tags.items() if key not in keys}
        self.get(where, arn)

    # Lists.

    @with_any()
    @rule(pick=PICK, size=st.integers(1, 7))
    def list_all(self, pick, size):
        where, arn = self.pick(pick)
        self.check_list(where, KINDS[kind_of(arn)], size)

    def check_list(self, where: int, kind: Kind, size: int) -> None:
        told: dict[str, dict] = {}
        token, pages = "", 0
        while token or not pages:
            told_here, token = self.page(where, kind, size, token)
            pages += 1
            for item in told_here:
                assert item["arn"] not in told, "twice in one list"
                told[item["arn"]] = item
        expected = {
            arn: {name: value for name, value in self.there[where][arn].items() if name in kind.summary}
            for arn in self.of(where, kind.name)
        }
        assert told == expected

    def page(self, where: int, kind: Kind, size: int, token: str, **filters) -> tuple[list[dict], str]:
        reply = self.expect(where, f"List{kind.name}s", 200, maxResults=size, nextToken=token, **filters).json()
        token = reply.pop("nextToken", "")
        (items,) = reply.values()
        assert len(items) <= size
        return items, token

    @with_any("Stage")
    @rule(pick=PICK)
    def list_the_ingest_configurations_of_a_stage(self, pick):
        where, stage = self.pick(pick, "Stage")
        told, token = self.page(where, KINDS["IngestConfiguration"], 100, "", filterByStageArn=stage)
        assert not token
        expected = {arn for arn in self.of(where, "IngestConfiguration") if self.there[where][arn]["stageArn"] == stage}
        assert {item["arn"] for item in told} == expected and len(told) == len(expected)

    @precondition(lambda self: len(self.pagings) < 3)
    @with_any()
    @rule(pick=PICK, size=st.integers(1, 3))
    def begin_to_page(self, pick, size):
        where, arn = self.pick(pick)
        kind = KINDS[kind_of(arn)]
        paging = Paging(where, kind, size, set(self.of(where, kind.name)))
        self.pagings.append(paging)
        self.turn(paging)

    @precondition(lambda self: self.pagings)
    @rule(pick=PICK)
    def turn_a_page(self, pick):
        self.turn(self.pagings[pick % len(self.pagings)])

    def turn(self, paging: Paging) -> None:
        items, paging.token = self.page(paging.where, paging.kind, paging.size, paging.token)
        for item in items:
            arn = item["arn"]
            assert arn not in paging.seen, "twice in one list"
            assert arn in self.there[paging.where], f"listed although it is deleted: {arn}"
            paging.seen.append(arn)
        if not paging.token:
            missing = paging.present - set(paging.seen)
            assert not missing, f"there from the first page to the last, and not listed: {missing}"
            self.pagings.remove(paging)

    def teardown(self):
        for paging in list(self.pagings):
            while paging in self.pagings:
                self.turn(paging)
        for where in (0, 1):
            for kind in KINDS.values():
                self.check_list(where, kind, 100)
            for arn in self.there[where]:
                self.get(where, arn)
        for caller in self.callers:
            caller.close()


def kind_of(arn: str) -> str:
    word = arn.rsplit(":", 1)[1].split("/")[0]
    return "".join(part.capitalize() for part in word.split("-"))


def recording(storage: str) -> dict:
    return {"autoParticipantRecordingConfiguration": {"storageConfigurationArn": storage}}


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory):
    keys = ",".join(f"{key}:{SECRET}:{account}" for key, account in KEYS)
    environment = {"DOWNSTAGE_ACCESS_KEYS": keys}
    for kind in KINDS.values():
        if kind.name != "PublicKey":
            environment[f"DOWNSTAGE_QUOTAS_{kind.word.upper()}S"] = str(kind.quota)
    server = Server(tmp_path_factory.mktemp("server"), environment=environment)
    server.bucket(BUCKET)
    yield server.start()
    assert server.stop() == 0
    log = server.log.read_text()
    assert "ERROR" not in log and "panicked" not in log, log[-4000:]


# A failure is made smaller for up to five minutes before it is told.
@pytest.mark.timeout(400)
def test_random_lives_of_resources_are_those_of_a_dictionary(lived_in):
    Service.server = lived_in
    chosen = int(os.environ.get("TEST_SEED", "20200714"))
    print(f"TEST_SEED={chosen}")
    run_state_machine_as_test(
        seed(chosen)(Service),
        settings=settings(
            max_examples=40, stateful_step_count=60, deadline=None, database=None,
            phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
        ),
    )
