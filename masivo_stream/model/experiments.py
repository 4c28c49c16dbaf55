"""What can be found out by trying: the questions that the vendor's pages leave open, and the account's answers."""

import enum

from msgspec import Struct


class Experiment(enum.StrEnum):
    """One thing to try; the words of `check --try`."""

    ATOMIC = "atomic"
    """Whether a refusal refuses the whole request."""
    TWICE = "twice"
    """Whether an event that is sent twice counts twice."""
    EMAIL_CASE = "email-case"
    """Whether two customers may have emails that differ only in upper and lower case."""


class Trials(Struct, frozen=True, kw_only=True):
    """What to try."""

    wanted: tuple[Experiment, ...] = ()
    anywhere: bool = False
    """Whether to try it in any account, not only in one that is certainly a development account."""


class Tried(Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    name: Experiment
    question: str
    answer: str
    """`yes`, `no`, or `open`: then `because` says why it could not be found out."""
    because: str
    """What was seen."""
    expected: str
    """The answer that the program assumes; empty if it assumes none."""
    follows: str
    """What the answer means for a migration."""


class TriedAccount(Struct, frozen=True, kw_only=True):
    """What was tried in an account, and what that has left behind."""

    answers: tuple[Tried, ...]
    requests: int
    """All requests that this took, token and reads included."""
    customers: tuple[str, ...]
    """The ids of the customers that may be in the account now. Each begins with `masivo-stream-try-`."""
    sent_between: tuple[str, str]
    """A period that holds all of it (RFC 3339)."""
    revert: str
    """The command that takes back all customers that the account has migrated in that period, these among them."""

    @property
    def surprising(self) -> bool:
        """Whether an answer is not the one that the program assumes."""
        return any(each.expected and each.answer not in {each.expected, "open"} for each in self.answers)

    @property
    def left_open(self) -> bool:
        """Whether a question was not answered."""
        return any(each.answer == "open" for each in self.answers)
