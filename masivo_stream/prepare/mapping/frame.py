"""The frame of a mapping: what its TOML file can say. `mapping.parse_frame` reads it."""

from typing import Literal

from msgspec import Struct

SourceFormat = Literal["csv", "tsv", "parquet", "ndjson", "json", "sqlite"]
DecimalMark = Literal[".", ","]

ANY_WORD = "*"
"""In a table of words: all words that are not listed."""

STANDARD_INPUT = "-"

NO_REWARD = "00000000-0000-0000-0000-000000000000"
"""The id of a reward in presets, to be replaced."""


class Formats(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How text is written. `[formats]` is for all sources, and each source can differ."""

    time_zone: str = ""
    """Name in the IANA database, for dates without a zone. There is no default: a wrong zone shifts every date."""
    date_formats: tuple[str, ...] = ("iso",)
    """Tried in this order: `iso`, `unix`, `unix_ms`, or a format of strftime."""
    decimal_mark: DecimalMark = "."
    delimiter: str = ""
    """Empty: a comma, or a tab in TSV."""
    encoding: str = "utf-8"
    quote: str = '"'
    """Empty: nothing is quoted."""
    null: str = ""
    """A text that means "no value", besides the empty one."""
    backslash_escapes: bool = False
    r"""Whether `\t`, `\n` and `\\` are escapes, as `mysql --batch` and PostgreSQL's text format write them."""


FORMAT_KEYS = tuple(Formats.__struct_fields__)


class DataSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table: a file, several files of the same columns, or standard input."""

    path: tuple[str, ...]
    """Paths or globs; `-` for standard input. Relative to the directory in which the command is started."""
    format: SourceFormat | None = None
    """None: by the end of the name."""
    table: str = ""
    """Of an SQLite file."""
    header: tuple[str, ...] = ()
    """Names of the columns, for text without a header line."""
    numbers: tuple[str, ...] = ()
    """Columns that hold numbers."""
    dates: tuple[str, ...] = ()
    """Columns that hold dates."""
    lookup: bool = False
    """Whether its rows only complete others: then they need not be returned by a SELECT."""
    formats: Formats = Formats()
    """The formats of all sources, with what this source says differently."""


CustomerStatus = Literal["active", "deleted", "left_out"]
EventStatus = Literal["active", "unfulfilled", "reversed", "left_out"]
PaymentMethod = Literal["CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"]
TransactionType = Literal[
    "ACCUMULATION", "REDEMPTION", "EXPIRATION", "MIGRATION", "TRANSFER", "REVERSAL", "by_sign", "left_out"
]


class CustomersMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where customers come from: a row per customer."""

    select: str
    statuses: dict[str, CustomerStatus] = {}


class BalancesMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where balances come from: a row per customer and reward."""

    select: str


class EventsMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where purchases come from: a row per line item."""

    select: str
    statuses: dict[str, EventStatus] = {}
    payments: dict[str, PaymentMethod] = {}


class TransactionsMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where transactions come from: a row per entry of a points ledger."""

    select: str
    types: dict[str, TransactionType] = {}


LEAVE_OUT = "leave_out"
FIRST_ACTIVITY = "first_activity"


class Policies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do where sources are ambiguous. Every use is counted and listed."""

    id_twice: Literal["first", "last", "leave_out"] = "first"
    """Rows of customers that have one id and differ: which one counts, in the order of files and lines."""
    email_twice: Literal["oldest", "newest", "leave_out"] = "oldest"
    """Customers of one email, in any case: who stays, by date of registration."""
    missing_name: str = LEAVE_OUT
    """`leave_out`, or the name to write."""
    missing_date: str = LEAVE_OUT
    """Of registration: `leave_out`, `first_activity`, or a date such as 2018-01-01."""
    missing_sku: str = LEAVE_OUT
    """Of a line item: `leave_out` (its whole order), or the SKU to write."""
    bad_number: Literal["leave_out", "blank"] = "leave_out"
    """A number that cannot be read: leave its row out, or treat it as missing."""
    bad_date: Literal["leave_out", "blank"] = "leave_out"
    ledger_differs: Literal["correct", "trust_ledger", "trust_balance", "leave_out"] = "correct"
    """If a customer's transactions of a reward do not add up to the balance."""
    too_many_transactions: Literal["merge", "leave_out"] = "merge"
    """More than a request takes: merge the oldest by sign and reward, or leave that customer's out."""
    orders_without_lines: Literal["leave_out", "one_line"] = "leave_out"
    """`one_line`: a single line item of the order's value."""


class Engine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the work may use."""

    memory: str = "512MB"
    """For the database. The process needs up to 200 MB more."""
    threads: int = 2
    spill_dir: str = ""
    """Where the spill directory is made. Empty: in the output directory."""


class Mapping(Struct, frozen=True, kw_only=True):
    """A whole mapping."""

    formats: Formats
    rewards: dict[str, str]
    """The ids of rewards in the account, by the names that SELECTs use."""
    sources: dict[str, DataSource]
    customers: CustomersMapping | None
    """None: customers were migrated before, so any id of a customer is taken as known."""
    balances: BalancesMapping | None
    events: EventsMapping | None
    transactions: TransactionsMapping | None
    policies: Policies
    engine: Engine
