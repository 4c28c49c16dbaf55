import jsonschema
import pytest
from sandbox import made

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.sandbox.openapi import document


def resolve(schema: dict[str, object]) -> dict[str, object]:
    """Return a schema of the document that a validator can use alone."""
    return {**schema, "components": document()["components"]}


def body_schema(path: str, method: str) -> dict[str, object]:
    return resolve(document()["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"])


VALID = {
    Kind.CUSTOMERS: made.customer("c", balance=made.balance(5), metrics={"updated_at": made.DATE}),
    Kind.EVENTS: made.events("c", "p"),
    Kind.TRANSACTIONS: made.transactions("c", 5, -5),
}
WRONG = {
    Kind.CUSTOMERS: [made.customer(""), made.customer("c", dob="2025-05-07 05:31:56Z")],
    Kind.EVENTS: [{"id": "c", "events": []}, {"id": "c", "events": [made.event("p", brand_id=5)]}],
    Kind.TRANSACTIONS: [
        made.transactions("c"),
        {"id": "c", "transactions": [made.transaction(-5, type="ACCUMULATION")]},
    ],
}


@pytest.mark.parametrize("kind", Kind)
def test_the_schema_accepts_what_the_rules_accept(kind):
    """Valid bodies match the document, wrong ones do not."""
    check = jsonschema.Draft202012Validator(body_schema(CONTRACTS[kind].path, "post"))
    assert check.is_valid({"customers": [VALID[kind]]})
    for entry in WRONG[kind]:
        assert not check.is_valid({"customers": [entry]})
    assert not check.is_valid({"customers": []})
    assert not check.is_valid({"customers": [VALID[kind]] * 1001})
    assert not check.is_valid({})


def test_every_schema_is_valid_json_schema():
    """Each component is valid by JSON Schema's own rules."""
    for schema in document()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_discounted_value_follows_the_option():
    """The document is as strict as the option of the sandbox."""
    strict, loose = (document(option)["components"]["schemas"] for option in ("required", "optional"))
    assert "discounted_value" in strict["Order"]["required"]
    assert "discounted_value" not in loose["LooseOrder"]["required"]


async def test_the_document_is_served(start):
    """At both addresses, without a token."""
    client = await start()
    for path in ("/openapi.json", "/__sandbox/openapi.json"):
        reply = await client.fetch("GET", client.sandbox.origin + path)
        assert (reply.status, reply.json) == (200, document())
