"""Requests of the control API as bytes: signed as an SDK signs them, but built and checked by nobody before they are sent."""

import http.client
import json
import socket
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials

from contract import OPERATIONS, members
from downstage import ACCESS_KEY, IDLE_S, REGION, SECRET_KEY


@dataclass
class Reply:
    """One answer."""

    operation: str
    status: int
    headers: HeadersDict
    body: bytes

    @property
    def error(self) -> str:
        """The exception's name, empty for a success."""
        return self.headers.get("x-amzn-ErrorType", "")

    @property
    def message(self) -> str:
        return self.json().get("exceptionMessage", "")

    def json(self) -> dict:
        return json.loads(self.body) if self.body else {}

    def __str__(self) -> str:
        return f"{self.operation}: {self.status} {self.error} {self.body[:400]!r}"


class Caller:
    """Somebody with an access key who calls one region. One connection, kept open; not for several threads at a time."""

    def __init__(self, url: str, region=REGION, access_key=ACCESS_KEY, secret_key=SECRET_KEY):
        self.url = url
        self.region = region
        self._signer = SigV4Auth(Credentials(access_key, secret_key), "ivs", region)
        self._socket: socket.socket | None = None
        self._asked = 0.0

    def call(self, operation: str, **arguments) -> Reply:
        """Sends an input as the model binds it to path, query and body, whatever its members are."""
        shape = OPERATIONS[operation]
        path, query, body = shape["uri"], "", {}
        bound = members(shape["input"])
        for name, value in arguments.items():
            match bound.get(name, {}).get("location"):
                case "uri":
                    path = path.replace("{" + name + "}", quote(value, safe=""))
                case "querystring":
                    query = "&".join(f"{name}={quote(each, safe='')}" for each in value)
                case _:
                    body[name] = value
        has_body = shape["method"] == "POST"
        return self.send(operation, path, query, json.dumps(body).encode() if has_body else b"")

    def send(self, operation: str, path: str, query: str = "", body: bytes = b"") -> Reply:
        """Sends these bytes as the request of an operation."""
        target = f"{path}?{query}" if query else path
        request = AWSRequest(
            method=OPERATIONS[operation]["method"], url=self.url + target, data=body,
            headers={"Content-Type": "application/json"} if body else {},
        )
        self._signer.add_auth(request)
        head = f"{request.method} {target} HTTP/1.1\r\nHost: {urlsplit(self.url).netloc}\r\nContent-Length: {len(body)}\r\n"
        lines = (f"{name}: {value}\r\n" for name, value in request.headers.items() if name.lower() not in ("host", "content-length"))
        try:
            return self._exchange(operation, request.method, (head + "".join(lines) + "\r\n").encode() + body)
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def _exchange(self, operation: str, method: str, request: bytes) -> Reply:
        if time.monotonic() - self._asked > IDLE_S:
            self.close()
        if self._socket is None:
            host = urlsplit(self.url)
            self._socket = socket.create_connection((host.hostname, host.port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked = time.monotonic()
        self._socket.sendall(request)
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        reply = Reply(operation, response.status, HeadersDict(response.getheaders()), response.read())
        # What is refused before its body was read may leave the connection unusable.
        if response.will_close or response.status == 403:
            self.close()
        return reply

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ok(self, operation: str, **arguments) -> dict:
        """Calls, insists on success and gives the output."""
        reply = self.call(operation, **arguments)
        assert reply.status == 200, str(reply)
        return reply.json()

    def pages(self, operation: str, **arguments):
        """All items of a list, page by page."""
        token = ""
        while True:
            page = self.ok(operation, nextToken=token, **arguments)
            token = page.pop("nextToken", "")
            (items,) = page.values()
            yield items
            if not token:
                return

    def listed(self, operation: str, **arguments) -> list[dict]:
        return [item for page in self.pages(operation, **arguments) for item in page]


def exported(url: str) -> dict:
    """Everything that a `dev` server keeps, as its administration prints it."""
    request = urllib.request.Request(f"{url}/_downstage/state", headers={"Authorization": "Bearer test"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)
