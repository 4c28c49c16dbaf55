"""Parse the small language of `--fault`.

    SPEC    = NAME ["=" VALUE] { "," OPTION "=" VALUE }

The faults, and the options of each, are in the table `fault_forms.FORMS`. CONTENT is the form of the body: refusal (as
the API writes it), empty, object, error, errors, results, details, members, message, detail, problem (RFC 9457),
nested, list, null, bom (a refusal after a byte order mark), text, page. `type` is the Content-Type (`type=` for none),
`server` and `ray` are the headers Server and CF-Ray. `throttle` has `retry_after=abc` without a value; others to try
are a date, -1, 1e9. `br` is a packing that the client does not support.

Every fault takes `on=TARGET` (customers, events, transactions, auth, read, revert, migrate, all; default
migrate, for badtoken auth, for no-slash read), `rate=0..1` (chance per matching request), `times=N` (at most N hits)
and `at=K` (only the K-th matching request, from 1). `applied`, of some faults, is whether the request takes effect
although its answer is faulty; by default no. Requests that the rules refuse with 401 or 429 do not count as matching,
except for `delay` on arrival and `reset,when=before`, which come before the request is read. A value cannot hold a
comma.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from masivo_stream.sandbox.fault_bodies import BodyCompression, Content, NamedBy
from masivo_stream.sandbox.fault_types import (
    MIGRATE,
    BadToken,
    Behaviour,
    CallTarget,
    CutPoint,
    Delay,
    DelayPlace,
    Drip,
    Empty,
    Fault,
    Firewall,
    Garbage,
    Hang,
    Html,
    Late,
    LateDuplicate,
    Lose,
    Multistatus,
    NoSlash,
    Pack,
    Partial,
    Redirect,
    Reset,
    Shape,
    Spoil,
    StatusFault,
    Vague,
)

_HANG_SECONDS = 3600.0  # longer than any client waits
_DRIP_SECONDS = 30.0
_ABSURD_RETRY_AFTER = "abc"
_FORBIDDEN = 403

_TARGETS: dict[str, frozenset[CallTarget]] = {
    **{target.value: frozenset({target}) for target in CallTarget},
    "migrate": MIGRATE,
    "all": frozenset(CallTarget),
}

_CONTENTS = {content.value: content for content in Content}

T = TypeVar("T")


def parse_faults(specs: Iterable[str]) -> tuple[Fault, ...]:
    """Read several specs.

    Raises:
        ValueError: as `parse_fault`.
    """
    return tuple(parse_fault(spec) for spec in specs)


def parse_fault(spec: str) -> Fault:
    """Read one spec, such as `status=503,applied=yes,rate=0.1,on=events`.

    Raises:
        ValueError: a name, an option or a value is unknown; the message names the most similar one.
    """
    first, *rest = spec.split(",")
    name, equals, value = first.partition("=")
    name = name.strip()
    if name not in _FAULTS:
        raise ValueError(f'"{name}" is not a fault{_nearest(name, _FAULTS)}; the faults are {", ".join(_FAULTS)}')
    options = _Options(name, value.strip() if equals else None, rest)
    behaviour = _FAULTS[name](options)
    usual = {BadToken: "auth", NoSlash: "read"}.get(type(behaviour), "migrate")
    fault = Fault(
        behaviour=behaviour,
        on=options.choice("on", _TARGETS, usual),
        rate=options.number("rate", 1.0, most=1.0),
        times=options.count("times"),
        at=options.count("at"),
    )
    options.close()
    return fault


class _Options:
    """The parts of one spec. Each is read once; a part that is never read is an unknown option."""

    def __init__(self, name: str, value: str | None, parts: Iterable[str]) -> None:
        self._name = name
        self._given = {} if value is None else {name: value}
        self._asked: list[str] = []
        for part in parts:
            key, equals, text = (piece.strip() for piece in part.partition("="))
            if not equals or key in self._given:
                raise ValueError(f'fault {name}: "{part.strip()}" is not an OPTION=VALUE, or the second of its name')
            self._given[key] = text

    def maybe(self, option: str) -> str | None:
        self._asked.append(option)
        return self._given.pop(option, None)

    def required(self, option: str, example: str, *, keep: bool = False) -> str:
        """Return the text of an option that must be given; with `keep` it can be read once more."""
        text = self.maybe(option)
        if not text:
            raise ValueError(f"fault {self._name} needs {option}={example}")
        if keep:
            self._given[option] = text
        return text

    def number(self, option: str, default: float | None, *, most: float = math.inf) -> float:
        text = self.maybe(option)
        if text is None and default is not None:
            return default
        if text is None or not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+", text, re.ASCII) or float(text) > most:
            bound = "" if most == math.inf else f" up to {most:g}"
            raise ValueError(f"fault {self._name}: {option} must be a number{bound}, such as {option}=0.5")
        return float(text)

    def count(self, option: str) -> int | None:
        text = self.maybe(option)
        if text is not None and not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
            raise ValueError(f"fault {self._name}: {option} must be a whole number from 1")
        return None if text is None else int(text)

    def choice(self, option: str, among: Mapping[str, T], default: str) -> T:
        text = self.maybe(option)
        chosen = default if text is None else text
        if chosen not in among:
            raise ValueError(f"fault {self._name}: {option} must be one of {', '.join(among)}{_nearest(chosen, among)}")
        return among[chosen]

    def applied(self) -> bool:
        return self.choice("applied", {"yes": True, "no": False}, "no")

    def code(self, default: int | None = None) -> int:
        if default is not None and self._name not in self._given:
            self._asked.append(self._name)
            return default
        text = self.required(self._name, "CODE")
        if not re.fullmatch(r"[2-5][0-9]{2}", text, re.ASCII):
            raise ValueError(f"fault {self._name}: expected an HTTP status from 200 to 599, such as {self._name}=503")
        return int(text)

    def close(self) -> None:
        for option in self._given:
            near = _nearest(option, self._asked)
            raise ValueError(f'fault {self._name}: "{option}" is not one of its options{near}')


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f'; did you mean "{near[0]}"?' if near else ""


def _status(options: _Options) -> Behaviour:
    return StatusFault(
        code=options.code(),
        applied=options.applied(),
        retry_after=options.maybe("retry_after"),
        body=options.choice("body", _CONTENTS, Content.REFUSAL),
        type=options.maybe("type"),
        server=options.maybe("server") or "",
        ray=options.maybe("ray") or "",
    )


def _html(options: _Options) -> Behaviour:
    return Html(
        code=options.code(200),
        applied=options.applied(),
        type=options.maybe("type"),
        server=options.maybe("server") or "",
        ray=options.maybe("ray") or "",
    )


def _firewall(options: _Options) -> Behaviour:
    return Firewall(
        text=options.required("firewall", "TEXT"),
        page=StatusFault(
            code=options.count("code") or _FORBIDDEN,
            body=options.choice("body", _CONTENTS, Content.PAGE),
            type=options.maybe("type"),
            server=options.maybe("server") or "",
            ray=options.maybe("ray") or "",
        ),
    )


def _shape(options: _Options) -> Behaviour:
    options.required("shape", "CONTENT", keep=True)
    return Shape(
        content=options.choice("shape", _CONTENTS, Content.REFUSAL),
        by=options.choice("by", {by.value: by for by in NamedBy}, NamedBy.PATH),
    )


def _compress(options: _Options) -> Behaviour:
    options.required("compress", "PACKING", keep=True)
    return Pack(
        packing=options.choice(
            "compress", {packing.value: packing for packing in BodyCompression}, BodyCompression.GZIP
        )
    )


def _throttle(options: _Options) -> Behaviour:
    given = options.maybe("retry_after")
    return StatusFault(code=429, retry_after=_ABSURD_RETRY_AFTER if given is None else given)


def _reset(options: _Options) -> Behaviour:
    return Reset(when=options.choice("when", {cut.value: cut for cut in CutPoint}, CutPoint.AFTER))


def _hang(options: _Options) -> Behaviour:
    return Hang(seconds=options.number("hang", _HANG_SECONDS), applied=options.applied())


def _delay(options: _Options) -> Behaviour:
    return Delay(
        seconds=options.number("delay", None),
        jitter=options.number("jitter", 0.0),
        where=options.choice("where", {place.value: place for place in DelayPlace}, DelayPlace.ARRIVAL),
    )


def _redirect(options: _Options) -> Behaviour:
    return Redirect(
        code=options.code(),
        to=options.required("to", "http://elsewhere.test").rstrip("/"),
        applied=options.applied(),
    )


_FAULTS: dict[str, Callable[[_Options], Behaviour]] = {
    "status": _status,
    "throttle": _throttle,
    "reset": _reset,
    "hang": _hang,
    "delay": _delay,
    "drip": lambda options: Drip(seconds=options.number("drip", _DRIP_SECONDS)),
    "garbage": lambda options: Garbage(applied=options.applied()),
    "html": _html,
    "redirect": _redirect,
    "empty": lambda _: Empty(),
    "vague": lambda _: Vague(),
    "shape": _shape,
    "multistatus": lambda options: Multistatus(entries=options.count("multistatus") or 1),
    "compress": _compress,
    "firewall": _firewall,
    "no-slash": lambda options: NoSlash(body=options.choice("body", _CONTENTS, Content.PAGE)),
    "partial": lambda _: Partial(),
    "late": lambda options: Late(seconds=options.number("late", None)),
    "lose": lambda options: Lose(entries=options.count("lose") or 1),
    "spoil": lambda options: Spoil(entries=options.count("spoil") or 1),
    "late-duplicate": lambda _: LateDuplicate(),
    "badtoken": lambda _: BadToken(),
}

FAULT_NAMES = tuple(_FAULTS)
"""Every name a spec may begin with."""
