"""The aws CLI with what the banner of a server exports."""

import json
import subprocess
import sys
from pathlib import Path

AWS = str(Path(sys.executable).parent / "aws")


class Cli:
    """`aws ivs-realtime` with what the banner of a server exports."""

    def __init__(self, server):
        self.environment = server.cli_environment()

    def __call__(self, command: str, *arguments: str) -> dict | None:
        """Runs a command that must succeed, and gives what it prints."""
        done = self._run(command, arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def fails(self, exception: str, command: str, *arguments: str) -> None:
        done = self._run(command, arguments)
        assert done.returncode != 0
        assert f"({exception})" in done.stderr, done.stderr

    def pages(self, member: str, command: str, *arguments: str, size: int = 2) -> list:
        """All items of a list, page by page."""
        items, token = [], ()
        while True:
            page = self(command, *arguments, "--max-results", str(size), *token)
            assert len(page[member]) <= size
            items += page[member]
            if "nextToken" not in page:
                return items
            token = ("--next-token", page["nextToken"])

    def _run(self, command, arguments):
        line = [AWS, "ivs-realtime", command, *arguments, "--output", "json"]
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=60)
