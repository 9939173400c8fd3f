"""The running binary, as its users have it: a process, its ports and its control API."""

import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import boto3
from botocore.config import Config

REGION = "us-west-2"
ACCESS_KEY, SECRET_KEY = "test", "test"
# The server closes a connection on which nothing is asked for ten seconds. Who asks in that moment gets no answer.
IDLE_S = 5.0


def until(what, check, seconds=40.0):
    """Asks `check` until it gives something true, and returns that; fails by naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


def lasting_ports(count: int) -> range:
    """Free ports in a row below those that the system gives to who asks for any, so that nobody has them while their server is away."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for first in random.sample(range(first_given // 2, first_given - count), 100):
        ports = range(first, first + count)
        with ExitStack() as stack:
            try:
                for port, kind in itertools.product(ports, (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
                    stack.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return ports
    raise AssertionError("no ports are free")


class Server:
    """One `downstage` process on free ports with its own data directory: `dev`, or `serve` on addresses that others reach."""

    def __init__(
        self, folder: Path, *flags: str, environment: dict[str, str] | None = None, mode="dev", address="127.0.0.1", lasting=False
    ):
        """`lasting`: its ports are still free when it is to start on them again."""
        self.folder = folder
        self.mode = mode
        self.address = address
        self.lasting = lasting
        self.data = folder / "data"
        self.ready_file = folder / "ready.json"
        self.log = folder / "server.log"
        self.flags = flags
        self.environment = environment or {}
        self.process: subprocess.Popen | None = None
        self.http = ""
        self.media: list[str] = []
        # Of RTMP and RTMPS, None where there is none: `serve` has those that its flags open.
        self.rtmp: str | None = None
        self.rtmps: str | None = None

    @property
    def certificate(self) -> Path:
        """Of RTMPS, as `dev` makes it for itself."""
        return self.data / "rtmps-certificate.pem"

    def bucket(self, name: str) -> None:
        """Makes a bucket in the object store, which is a folder of the data."""
        (self.data / "objects" / name).mkdir(parents=True)

    def start(self, again=False) -> "Server":
        """`again`: on the ports that it had before, where its clients look for it."""
        self.ready_file.unlink(missing_ok=True)
        assert self.lasting or not again, "somebody else may have its ports"
        command = [
            os.environ["DOWNSTAGE_BIN"], self.mode, *self._addresses(again),
            "--data", str(self.data), "--ready-file", str(self.ready_file), *self.flags,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **self.environment}
            )
        until("the server is ready", self._ready, 60)
        facts = json.loads(self.ready_file.read_text())
        self.http = facts["http"]
        self.media = facts["media"]
        self.rtmp, self.rtmps = facts.get("rtmp"), facts.get("rtmps")
        return self

    def _addresses(self, again: bool) -> list[str]:
        """Free ports, or those of before, where the flags say nothing of them. `serve` has no RTMP unless they do."""
        if again:
            found = [self.http.removeprefix("http://"), self.rtmp, self.rtmps, self.media[0]]
        else:
            # Media has one for each worker, of which there are no more than processors.
            ports = lasting_ports(3 + (os.cpu_count() or 1)) if self.lasting else itertools.repeat(0)
            found = [f"{self.address}:{port}" for port, _ in zip(ports, range(4))]
        names = ["--http", "--rtmp", "--rtmps", "--media"]
        unsaid = [name not in self.flags and (self.mode == "dev" or name in ("--http", "--media")) for name in names]
        return [word for name, address, wanted in zip(names, found, unsaid) if wanted for word in (name, address)]

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended: {self.log.read_text()}"
        return self.ready_file.exists()

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Asks for a drain and waits for it."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def client(self, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION):
        client = boto3.client(
            "ivs-realtime", endpoint_url=self.http, region_name=region,
            aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            config=Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=30),
        )
        asked = time.monotonic()

        def before(**_) -> None:
            """Without its attempts botocore does not make up for a connection that ends as it is used."""
            nonlocal asked
            now = time.monotonic()
            if now - asked > IDLE_S:
                client.close()
            asked = now

        client.meta.events.register("before-send", before)
        return client

    def cli_environment(self) -> dict[str, str]:
        """What a shell has after the banner's `export` line was pasted into it, and nothing of this machine's own."""
        banner = until("the banner", lambda: re.search(r"^ *export (AWS_.*)$", self.log.read_text(), re.MULTILINE))
        exported = dict(word.split("=", 1) for word in banner[1].split())
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **own, **exported,
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": "",
        }


class Stage:
    """A stage and what the control API says of it."""

    def __init__(self, client, **arguments):
        self.client = client
        self.stage = client.create_stage(**arguments)["stage"]
        self.arn = self.stage["arn"]

    def token(self, *capabilities: str, **arguments) -> dict:
        if capabilities:
            arguments["capabilities"] = list(capabilities)
        return self.client.create_participant_token(stageArn=self.arn, **arguments)["participantToken"]

    def session(self) -> str:
        """The newest session's id."""
        return until("a session exists", lambda: self.client.list_stage_sessions(stageArn=self.arn)["stageSessions"])[0][
            "sessionId"
        ]

    def participant(self, participant_id: str, session: str | None = None) -> dict:
        return self.client.get_participant(
            stageArn=self.arn, sessionId=session or self.session(), participantId=participant_id
        )["participant"]

    def events(self, participant_id: str, session: str | None = None) -> list[dict]:
        pages = []
        token = ""
        while True:
            page = self.client.list_participant_events(
                stageArn=self.arn, sessionId=session or self.session(), participantId=participant_id, nextToken=token
            )
            pages += page["events"]
            token = page.get("nextToken", "")
            if not token:
                return pages

    def names(self, participant_id: str, session: str | None = None) -> list[str]:
        """The events' names, with the error code where there is one."""
        return [
            event["name"] + (f"({event['errorCode']})" if "errorCode" in event else "")
            for event in self.events(participant_id, session)
        ]

    def wait_for(self, participant_id: str, *names: str, seconds=40.0) -> list[str]:
        """Waits until the participant's list of events is exactly this."""
        seen: list[str] = []

        def matches():
            nonlocal seen
            if not self.client.list_stage_sessions(stageArn=self.arn)["stageSessions"]:
                return False
            seen = self.names(participant_id)
            return seen == list(names)

        try:
            until("the events", matches, seconds)
        except AssertionError:
            raise AssertionError(f"expected {list(names)}, saw {seen}") from None
        return seen


def metric(server: Server, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry the labels."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=20) as response:
        text = response.read().decode()
    samples = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    assert samples, f"/metrics has no {name}"
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(float(value) for found, value in samples if all(label in found for label in wanted))
