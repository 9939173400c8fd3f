"""The service's model, as `spec/` has it: which operations this build answers, and what a reply may hold.

The check of a reply is stricter than an SDK's: members that the model does not have are a fault here, and an SDK drops them.
"""

import json
import re
from functools import cache
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

ROOT = Path(__file__).resolve().parents[3]
_SPEC = json.loads((ROOT / "spec/ivs-realtime.json").read_text())
OPERATIONS: dict[str, dict] = _SPEC["operations"]
SHAPES: dict[str, dict] = _SPEC["shapes"]

UNAVAILABLE = frozenset((ROOT / "crates/api/unavailable.txt").read_text().split())
AVAILABLE = sorted(OPERATIONS.keys() - UNAVAILABLE)

# The model's pattern of these holds for none of the service's own values: the one has no slash, the other one letter of the type.
PATTERN_IGNORED = {"ParticipantRecordingS3Prefix", "ResourceArn"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def members(shape: str) -> dict[str, dict]:
    return SHAPES[shape].get("members", {})


@cache
def _botocore() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("ivs-realtime", "service-2"), "ivs-realtime")


@cache
def _parser():
    return create_parser("rest-json")


def check_reply(reply) -> dict:
    """Holds a reply against the model and gives what botocore makes of it."""
    operation = OPERATIONS[reply.operation]
    assert reply.status < 500, str(reply)
    assert reply.headers.get("x-amzn-RequestId"), str(reply)
    if reply.status == 200:
        shape = operation["output"]
        _check_structure(shape, reply.json(), shape)
    else:
        shape = reply.error
        assert shape in operation["errors"], f"not declared: {reply}"
        _check_error(reply)
    for name, member in members(shape).items():
        if member.get("location") == "header":
            assert reply.headers.get(member["locationName"]), f"{name} is missing: {reply}"
    return _parse(reply)


def _check_error(reply) -> None:
    body = reply.json()
    assert set(body) <= {"__type", "exceptionMessage"} and body["exceptionMessage"], str(reply)
    assert body.get("__type", reply.error) == reply.error, str(reply)
    assert SHAPES[reply.error]["status"] == reply.status, str(reply)


def _parse(reply) -> dict:
    model = _botocore().operation_model(reply.operation)
    response = {"body": reply.body, "headers": reply.headers, "status_code": reply.status}
    if reply.status == 200:
        return _parser().parse(response, model.output_shape)
    parsed = _parser().parse(response, None)
    assert parsed["Error"]["Code"] == reply.error, str(reply)
    return parsed


def _check_structure(shape: str, value, at: str) -> None:
    assert isinstance(value, dict), f"{at} is no object"
    modelled = {name: member for name, member in members(shape).items() if "location" not in member}
    assert set(value) <= set(modelled), f"{at} has members outside of the model: {set(value) - set(modelled)}"
    for name, member in modelled.items():
        if name in value:
            check_value(member["shape"], value[name], f"{at}.{name}")
        else:
            assert not member.get("required"), f"{at}.{name} is missing"


def check_value(name: str, value, at: str) -> None:
    """Holds one value of a reply against its shape: type, bounds, pattern, enum, and all that is in it."""
    shape = SHAPES[name]
    match shape["type"]:
        case "structure":
            _check_structure(name, value, at)
        case "list":
            assert isinstance(value, list), f"{at} is no list"
            _check_bounds(shape, len(value), at)
            for index, item in enumerate(value):
                check_value(shape["member"], item, f"{at}[{index}]")
        case "map":
            assert isinstance(value, dict), f"{at} is no map"
            _check_bounds(shape, len(value), at)
            for key, item in value.items():
                check_value(shape["key"], key, f"{at} key")
                check_value(shape["value"], item, f"{at}[{key!r}]")
        case "string":
            assert isinstance(value, str), f"{at} is no string"
            _check_bounds(shape, len(value), at)
            assert value in shape.get("enum", [value]), f"{at} is none of the enum's values"
            if "pattern" in shape and name not in PATTERN_IGNORED:
                # DOTALL: the pattern of key material allows any text around the armour, lines included.
                assert re.fullmatch(shape["pattern"], value, re.DOTALL), f"{at} does not match"
        case "timestamp":
            assert isinstance(value, str) and _TIME.fullmatch(value), f"{at} is no time: {value!r}"
        case "boolean":
            assert isinstance(value, bool), f"{at} is no boolean"
        case "integer":
            assert isinstance(value, int) and not isinstance(value, bool), f"{at} is no integer"
            _check_bounds(shape, value, at)
        case "float":
            assert isinstance(value, int | float) and not isinstance(value, bool), f"{at} is no number"
            _check_bounds(shape, value, at)
        case other:
            raise AssertionError(f"{at} has a type without a check: {other}")


def _check_bounds(shape: dict, size, at: str) -> None:
    assert shape.get("min", size) <= size <= shape.get("max", size), f"{at} is out of its bounds"
