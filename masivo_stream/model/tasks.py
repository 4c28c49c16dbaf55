"""Tasks that other machines may do: what is asked, what comes back, and what has to be the same on both sides."""

import enum

from msgspec import Struct


class Task(Struct, frozen=True):
    """One question to a worker of a scheduler. Its function is pure, so it may be answered twice."""

    name: str
    """For people: "part 3 of 64"."""
    number: int
    """For the one who asks."""
    request: bytes


class Loss(enum.StrEnum):
    """Why a task has not come back."""

    KILLED = "its worker was lost"
    FAILED = "it failed"
    SLOW = "it took too long"


class Installed(Struct, frozen=True):
    """What a process runs: names of programs, and their versions."""

    versions: dict[str, str]

    def differences(self, other: "Installed") -> list[tuple[str, str, str]]:
        """Return what differs: name, own version, version of the other; "none" if one lacks it."""
        names = [*self.versions, *(name for name in other.versions if name not in self.versions)]
        pairs = ((name, self.versions.get(name, "none"), other.versions.get(name, "none")) for name in names)
        return [(name, ours, theirs) for name, ours, theirs in pairs if ours != theirs]


class Answered(Struct, frozen=True, tag=True):
    """What the function of a task has returned."""

    answer: bytes


class Differs(Struct, frozen=True, tag=True):
    """The worker has not begun, because it runs other versions."""

    installed: Installed


class TaskFailed(Struct, frozen=True, tag=True):
    """The function has raised an error: its class and, if the error is one of ours, its words.

    Errors of others may quote a record; of these only the class and the places in the source are known.
    """

    error: str
    message: str = ""
    operation: str = ""
    place: str = ""
    hint: str = ""


class NotBegun(Struct, frozen=True):
    """A worker could not even begin, for an error of this class: most likely it lacks our code."""

    error: str


TaskResult = Answered | Differs | TaskFailed
"""What a worker sends back, as bytes: it can be read even if the classes of the two sides differ."""


class NotStarted(Struct, frozen=True, tag=True):
    """Why there is no cluster on this machine."""

    why: str


class ClusterAccess(Struct, frozen=True, tag=True):
    """Where a scheduler is, and the certificates for its connections: as text, or as paths of PEM files."""

    address: str
    ca: str = ""
    cert: str = ""
    key: str = ""
