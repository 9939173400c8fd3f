"""Ingest configurations, as encoders and the control API see them."""

import json
import re
import urllib.request

from downstage import Stage, until


class Ingest:
    """An ingest configuration of a stage, made for this test. `stage` may be None: then no stage has it."""

    def __init__(self, stage: Stage, protocol="RTMPS", *, insecure=True, attached=True, **arguments):
        self.stage = stage
        self.client = stage.client
        self.made = self.client.create_ingest_configuration(
            ingestProtocol=protocol, insecureIngest=insecure, **({"stageArn": stage.arn} if attached else {}), **arguments
        )["ingestConfiguration"]
        self.arn = self.made["arn"]
        self.key = self.made["streamKey"]
        self.participant = self.made["participantId"]

    def url(self, protocol="RTMP", key: str | None = None) -> str:
        """What is pasted into an encoder."""
        return self.stage.stage["endpoints"][protocol.lower()] + (self.key if key is None else key)

    @property
    def credentials(self) -> list[dict]:
        return self.made["redundantIngestCredentials"]

    def get(self) -> dict:
        return self.client.get_ingest_configuration(arn=self.arn)["ingestConfiguration"]

    def wait_state(self, state: str) -> None:
        until(f"the configuration is {state}", lambda: self.get()["state"] == state)

    def wait_begun(self) -> None:
        """Waits until it publishes for the first time in its stage's session."""
        self.stage.wait_for(self.participant, "JOINED", "PUBLISH_STARTED")

    def wait_ended(self) -> None:
        self.stage.wait_for(self.participant, "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        self.wait_state("INACTIVE")


def counters(server, prefix="downstage_ingest_") -> dict[str, float]:
    """The samples of metrics whose names begin with this, by name and labels."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=20) as response:
        text = response.read().decode()
    return {name: float(value) for name, value in re.findall(rf"^({prefix}\S+) (\S+)$", text, re.MULTILINE)}


def administration(server) -> dict:
    """What a `dev` server tells its operator of ingest."""
    request = urllib.request.Request(f"{server.http}/_downstage/ingest", headers={"Authorization": "Bearer test"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)
