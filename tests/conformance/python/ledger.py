"""What the server has acknowledged, as a dictionary, and what may stand there after a call whose answer was never seen."""

import random
from copy import deepcopy

from contract import members
from keys import public_key
from signed import Caller

# By the word in the ARN: the operation that creates it, the members by which a reply and a list name it, and how many the service
# lets an account have, so that writers delete before they are refused.
KINDS = {
    "stage": ("CreateStage", "Stage", 40),
    "public-key": ("ImportPublicKey", "PublicKey", 3),
    "storage-configuration": ("CreateStorageConfiguration", "StorageConfiguration", 5),
    "encoder-configuration": ("CreateEncoderConfiguration", "EncoderConfiguration", 20),
    "ingest-configuration": ("CreateIngestConfiguration", "IngestConfiguration", 40),
}


def kind_of(arn: str) -> str:
    return arn.rsplit(":", 1)[1].split("/")[0]


def member_of(name: str) -> str:
    return name[0].lower() + name[1:]


class Ledger:
    """One writer's region: nobody else writes there."""

    def __init__(self, region: str, bucket: str, seed: int, big=False):
        self.region, self.bucket, self.big = region, bucket, big
        self.random = random.Random(seed)
        self.there: dict[str, dict] = {}
        # A call that was sent and not answered: it may have happened.
        self.pending: list[tuple[str, dict]] = []
        self.number = seed * 100_000
        self.acknowledged = 0

    def of(self, kind: str) -> list[str]:
        return [arn for arn in self.there if kind_of(arn) == kind]

    # Writing.

    def write(self, caller: Caller):
        """Makes one random write and notes it if it was acknowledged; gives the reply."""
        operation, arguments = self.next_call()
        self.pending.append((operation, arguments))
        reply = caller.call(operation, **arguments)
        # A refusal by a full disk leaves open whether it happened.
        if reply.status != 503:
            assert reply.status == 200, str(reply)
            self.pending.pop()
            apply(self.there, operation, arguments, reply.json())
            self.acknowledged += 1
        return reply

    def next_call(self) -> tuple[str, dict]:
        self.number += 1
        kind = self.random.choice(sorted(KINDS))
        here, most = self.of(kind), KINDS[kind][2]
        choices = [self._create] * (len(here) < most) * 3
        if here:
            choices += [self._tag, self._untag, self._delete]
            choices += {"stage": [self._rename], "ingest-configuration": [self._attach]}.get(kind, [])
        return self.random.choice(choices)(kind)

    def _tags(self) -> dict[str, str]:
        count = 45 if self.big else 2
        return {f"k{index}" + "é" * self.big * 60: f"{self.number}" + "ü" * self.big * 120 for index in range(count)}

    def _create(self, kind: str) -> tuple[str, dict]:
        arguments = {"name": f"n{self.number}", "tags": self._tags()}
        match kind:
            case "stage" if storages := self.of("storage-configuration"):
                arguments["autoParticipantRecordingConfiguration"] = {"storageConfigurationArn": self.random.choice(storages)}
            case "public-key":
                arguments["publicKeyMaterial"] = public_key(self.number)
            case "storage-configuration":
                arguments["s3"] = {"bucketName": self.bucket}
            case "ingest-configuration":
                arguments |= {"ingestProtocol": "RTMPS", "redundantIngest": self.random.random() < 0.5}
                if stages := self.of("stage"):
                    arguments["stageArn"] = self.random.choice(stages)
        return KINDS[kind][0], arguments

    def _tag(self, kind: str) -> tuple[str, dict]:
        return "TagResource", {"resourceArn": self.random.choice(self.of(kind)), "tags": {"again": f"{self.number}", **self._tags()}}

    def _untag(self, kind: str) -> tuple[str, dict]:
        return "UntagResource", {"resourceArn": self.random.choice(self.of(kind)), "tagKeys": ["again", "k0"]}

    def _rename(self, _kind: str) -> tuple[str, dict]:
        return "UpdateStage", {"arn": self.random.choice(self.of("stage")), "name": f"n{self.number}"}

    def _attach(self, kind: str) -> tuple[str, dict]:
        stage = self.random.choice(["", *self.of("stage")])
        return "UpdateIngestConfiguration", {"arn": self.random.choice(self.of(kind)), "stageArn": stage}

    def _delete(self, kind: str) -> tuple[str, dict]:
        used = {recording_of(record) for record in self.there.values()}
        free = [arn for arn in self.of(kind) if arn not in used]
        if not free:
            return self._tag(kind)
        return f"Delete{KINDS[kind][1]}", {"arn": self.random.choice(free)}

    # Comparing.

    def settle(self, caller: Caller) -> None:
        """Everything acknowledged is there, and nothing else but what may have happened, each of it whole."""
        found = read(caller)
        for operation, arguments in self.pending:
            happened = deepcopy(self.there)
            apply(happened, operation, arguments, created_by(operation, arguments, found))
            if happened != self.there and closer(happened, self.there, found):
                self.there = happened
        self.pending.clear()
        assert found == self.there, difference(self.there, found)


