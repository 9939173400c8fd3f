"""What is promised of times holds where there is a processor for it: whether there was one while something was measured."""

import warnings
from pathlib import Path

STAT = Path("/proc/stat")
# Of the processors' time. A test beside nothing else leaves some tenths of two processors idle; where nearly nothing is left, others take it.
LEAST = 0.03


class Spare:
    """How much of the machine's time nobody wanted, from the moment that this is made."""

    def __init__(self):
        self.before = self._read()

    @staticmethod
    def _read() -> tuple[int, int]:
        """Ticks without work, and all ticks, since the machine runs; none where nobody counts them."""
        if not STAT.exists():
            return 0, 0
        ticks = [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    def share(self) -> float:
        idle, total = (now - before for now, before in zip(self._read(), self.before))
        return idle / total if total else 1.0

    def keeps(self, what: str, took: float, bound: float) -> bool:
        """Whether `took` is less than its bound, where there was a processor to spare."""
        return took < bound or self.was_none(f"{what}: {took:g} and not below {bound:g}")

    def was_none(self, what: str) -> bool:
        """Whether others kept the machine so busy that nobody can be blamed for `what`; the run's summary says so."""
        if self.share() >= LEAST:
            return False
        warnings.warn(f"{what}, with {self.share():.0%} of the machine to spare: not judged", stacklevel=3)
        return True
