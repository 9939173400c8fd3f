"""A network namespace behind a link with a rate limit, and a program that runs another one in it."""

import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Longest that a packet waits at the limit. Home routers queue as long.
QUEUE = "200ms"
# How much passes at once: two packets.
BURST = "3kb"
# As home routers and carriers have it: a short probe of the bandwidth passes whole, as if the link were wide.
BUCKET = "16kb"
# How many namespaces there may be at a time, of all test runs on this machine.
NAMESPACES = 250
# <sched.h>
CLONE_NEWNET = 0x40000000


def refusal() -> str:
    """Why no namespaces can be made here; empty if they can."""
    if not (shutil.which("ip") and shutil.which("tc")):
        return "needs ip and tc"
    probe = f"probe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode != 0:
        return f"network namespaces cannot be made: {made.stderr.strip()}"
    _run("ip", "netns", "delete", probe)
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)


class Namespace:
    """One namespace, joined to this one by a pair of interfaces: `near` is this side's address."""

    def __enter__(self) -> "Namespace":
        number = self._reserve()
        self.inside, self.outside = f"dsi{number}", f"dso{number}"
        self.near, self.far = f"10.213.{number}.1", f"10.213.{number}.2"
        try:
            _run("ip", "link", "add", self.outside, "type", "veth", "peer", "name", self.inside, "netns", self.name)
            _run("ip", "address", "add", f"{self.near}/30", "dev", self.outside)
            _run("ip", "link", "set", self.outside, "up")
            _run("ip", "-n", self.name, "address", "add", f"{self.far}/30", "dev", self.inside)
            _run("ip", "-n", self.name, "link", "set", self.inside, "up")
            _run("ip", "-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _reserve(self) -> int:
        """Makes a namespace under the first name that no other has; its number is nobody else's either."""
        for number in range(NAMESPACES):
            self.name = f"downstage{number}"
            if subprocess.run(["ip", "netns", "add", self.name], capture_output=True).returncode == 0:
                return number
        raise AssertionError(f"there are {NAMESPACES} namespaces")

    def __exit__(self, *_) -> None:
        # Its interface goes with it, and the other end of the pair with that.
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
        subprocess.run(["ip", "link", "delete", self.outside], capture_output=True)

    def limit(self, kbit: int, burst: str = BURST) -> None:
        """What goes into the namespace is let through at this rate, and `burst` of it at once after a pause."""
        _run(
            "tc", "qdisc", "replace", "dev", self.outside, "root",
            "tbf", "rate", f"{kbit}kbit", "burst", burst, "latency", QUEUE,
        )

    def silence(self) -> None:
        """From now on every packet is lost, both ways, and neither side is told."""
        _run("tc", "qdisc", "replace", "dev", self.outside, "root", "blackhole")
        _run("ip", "netns", "exec", self.name, "tc", "qdisc", "replace", "dev", self.inside, "root", "blackhole")

    def mend(self) -> None:
        _run("tc", "qdisc", "delete", "dev", self.outside, "root")
        _run("ip", "netns", "exec", self.name, "tc", "qdisc", "delete", "dev", self.inside, "root")

    def program(self, folder: Path, executable: str) -> str:
        """A program that runs `executable` in the namespace with the arguments it is given."""
        path = folder / f"in-{self.name}"
        path.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {executable} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def within(self, what):
        """What `what` gives, called by a thread in the namespace: sockets that it makes stay there."""

        def enter():
            with open(f"/var/run/netns/{self.name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return what()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(enter).result()