def apply(there: dict, operation: str, arguments: dict, output: dict) -> None:
    """What a call does to the dictionary."""
    if operation.startswith(("Create", "Import")):
        for record in output.values():
            there[record["arn"]] = without_addresses(record)
    elif operation.startswith("Update"):
        record = there[arguments["arn"]]
        record |= {name: value for name, value in arguments.items() if name in ("name", "stageArn")}
    elif operation.startswith("Delete"):
        del there[arguments["arn"]]
        for record in there.values():
            if record.get("stageArn") == arguments["arn"]:
                record["stageArn"] = ""
    else:
        tags = there[arguments["resourceArn"]]["tags"]
        tags |= arguments.get("tags", {})
        for key in arguments.get("tagKeys", []):
            tags.pop(key, None)


def created_by(operation: str, arguments: dict, found: dict) -> dict:
    """The output that a creation without an answer would have had: names are used once."""
    for arn, record in found.items():
        if KINDS[kind_of(arn)][0] == operation and record["name"] == arguments.get("name"):
            assert record["tags"] == arguments["tags"], "a resource without all of its tags"
            return {"created": record}
    return {}


def closer(one: dict, other: dict, found: dict) -> bool:
    """Whether the first differs in fewer resources from what was found."""
    def distance(there):
        return sum(there.get(arn) != found.get(arn) for arn in there.keys() | found.keys())

    return distance(one) < distance(other)


def difference(expected: dict, found: dict) -> str:
    arns = [arn for arn in expected.keys() | found.keys() if expected.get(arn) != found.get(arn)]
    return "\n".join(f"{arn}: expected {expected.get(arn)}, found {found.get(arn)}" for arn in arns[:4])


def without_addresses(record: dict) -> dict:
    """Endpoints carry the port, which is another one after a restart."""
    return {name: value for name, value in record.items() if name != "endpoints"}


def recording_of(record: dict) -> str:
    return record.get("autoParticipantRecordingConfiguration", {}).get("storageConfigurationArn", "")


def read(caller: Caller) -> dict[str, dict]:
    """All resources of a region, by every way that leads to them: lists, gets and tags agree, and references lead somewhere."""
    found: dict[str, dict] = {}
    for _, name, _ in KINDS.values():
        for summary in caller.listed(f"List{name}s", maxResults=100):
            record = caller.ok(f"Get{name}", arn=summary["arn"])[member_of(name)]
            told = {key: value for key, value in record.items() if key in members(f"{name}Summary")}
            assert summary == told, f"the list and the resource disagree: {summary} {record}"
            tags = caller.ok("ListTagsForResource", resourceArn=summary["arn"])["tags"]
            assert tags == record["tags"], f"tags disagree: {tags} {record}"
            found[summary["arn"]] = without_addresses(record)
    for record in found.values():
        for reference in (record.get("stageArn"), recording_of(record)):
            assert not reference or reference in found, f"{record['arn']} names what is not there: {reference}"
    return found
