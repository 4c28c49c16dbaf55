"""What a command takes from its surroundings, and what a test or an embedding program may replace."""

import random
from collections.abc import Callable

from anyio import CapacityLimiter
from msgspec import Struct, field

from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.ports import Clock
from masivo_stream.model.report import Report
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Invocation


class Reporting(Struct, frozen=True, kw_only=True):
    """What the program that starts a run contributes to its reports."""

    invocation: Invocation = Invocation()
    draw: Callable[[Report], str] | None = None
    """Draws the page; None for no page."""
    catalogue: str = ""
    """Path of a JSON file that says what the account has: rewards have the names in it, from then on."""


class Runtime(Struct, frozen=True, kw_only=True):
    """Time, chance, and what a command writes into the reports of its run. The defaults are right for a program."""

    clock: Clock = field(default_factory=SystemClock)
    """Gives the time and sleeps. `FakeClock` runs a migration in no time."""
    chance: Callable[[], float] = random.random
    """Returns numbers in [0, 1): for the jitter of retries and for samples."""
    turn_to_check: CapacityLimiter | None = None
    """Bounds how many runs of one process check their exports at the same time. None: no run waits for another."""
    reread: Callable[[], Settings] | None = None
    """Reads the settings again, as they were read at the start. None: SIGHUP changes nothing."""
    reporting: Reporting = Reporting()
    """The commands that a report names as next steps, and the function that draws its page."""
