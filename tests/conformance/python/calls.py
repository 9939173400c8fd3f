"""What an SDK's scenario calls and how each call ends: by the server's own count, against a committed list.

`tests/conformance/calls/<sdk>.txt` has a line for each operation with the outcomes that its calls have in /metrics. A scenario's server
is called by nobody else, so the list cannot say more, or less, than what was called.
"""

import re
import urllib.request
from pathlib import Path

LISTS = Path(__file__).parents[1] / "calls"
COUNTER = re.compile(r'^downstage_api_calls_total\{operation="(\w+)",outcome="(\w+)"\} [1-9]', re.MULTILINE)


def counted(server) -> str:
    """The lines that the server's counters amount to."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=20) as response:
        metrics = response.read().decode()
    outcomes: dict[str, list[str]] = {}
    for operation, outcome in COUNTER.findall(metrics):
        outcomes.setdefault(operation, []).append(outcome)
    return "".join(f"{operation} {' '.join(sorted(outcomes[operation]))}\n" for operation in sorted(outcomes))


def check(server, sdk: str) -> None:
    listed = (LISTS / f"{sdk}.txt").read_text()
    seen = counted(server)
    assert seen == listed, f"calls/{sdk}.txt is to say:\n{seen}"
