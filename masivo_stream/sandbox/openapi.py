"""The OpenAPI 3.1 document of the sandbox: schemas from the types that validate, paths from the contract.

It lists every status that a call can answer, and its schemas are as strict as the rules, if JSON Schema can express
them. It cannot express rules about the account (known customers, balances); these are answered with 422 as well.
"""

import urllib.parse
from collections.abc import Iterator

import msgspec

from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.schemas import (
    UUID_PATTERN,
    CustomerRecord,
    EventsRecord,
    LooseOrder,
    Order,
    TransactionsRecord,
)
from masivo_stream.sandbox.account_reads import LARGEST_INDEX, ListedTransactionsAnswer, RewardsAnswer, TiersAnswer
from masivo_stream.sandbox.body_rules import Discount
from masivo_stream.sandbox.customer_answers import CustomerAnswer, TransactionsAnswer
from masivo_stream.sandbox.http_answers import JSON, EnqueuedAnswer, ErrorAnswer, RevertedAnswer, TokenAnswer

Node = dict[str, object]
"""A JSON object; its shape is OpenAPI's own."""

_REFERENCE = "#/components/schemas/{name}"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_KEY: Node = {"type": "apiKey", "in": "header", "name": "x-api-key"}
_TOKEN: Node = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

_REFUSALS = {
    400: "The transfer is broken.",
    401: "Key or token is missing, wrong or has expired.",
    404: "There is no such customer.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request is refused as a whole.",
    429: "The account's limit is used up; Retry-After gives the seconds to wait.",
}
_OF_BODIES = (400, 401, 413, 415, 422, 429)


def document(discounted_value: Discount = "required") -> Node:
    """Return the whole document, as JSON values."""
    records: dict[Kind, type] = {
        Kind.CUSTOMERS: CustomerRecord,
        Kind.EVENTS: EventsRecord[Order] if discounted_value == "required" else EventsRecord[LooseOrder],
        Kind.TRANSACTIONS: TransactionsRecord,
    }
    reads = (CustomerAnswer, TransactionsAnswer, RewardsAnswer, TiersAnswer, ListedTransactionsAnswer)
    answers = (EnqueuedAnswer, RevertedAnswer, TokenAnswer, *reads, ErrorAnswer)
    types = [*records.values(), *answers]
    found, components = msgspec.json.schema_components(types, ref_template=_REFERENCE, schema_hook=_own_type)
    schemas: dict[type, Node] = dict(zip(types, found, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": "The Masivo migration API as the sandbox emulates it", "version": "1"},
        "servers": [{"url": urllib.parse.urlsplit(contract.BASE_URL).path}],
        "security": [{"token": []}],
        "paths": _paths(records, schemas),
        "components": {
            "schemas": {name: _portable(schema) for name, schema in components.items()},
            "securitySchemes": {"key": _KEY, "token": _TOKEN},
        },
    }


def _paths(records: dict[Kind, type], schemas: dict[type, Node]) -> Node:
    paths: dict[str, Node] = {}

    def add(path: str, method: str, operation: Node) -> None:
        paths.setdefault(path, {})[method] = operation

    token = _operation("Get a token", 200, schemas[TokenAnswer], (401, 429), schemas[ErrorAnswer])
    add(contract.AUTHORIZE_PATH, "get", {**token, "security": [{"key": []}]})
    for kind, record in records.items():
        contract_of_kind = CONTRACTS[kind]
        migrate = _operation(f"Migrate {kind}", 201, schemas[EnqueuedAnswer], _OF_BODIES, schemas[ErrorAnswer])
        entries: Node = {
            "type": "array",
            "items": schemas[record],
            "minItems": 1,
            "maxItems": contract_of_kind.max_records,
        }
        add(contract_of_kind.path, "post", {**migrate, "requestBody": _body({"customers": entries})})
    revert = _operation("Revert a migration", 200, schemas[RevertedAnswer], _OF_BODIES, schemas[ErrorAnswer])
    period: Node = {"start_date": _date(), "end_date": _date()}
    add(contract.REVERT_PATH, "delete", {**revert, "requestBody": _body(period)})
    one = _operation("Read a customer", 200, schemas[CustomerAnswer], (401, 404, 429), schemas[ErrorAnswer])
    add(contract.customer_path("{id}"), "get", {**one, "parameters": [_ID]})
    many = _operation(
        "Read a customer's transactions",
        200,
        schemas[TransactionsAnswer],
        (401, 404, 422, 429),
        schemas[ErrorAnswer],
    )
    filters = [_query(name, {"type": "string"}) for name in ("brand_id", "reward_id", "type")]
    year = _query("year", {"type": "integer", "minimum": 1, "maximum": 9999})
    add(contract.customer_transactions_path("{id}"), "get", {**many, "parameters": [_ID, year, *filters]})
    for path, operation in _account_reads(schemas, filters):
        add(path, "get", operation)
    return dict(paths)


def _account_reads(schemas: dict[type, Node], filters: list[Node]) -> Iterator[tuple[str, Node]]:
    """Yield path and operation of each read about the whole account."""
    error = schemas[ErrorAnswer]
    rewards = _operation("List the rewards", 200, schemas[RewardsAnswer], (401, 422, 429), error)
    index: Node = {"type": "integer", "minimum": 0, "maximum": LARGEST_INDEX}
    of_type = _query("type", {"type": "string", "enum": list(contract.REWARD_TYPES)})
    brand = _query("brand_id", {"type": "string"})
    yield (
        contract.REWARDS_PATH,
        {**rewards, "parameters": [_query("from", index), _query("to", index), brand, of_type]},
    )
    yield contract.TIERS_PATH, _operation("List the tiers", 200, schemas[TiersAnswer], (401, 429), error)
    listed = _operation("List a day's transactions", 200, schemas[ListedTransactionsAnswer], (401, 422, 429), error)
    date = _query("date", {"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}-[0-9]{4}$"}, required=True)
    cursor = _query("cursor", {"type": "string", "format": "uuid"})
    yield contract.TRANSACTIONS_PATH, {**listed, "parameters": [date, cursor, *filters]}


def _operation(summary: str, status: int, schema: Node, refusals: tuple[int, ...], error: Node) -> Node:
    responses: Node = {str(status): {"description": "Accepted.", "content": {JSON: {"schema": schema}}}}
    for code in refusals:
        responses[str(code)] = {"description": _REFUSALS[code], "content": {JSON: {"schema": error}}}
    return {"summary": summary, "responses": responses}


def _body(properties: Node) -> Node:
    schema: Node = {"type": "object", "required": list(properties), "properties": properties}
    return {"required": True, "content": {JSON: {"schema": schema}}}


_ID: Node = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(name: str, schema: Node, *, required: bool = False) -> Node:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _own_type(_of: type) -> Node:
    """Describe a UUID, the only type that msgspec does not know."""
    return {"type": "string", "pattern": f"^{UUID_PATTERN}$"}


def _date() -> Node:
    return {"type": "string", "format": "date-time", "pattern": _DATE}


def _portable(value: object) -> object:
    """Convert a schema of msgspec to the dialect of JSON Schema.

    Date-times get the one spelling that the rules accept.
    """
    match value:
        case {"format": "date-time"}:
            return _date()
        case dict():
            return {name: _portable(part) for name, part in value.items()}
        case list():
            return [_portable(part) for part in value]
        case _:
            return value
