"""Group dead letters by what is wrong with them: kind, reason, field without indexes, and message without values.

The same code groups what a dry run finds and what a dead-letter file holds, so `validate`, `migrate`, `status` and a
report of any later process show the same groups.

A message may hold values: ids and sums, or the words of the API, which may quote the record; and a person may have
edited the file. So only words of a fixed list and the API's own names of fields are kept of it.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from msgspec import Struct

from masivo_stream.core.reading.marks import EXPECTED
from masivo_stream.core.redact import api_names, api_values, group_field
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.reason import REMEDIES, Reason

MOST_LISTED = 200
"""Groups that are listed at most."""

MOST_GROUPS = 5000
"""Different groups of a kind that are counted at most."""

LONGEST_CAUSE = 160
"""Characters."""

_MOST_READ = 4 * LONGEST_CAUSE
"""Characters of a path or a message that are looked at."""

_OWN = frozenset(
    {
        *(Reason.MISSING_FIELD, Reason.UNKNOWN_FIELD, Reason.DUPLICATE_FIELD, Reason.WRONG_TYPE),
        *(Reason.INVALID_VALUE, Reason.NO_ITEMS),
    }
)
"""Reasons whose messages are made of constants, written here: these may show a date and a UUID as samples."""

_WORDS = frozenset(
    """
    a above accepted accepts account accounted active add address adds after alike all allowed allows already also
    amount an and another answer any api are array arrive arrived as at back balance balances batch be because been
    before belongs below between body boolean both bounds but by byte bytes can cannot carries change changed channel
    channels character characters code colon comma conflict contain contains content control correct could country
    counts currency customer customers data date dates datetime day dead deeply deleted denied device devices did differ
    difference different differs digits directory do document does double duplicate duplicated each earlier either email
    emails empty end entity entry enum equal error errors escape escaped escaping event events exceed exceeds exist
    existing exists expected expired export exports failed fails false field fields file firewall first fit float for
    forbidden format found from funds future gateway gender given got greater has have header hex hold holds id
    identical identifier if in inactive index input insufficient integer into invalid is it item items its json key keys
    kind known large larger last later least length less letter limit line lines list lists login long longer lower
    malformed malicious many match matches matching max maximum may member members merge message metadata migrate
    migrated migration min minimum missing more most must name names needs negative neither nested new no non none nor
    not null number numbers object objects occur occurs of older on once one only or order orders other out over page
    pair parameter parse part pattern payload per permitted phone positive present previous products programs property
    proxy purchase purchases quote quotes range read received record records redeem redemption refused registered
    registration reject rejected request requests required resource reversed revert reward rewards rfc rule run same
    schema second send sent sequence server several shipping short should sign since size slug smaller some split state
    status store stores string strings such sum sums supported surrogate system taken text than that the their them
    there these they this through tier tiers time times timestamp to too total trailing transaction transactions true
    truncated twice two type types unauthorized under unexpected unicode unique unit unknown unprocessable unsupported
    until up upper url use used user utf utf-16 utf-8 uuid valid validation value values violated violates violation waf
    wait waits wallet was were which while whole with without word words wrong year years yes zero zone
    al algo campo clave cliente clientes con correo de debe del desconocido duplicada duplicado el ella en error es
    esta este existe existente falta fecha formato incorrecto invalido inválida inválido la las lista los menos monto
    más no nombre nulo numero número objeto obligatorio otro para pedido por que repetido requerida requerido saldo se
    ser sin su tarjeta texto tienda tiene tipo transacciones transacción un una uso vacio vacío valido valor válida
    válido ya
    """.split()  # noqa: SIM905 - a list of words is read as a text
)
"""Words of validators' messages, in the languages of the API's users. No given name is among them."""

_OF_SUMS = frozenset({Reason.BALANCE_MISMATCH, Reason.NO_BALANCE})
"""Reasons whose messages are mostly values: without them they would be hard to read."""

_SAMPLES = ("2023-11-07T05:31:56Z", "3c90c3cc-0d44-4b50-8888-8dd25736052a", "RFC 3339", "0 1", EXPECTED)
"""What messages of the reasons above hold besides words."""

_TOKEN = re.compile(r"[\w@+'\u2019-]+(?:[.][\w@+-]+)*")
_URL = re.compile(r"\b[a-z0-9]+://[^\s)]+")
"""The place of a line in object storage."""
_PARTS = re.compile(r"[._'\u2019-]")
_BLANKS = re.compile(r"\u2026(?:[^\w()\u2026]*\u2026)+")
_QUOTES = str.maketrans("", "", "\"'`\u00ab\u00bb\u2018\u2019\u201c\u201d\u2026{}")
_SPACE = re.compile(r"\s+")


class _Found(Struct):
    file: str
    line: int
    offset: int
    records: int = 0


class FaultGrouper:
    """Group the dead letters of one kind; give it each once, in the order of the dead-letter file."""

    def __init__(self, kind: str) -> None:
        """Start without any."""
        self._kind = kind
        self._groups: dict[tuple[str, str, str], _Found] = {}
        self._dead_letters = self._corrected = 0

    def add(self, place: tuple[str, int, int], faults: Iterable[tuple[str, str, str]]) -> None:
        """Add a dead letter: file, line and offset of its record, and its faults as reason, field and message."""
        self._dead_letters += 1
        for key in {group_key(*_cut(fault)): None for fault in faults}:
            found = self._groups.get(key)
            if found is None:
                if len(self._groups) >= MOST_GROUPS:
                    continue
                found = self._groups[key] = _Found(*place)
            found.records += 1

    def add_corrected(self) -> None:
        """Add a dead letter that is in no group, because it was corrected."""
        self._dead_letters += 1
        self._corrected += 1

    def result(self) -> FaultGroups:
        """Return all groups, the largest first; of two that are as large, the one that occurred first."""
        listed = [
            FaultGroup(
                kind=self._kind,
                reason=reason,
                field=field,
                cause=cause,
                records=found.records,
                file=found.file,
                line=found.line,
                offset=found.offset,
                remedy=_remedy(reason),
            )
            for (reason, field, cause), found in self._groups.items()
        ]
        listed.sort(key=lambda group: -group.records)
        corrected = {self._kind: self._corrected} if self._corrected else {}
        return FaultGroups(listed=tuple(listed), dead_letters={self._kind: self._dead_letters}, corrected=corrected)


def join_groups(kinds: Iterable[FaultGroups]) -> FaultGroups:
    """Return the groups of several kinds, at most `MOST_LISTED` of them, the largest first."""
    found = list(kinds)
    listed = sorted((group for each in found for group in each.listed), key=lambda group: -group.records)
    counts = {kind: count for each in found for kind, count in each.dead_letters.items() if count}
    more = max(0, len(listed) - MOST_LISTED)
    corrected = {kind: count for each in found for kind, count in each.corrected.items()}
    return FaultGroups(listed=tuple(listed[:MOST_LISTED]), left_out=more, dead_letters=counts, corrected=corrected)


def _cut(fault: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return a fault without the end of texts that are very long, so that remembering it costs little."""
    reason, field, message = fault
    return reason, field[:_MOST_READ], message[:_MOST_READ]


