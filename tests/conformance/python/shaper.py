"""A way to the server with delay, loss and a rate: a UDP forwarder in a thread, for one client. What is lost comes from a seed."""

import asyncio
import random
import threading


class Shaper:
    """Forwards datagrams between whoever sends to `port` and the server's media address. Members may be changed at any time."""

    # Bytes that wait for their turn at most, counted as time.
    QUEUE_S = 0.25

    def __init__(self, media: str, seed: int, *, delay_s=0.0, jitter_s=0.0, loss=0.0, kbit=0):
        host, port = media.rsplit(":", 1)
        self._server = (host, int(port))
        self._random = random.Random(seed)
        self.delay_s, self.jitter_s, self.loss, self.kbit = delay_s, jitter_s, loss, kbit
        self.forwarded = self.dropped = 0
        self._client = None
        self._free = [0.0, 0.0]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Shaper":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _open(self) -> None:
        shaper = self

        class Near(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                shaper._client = address
                shaper._pass(0, data, lambda: shaper._far.sendto(data))

        class Far(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                shaper._pass(1, data, lambda: shaper._client and shaper._near.sendto(data, shaper._client))

        self._near, _ = await self._loop.create_datagram_endpoint(Near, local_addr=("127.0.0.1", 0))
        self._far_side = Far
        await self._reach()
        self.port = self._near.get_extra_info("sockname")[1]

    async def _reach(self) -> None:
        self._far, _ = await self._loop.create_datagram_endpoint(self._far_side, remote_addr=self._server)

    def move(self) -> None:
        """From now on the server sees another address, as after a NAT has forgotten the client. The old one is gone."""

        async def move() -> None:
            before = self._far
            await self._reach()
            before.close()

        asyncio.run_coroutine_threadsafe(move(), self._loop).result(10)

    def _pass(self, way: int, data: bytes, send) -> None:
        now = self._loop.time()
        wait = max(self._free[way] - now, 0.0)
        if self._random.random() < self.loss or (self.kbit and wait > self.QUEUE_S):
            self.dropped += 1
            return
        if self.kbit:
            wait += len(data) * 8 / (self.kbit * 1_000)
            self._free[way] = now + wait
        self.forwarded += 1
        self._loop.call_later(wait + self.delay_s + self._random.random() * self.jitter_s, send)
