"""Which faults there are, in words: how each is written, what it does, and which options it takes.

`masivo-stream sandbox --help` prints this table, and docs/sandbox.md has the same; a test compares all three with what
the parser (`fault_language`) takes.
"""

import textwrap
from collections.abc import Iterator
from typing import NamedTuple


class FaultForm(NamedTuple):
    """One fault."""

    form: str
    """Its name, and its value; in brackets if it has a usual one."""
    does: str
    options: tuple[str, ...] = ()
    """Its own options; `COMMON` are those of all faults."""

    @property
    def name(self) -> str:
        """The name alone."""
        return self.form.partition("[")[0].partition("=")[0]


_APPLIED = "applied=yes|no"
_PAGE = ("type=TEXT", "server=TEXT", "ray=TEXT")

FORMS = (
    FaultForm("status=CODE", "answers with that status", (_APPLIED, "retry_after=TEXT", "body=CONTENT", *_PAGE)),
    FaultForm("throttle", "answers 429", ("retry_after=TEXT",)),
    FaultForm("reset", "cuts the connection", ("when=before|after|mid|status",)),
    FaultForm("hang[=SECONDS]", "sends nothing for that long (3600), then cuts the connection", (_APPLIED,)),
    FaultForm("delay=SECONDS", "answers late", ("jitter=SECONDS", "where=arrival|answer")),
    FaultForm("drip[=SECONDS]", "spreads the answer's bytes over that time (30)"),
    FaultForm("garbage", "answers something that is not HTTP", (_APPLIED,)),
    FaultForm("html[=CODE]", "answers 200, or CODE, with a page, as a portal or a firewall does", (_APPLIED, *_PAGE)),
    FaultForm("redirect=CODE", "redirects; needs `to`", ("to=ORIGIN", _APPLIED)),
    FaultForm("empty", "answers with the right status and no body"),
    FaultForm("vague", "refuses without saying what or where"),
    FaultForm("shape=CONTENT", "refuses in another shape, and names the bad record by …", ("by=path|index|id|none",)),
    FaultForm("multistatus[=N]", "answers 207: the first N customers of the request (1) are refused"),
    FaultForm(
        "compress=PACKING",
        "compresses the body: gzip, deflate, bare (deflate without its header), zstd, twice, br, false (claims to, but"
        " does not), cut, bomb",
    ),
    FaultForm(
        "firewall=TEXT",
        "answers 403 with a page to every request that contains that text",
        ("code=CODE", "body=CONTENT", *_PAGE),
    ),
    FaultForm("no-slash", "answers 404 to reads whose path contains %2F, as gateways do", ("body=CONTENT",)),
    FaultForm("partial", "answers 422, although the first half took effect"),
    FaultForm("late=SECONDS", "takes effect that much later than usual"),
    FaultForm("lose[=N]", "accepts, but the first N customers of the request (1) never take effect"),
    FaultForm("spoil[=N]", "accepts, but amounts of the first N customers (1) are off by one"),
    FaultForm("late-duplicate", "accepts a customer's transactions again while the first are queued"),
    FaultForm("badtoken", "answers the token call without a token"),
)

COMMON = (
    ("on=TARGET", "customers, events, transactions, auth, read, revert, migrate (the three kinds; usual), all"),
    ("rate=0..1", "chance for each matching request"),
    ("times=N", "at most N times"),
    ("at=K", "the K-th matching request only"),
)
"""Options that every fault takes."""

_CONTENT = (
    "CONTENT is refusal, empty, object, error, errors, results, details, members, message, detail, problem, nested,"
    " list, null, bom, text, page. applied=yes: the request takes effect although its answer is faulty; usual is no."
)
_MARGIN = 22


def describe_faults(width: int) -> str:
    """Return all faults and their options as lines of at most `width` characters."""
    return "\n".join(_lines(width))


def _lines(width: int) -> Iterator[str]:
    def entry(left: str, right: str) -> str:
        start = f"  {left}".ljust(_MARGIN)
        return textwrap.fill(
            right, width, initial_indent=start, subsequent_indent=" " * _MARGIN, break_on_hyphens=False
        )

    yield "Faults, written NAME[=VALUE][,OPTION=VALUE]…:"
    for each in FORMS:
        options = f" [{'] ['.join(each.options)}]" if each.options else ""
        yield entry(each.form, each.does + options)
    yield ""
    yield "Options of every fault:"
    for option, meaning in COMMON:
        yield entry(option, meaning)
    yield textwrap.fill(_CONTENT, width, break_on_hyphens=False)
