"""A customer's back end: a key pair, and tokens that it signs with a JOSE library."""

import secrets
import time

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from downstage import REGION

ACCOUNT_AT = 4


class Studio:
    """Signs tokens; its key is imported for as long as this is open."""

    def __init__(self, client):
        self.client = client
        self.key = ECKey.generate_key("P-384")
        material = self.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.arn = client.import_public_key(publicKeyMaterial=material)["publicKey"]["arn"]

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_) -> None:
        try:
            self.client.delete_public_key(arn=self.arn)
        except self.client.exceptions.ResourceNotFoundException:
            pass

    def _sign(self, claims: dict) -> str:
        header = {"alg": "ES384", "typ": "JWT", "kid": self.arn}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, self.key, algorithms=["ES384"])

    def participant(self, stage, participant: str, *capabilities: str, **changes) -> str:
        """A token for a stage (`downstage.Stage`); `publish` and `subscribe` unless it is said otherwise."""
        now = int(time.time())
        claims = {
            "iat": now, "exp": now + 3_600, "jti": participant, "version": "1.0",
            "resource": stage.arn, "topic": stage.arn.rsplit("/", 1)[1],
            "whip_url": stage.stage["endpoints"]["whip"], "events_url": stage.stage["endpoints"]["events"],
            "capabilities": {f"allow_{name}": True for name in capabilities or ("publish", "subscribe")},
        }
        return self._sign(claims | changes)

    def connection(self, name: str | None = None, **changes) -> str:
        """A connection token."""
        now = int(time.time())
        claims = {
            "iat": now, "exp": now + 3_600, "jti": name or secrets.token_hex(8), "version": "1.0",
            "account_id": self.arn.split(":")[ACCOUNT_AT], "region": REGION,
            "events_url": "wss://global.events.live-video.net",
        }
        return self._sign(claims | changes)