@lru_cache(maxsize=10_000)
def group_key(reason: str, field: str, message: str) -> tuple[str, str, str]:
    """Return what faults of one group have in common: reason, field and cause."""
    return reason, group_field(field), describe_cause(reason, message)


def describe_cause(reason: str, message: str) -> str:
    """Return a message without values."""
    if reason in _OF_SUMS:
        return "the transactions of a reward do not add up to the balance"
    samples = _own_tokens() if reason in _OWN else frozenset()
    text = _URL.sub("0", message[:_MOST_READ])  # a value like any other
    if reason != Reason.INVALID_JSON:  # the decoder quotes single characters of JSON's own, such as a comma
        text = text.translate(_QUOTES)
    known = _TOKEN.sub(lambda match: match[0] if match[0] in samples or _is_known(match) else "\u2026", text)
    text = _SPACE.sub(" ", _BLANKS.sub("\u2026", known)).strip(" :;,-")
    if text == "\u2026":
        return ""
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}\u2026"


def _is_known(match: re.Match[str]) -> bool:
    token = match[0]
    words = [token] if token.casefold() in _WORDS else [part for part in _PARTS.split(token) if part]
    # A capital letter within a sentence is a name's, or that of a word such as JSON.
    usual = match.start() == 0 or all(word.islower() or word.isupper() or word in api_names() for word in words)
    known = usual and all(word.casefold() in _WORDS or word in api_names() for word in words)
    return known or token in api_names()


@cache
def _own_tokens() -> frozenset[str]:
    """Return what the messages of the reasons in `_OWN` may hold besides words: samples, and the schemas' values."""
    return frozenset(token for text in (*_SAMPLES, *api_values()) for token in _TOKEN.findall(text))


def _remedy(reason: str) -> str:
    """Return what to do; nothing for a reason that a later version wrote."""
    try:
        return REMEDIES[Reason(reason)]
    except ValueError:
        return ""
