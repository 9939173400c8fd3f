"""Inputs made from the service's model: for each constraint of each member a value at its bound and one just beyond."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from contract import SHAPES, members

ACCOUNT, REGION = "000000000000", "us-west-2"


class _Absent:
    def __repr__(self):
        return "absent"


ABSENT = _Absent()
"""In the place of a value: the member is left out."""


@dataclass(frozen=True)
class Case:
    """One value for one member of an input, which breaks one constraint or none."""

    what: str
    value: Any
    # The shape that the value is about, which may lie deep in the member's.
    shape: str
    # The path by which a refusal names what is wrong; None for a valid value.
    fault: str | None

    def within(self, wrap: Callable[[Any], Any]) -> "Case":
        return Case(self.what, wrap(self.value), self.shape, self.fault)


# What a value needs beside it, because the service's prose says so: even sides and a canvas below 2,073,600 pixels; RTMP with consent.
BESIDE = {
    ("Video", "height"): {"width": 2},
    ("Video", "width"): {"height": 2},
    ("CreateIngestConfigurationRequest", "ingestProtocol"): {"insecureIngest": True},
}

# Shapes whose constraints the service does not hold to the letter (contract.PATTERN_IGNORED), or that only keep their form.
_FREE_FORM = {"ResourceArn", "PublicKeyMaterial"}

_WRONG_TYPES = {
    "string": [5, True, [], {}],
    "boolean": ["true", 0, 1, [], {}],
    "integer": ["1", True, [], {}],
    "float": ["1", True, [], {}],
    "list": ["x", 1, {}],
    "map": ["x", 1, []],
    "structure": ["x", 1, []],
}


def input_cases(operation: str, shape: str, minimal: Callable[[str], Any]) -> Iterator[tuple[str, dict, Case]]:
    """Each member of an input with each of its cases; `minimal` makes the least valid value of a shape.

    Gives the member's name, the members that go beside it, and the case.
    """
    for name, member in members(shape).items():
        place = member.get("location", "body")
        beside = BESIDE.get((shape, name), {})
        for case in member_cases(member, name, minimal, place):
            yield name, beside, case


def member_cases(member: dict, at: str, minimal, place="body") -> Iterator[Case]:
    shape = member["shape"]
    if place != "uri":
        yield Case("absent", ABSENT, shape, at if member.get("required") else None)
    if place == "body":
        yield Case("null", None, shape, at if member.get("required") else None)
    for case in cases(shape, at, minimal):
        # A path or a query holds texts only, and no list of none: what stands there instead is another route or absence.
        is_text = isinstance(case.value, str) if place == "uri" else isinstance(case.value, list)
        if place == "body" or (is_text and case.value and _texts(case.value)):
            yield case


def _texts(value) -> bool:
    return isinstance(value, str) or all(isinstance(each, str) for each in value)


def cases(shape: str, at: str, minimal) -> Iterator[Case]:
    """Values for a shape that stands at `at`."""
    kind = SHAPES[shape]["type"]
    for value in _WRONG_TYPES[kind]:
        yield Case(f"a {type(value).__name__} instead of a {kind}", value, shape, at)
    match kind:
        case "string":
            yield from _text(shape, at, minimal)
        case "integer" | "float":
            yield from _number(shape, at)
        case "boolean":
            yield Case("true", True, shape, None)
            yield Case("false", False, shape, None)
        case "list":
            yield from _list(shape, at, minimal)
        case "map":
            yield from _map(shape, at, minimal)
        case "structure":
            yield from _structure(shape, at, minimal)


def _text(name: str, at: str, minimal) -> Iterator[Case]:
    shape = SHAPES[name]
    if "enum" in shape:
        for value in shape["enum"]:
            yield Case(f"the value {value}", value, name, None)
        for value in ("", shape["enum"][0].lower(), shape["enum"][0] + "X", " " + shape["enum"][0]):
            yield Case(f"no value of the enum: {value!r}", value, name, at)
        return
    yield Case("as usual", minimal(name), name, None)
    if "min" in shape and name not in _FREE_FORM:
        yield Case("the shortest", text(name, shape["min"]), name, None)
        if shape["min"] > 0:
            yield Case("one too short", text(name, shape["min"])[: shape["min"] - 1], name, at)
    if "max" in shape:
        if name not in _FREE_FORM:
            yield Case("the longest", text(name, shape["max"]), name, None)
        yield Case("one too long", text(name, shape["max"] + 1), name, at)
    whole = text(name, max(shape.get("min", 1), 1))
    yield Case("with U+0000", whole[:-1] + "\0", name, at)
    if "pattern" in shape:
        for wrong in ("\n", "é", "!", " ", "\u202e"):
            yield Case(f"with {wrong!r}", _spoilt(name, whole, wrong), name, at)
    else:
        # Outside of the basic plane: one character, four bytes, two units of UTF-16.
        for value in ("'; DROP TABLE stages; --", "%_\\", "a\r\nb", "\u202e", "${x}", "😀" * shape.get("max", 200)):
            if not (value.startswith("a\r") and name in ("TagKey", "TagValue")):
                yield Case(f"free text {value[:8]!r}", value, name, None)


def _spoilt(name: str, whole: str, wrong: str) -> str:
    if name == "PublicKeyMaterial":
        return whole.replace("MHYw", f"MH{wrong if wrong != chr(10) else '*'}w", 1)
    return whole[:-1] + wrong


def text(name: str, length: int) -> str:
    """Text of `length` characters, or as short as the pattern allows, that matches a string shape."""
    pattern = SHAPES[name].get("pattern", "")
    if "arn:aws:" in pattern:
        if length == 0:
            return ""
        kind = "stage" if name == "ResourceArn" else re.search(r":([a-z-]+)/", pattern)[1]
        start = f"arn:aws:ivs:{REGION}:{ACCOUNT}:{kind}/a"
    elif "PUBLIC KEY" in pattern:
        start = "-----BEGIN PUBLIC KEY-----\nMHYw\n-----END PUBLIC KEY-----\n"
    else:
        start = "st-a" if pattern.startswith("st-") else ""
    return start + "a" * (length - len(start))


def _number(name: str, at: str) -> Iterator[Case]:
    shape = SHAPES[name]
    whole = shape["type"] == "integer"
    step = 1 if whole else 0.001
    for bound, beyond in (("min", -step), ("max", step)):
        if bound in shape:
            yield Case(f"the {bound}imum", shape[bound], name, None)
            yield Case(f"beyond the {bound}imum", shape[bound] + beyond, name, at)
    for value in (2**31, -(2**31) - 1, 2**63, 2**64, -(2**63) - 1, 1e300, -1e300):
        yield Case(f"far out: {value}", value, name, at)
    if whole:
        yield Case("a fraction", shape.get("min", 0) + 0.5, name, at)
    else:
        yield Case("a fraction", (shape["min"] + shape["max"]) / 2 + 0.25, name, None)


def _list(name: str, at: str, minimal) -> Iterator[Case]:
    shape = SHAPES[name]
    item = shape["member"]
    first = minimal(item)
    if "min" in shape:
        yield Case("the fewest items", [first] * shape["min"], name, None)
        if shape["min"] > 0:
            yield Case("one item too few", [first] * (shape["min"] - 1), name, at)
    if "max" in shape:
        yield Case("the most items", [first] * shape["max"], name, None)
        yield Case("one item too many", [first] * (shape["max"] + 1), name, at)
    inside = f"{at}.1.member"
    yield Case("a null item", [None], item, inside)
    for case in cases(item, inside, minimal):
        yield case.within(lambda value: [value])
    if shape.get("max", 2) > 1:
        yield Case("a second item of another type", [first, []], item, f"{at}.2.member")


def _map(name: str, at: str, minimal) -> Iterator[Case]:
    """A map's refusals name the map: its keys are texts of the caller."""
    shape = SHAPES[name]
    if "max" in shape:
        for count, fault in ((shape["min"], None), (shape["max"], None), (shape["max"] + 1, at)):
            yield Case(f"{count} entries", {f"k{index}": "v" for index in range(count)}, name, fault)
    yield Case("a null value", {"k": None}, shape["value"], at)
    for case in cases(shape["key"], at, minimal):
        if isinstance(case.value, str):
            yield case.within(lambda key: {key: "v"})
    for case in cases(shape["value"], at, minimal):
        yield case.within(lambda value: {"k": value})
    if shape["key"] == "String":
        # In prose only: attributes have 1 KB in total, keys and values together.
        yield Case("1,024 bytes in total", {"k": "v" * 511, "é": "v" * 510}, name, None)
        yield Case("1,025 bytes in total", {"k": "v" * 511, "é": "v" * 511}, name, at)


def _structure(name: str, at: str, minimal) -> Iterator[Case]:
    least = minimal(name)
    yield Case("the least", least, name, None)
    yield Case("a member that the model does not have", {**least, "unknown": {"x": [1]}}, name, None)
    for inner, member in members(name).items():
        beside = BESIDE.get((name, inner), {})
        for case in member_cases(member, f"{at}.{inner}", minimal):
            yield case.within(lambda value: put({**least, **beside}, inner, value))


def put(members: dict, name: str, value) -> dict:
    """The members with one set, or left out."""
    rest = {key: each for key, each in members.items() if key != name}
    return rest if value is ABSENT else {**rest, name: value}
