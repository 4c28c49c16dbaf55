"""The rules about an account, tested through HTTP."""

import urllib.parse

import pytest
from sandbox import made

from masivo_stream.sandbox.customer_metrics import TIERS


async def test_a_201_means_enqueued(start, clock):
    """The effect is visible only after the queue's delay."""
    client = await start()
    reply = await client.customers(made.customer("c"))
    assert (reply.status, reply.json) == (201, {})
    assert (await client.call("GET", "/customers/c")).status == 404
    assert (client.ledger().customers, client.ledger().queue) == ({}, 1)
    clock.advance(1.99)
    assert (await client.call("GET", "/customers/c")).status == 404
    clock.advance(0.01)
    assert (await client.call("GET", "/customers/c")).status == 200
    assert (client.ledger().customers, client.ledger().queue) == ({"c": 1}, 0)


async def test_a_refused_request_enqueues_nothing(start, clock):
    """One bad record refuses its whole batch."""
    client = await start()
    reply = await client.customers(made.customer("c"), made.customer("d", email=5))
    assert reply.status == 422
    assert set(reply.json) == {"error", "details"}
    assert reply.details.startswith("customers[1].email: ")
    clock.advance(100)
    assert client.ledger().customers == {}


async def test_an_identical_customer_may_be_sent_again(start, clock):
    """A duplicate changes only the ledger, whether the first one is queued or applied."""
    client = await start()
    await client.customers(made.customer("c"))
    assert (await client.customers(made.customer("c"))).status == 201
    clock.advance(2)
    assert (await client.customers(dict(reversed(made.customer("c").items())))).status == 201
    clock.advance(2)
    assert client.ledger().customers == {"c": 3}


async def test_the_deepest_record_is_handled_everywhere(start, clock):
    """Every record that the rules accept can be compared and read back, at any depth of the call stack."""
    client = await start()
    levels = 495
    body = made.body(made.customer("c", metadata={})).replace(b"{}", b'{"a":' + b"[" * levels + b"]" * levels + b"}")
    for _ in range(2):
        assert (await client.call("POST", "/customers/migrate", body.replace(b" ", b""))).status == 201
        assert (await client.call("POST", "/customers/migrate", body)).status == 201
        clock.advance(2)
    assert (await client.call("GET", "/customers/c")).status == 200


@pytest.mark.parametrize("wait", [0, 2])
async def test_ids_and_emails_are_unique(start, clock, wait):
    """Other content for an id, or another id for an email, is refused, queued or applied."""
    client = await start()
    await client.customers(made.customer("c"))
    clock.advance(wait)
    other = await client.customers(made.customer("a"), made.customer("c", name="Other"))
    assert (other.status, other.details.split(":")[0]) == (422, "customers[1].id")
    twin = await client.customers(made.customer("d", email="c@example.test"))
    assert (twin.status, twin.details.split(":")[0]) == (422, "customers[0].email")


async def test_unknown_customers_have_no_events(start, clock):
    """Events need a customer who is visible, not one in the queue."""
    client = await start()
    assert (await client.events(made.events("c", "p"))).status == 422
    await client.customers(made.customer("c"))
    early = await client.events(made.events("c", "p"))
    assert (early.status, early.details.split(":")[0]) == (422, "customers[0].id")
    clock.advance(2)
    assert (await client.events(made.events("c", "p"))).status == 201


@pytest.mark.parametrize(("case", "status"), [("ignored", 422), ("counts", 201)])
async def test_emails_in_other_case_may_be_one(start, case, status):
    """Within a request as in two of them; characters that are not ASCII stay as they are."""
    client = await start(email_case=case)
    emails = ("n1@example.com", "N1@example.com")
    reply = await client.customers(*(made.customer(f"c{place}", email=email) for place, email in enumerate(emails)))
    assert reply.status == status
    if status != 201:
        assert reply.details.startswith("customers[1].email: ")
    assert (await client.customers(made.customer("d", email="Ñ@example.com"))).status == 201
    assert (await client.customers(made.customer("e", email="ñ@example.com"))).status == 201
    assert (await client.customers(made.customer("f", email="m2@example.com"))).status == 201
    assert (await client.customers(made.customer("g", email="M2@example.com"))).status == status


async def test_events_sent_twice_count_twice(start, clock):
    """Events are not deduplicated."""
    client = await start()
    await client.migrated(made.customer("c"))
    for _ in range(2):
        assert (await client.events(made.events("c", "p", "q"))).status == 201
    await client.events(made.events("c", "q"))
    clock.advance(2)
    assert client.ledger().events == {"c": {"p": 2, "q": 3}}


async def test_purchases_recalculate_the_metrics(start, clock):
    """Only PURCHASE events count; before them the migrated metrics are returned."""
    client = await start()
    old = {"from": made.DATE, "to": made.DATE, "tier_id": made.REWARD, "spend_total": 7}
    await client.migrated(made.customer("c", metrics={"lifetime": old}))
    seen = (await client.call("GET", "/customers/c")).json["data"]["customer"]
    assert (seen["tier_id"], seen["metrics"]) == (made.REWARD, {"lifetime": old})
    await client.events({"id": "c", "events": [made.event("v", type="VISIT")]})
    clock.advance(2)
    assert (await client.call("GET", "/customers/c")).json["data"]["customer"] == seen
    purchase = made.event("p", changed_order={"discounted_value": 1000})
    await client.events({"id": "c", "events": [purchase]})
    clock.advance(2)
    new = (await client.call("GET", "/customers/c")).json["data"]["customer"]
    assert new["tier_id"] == TIERS[1][1]
    assert new["metrics"]["lifetime"]["number_of_purchases"] == 1
    assert new["metrics"]["updated_at"] == "2025-06-15T15:06:46.000Z"


async def test_a_customer_is_read_back_as_migrated(start):
    """Profile and wallet are returned; a field that was not sent is absent."""
    client = await start()
    sent = made.customer(
        "c",
        metadata={"a": [1]},
        gender="FEMALE",
        balance=[*made.balance(0.1, 0.2), {"amount": 5, "reward_id": made.OTHER_REWARD}],
    )
    await client.migrated(sent)
    data = (await client.call("GET", "/customers/c")).json["data"]
    assert data["customer"] == {
        **{name: value for name, value in sent.items() if name != "balance"},
        "status": "ACTIVE",
        "tier_id": None,
        "metrics": {},
    }
    assert [(line["amount"], line["reward_id"]) for line in data["wallet"]["lines"]] == [
        (0.1, made.REWARD),
        (0.2, made.REWARD),
        (5, made.OTHER_REWARD),
    ]
    assert data["wallet"]["lines"][0]["issued_at"] == "2025-06-15T15:06:42.000Z"
    assert data["wallet"]["totals"] == [
        {"total": 0.3, "reward_id": made.REWARD},
        {"total": 5, "reward_id": made.OTHER_REWARD},
    ]


@pytest.mark.parametrize(
    "id_",
    [
        "a/b", "ñ 1", "50%", "%", "%2F", "%7B", "%25", "a?b#c", "{}", "{", "}", "{id}", "{id:x}", "[]",
        "é", "a b", " ", "?",
        "#", "a;b", "a,b", "a=b&c", "a+b", "a:b", "@", "'", '"', "\\", "|", "~",
        "a\nb", "\x7f", "🦊", "migrate", "transactions",
        "/", "a/transactions", "...", "1" * 200,
    ],
)  # fmt: skip
async def test_ids_are_percent_decoded(start, id_):
    """Every id can be read back through its percent-encoded path."""
    client, quoted = await start(), urllib.parse.quote(id_, safe="")
    await client.migrated(made.customer(id_, balance=made.balance(5)))
    assert (await client.call("GET", f"/customers/{quoted}")).json["data"]["customer"]["id"] == id_
    assert (await client.call("GET", f"/customers/{quoted}/transactions")).json == {"data": []}


async def test_transactions_match_the_balance(start, clock):
    """The sum per reward must equal the migrated balance, in decimals, in any case of the UUID."""
    client = await start()
    await client.migrated(made.customer("c", balance=made.balance(0.1, 0.2)), made.customer("d"))
    for amounts in ([0.3, 0.1], [0.2], []):
        lines = [made.transaction(amount) for amount in amounts] or [made.transaction(0.3, reward_id=made.OTHER_REWARD)]
        reply = await client.transactions({"id": "c", "transactions": lines})
        assert (reply.status, reply.details.split(":")[0]) == (422, "customers[0].transactions")
    assert (await client.transactions(made.transactions("d", 1))).status == 422
    lines = [made.transaction(0.5), made.transaction(-0.2, reward_id=made.REWARD.upper())]
    assert (await client.transactions({"id": "c", "transactions": lines}, made.transactions("d", 1, -1))).status == 201
    clock.advance(2)
    assert client.ledger().transactions == {"c": 2, "d": 2}


async def test_a_second_migration_of_transactions_is_refused(start, clock):
    """Queued or applied, they are accepted once until a revert."""
    client = await start()
    await client.migrated(made.customer("c", balance=made.balance(5)))
    assert (await client.transactions(made.transactions("c", 5))).status == 201
    assert (await client.transactions(made.transactions("c", 5))).status == 422
    clock.advance(2)
    assert (await client.transactions(made.transactions("c", 5))).status == 422
    assert (await client.revert()).status == 200
    await client.migrated(made.customer("c", balance=made.balance(5)))
    assert (await client.transactions(made.transactions("c", 5))).status == 201


async def test_transactions_of_unknown_customers_are_refused(start):
    """Transactions need their customer."""
    client = await start()
    reply = await client.transactions(made.transactions("c", 5))
    assert (reply.status, reply.details.split(":")[0]) == (422, "customers[0].id")


async def test_transactions_are_listed(start, clock):
    """By year and filters, newest first; without a year the last three months."""
    client = await start()
    await client.migrated(made.customer("c", balance=[*made.balance(6), {"amount": 7, "reward_id": made.OTHER_REWARD}]))
    lines = [
        made.transaction(1, issued_at="2024-12-31T23:59:59Z"),
        made.transaction(2, issued_at="2025-05-01T00:00:00Z", brand_id="b", details="why", cost=0.5),
        made.transaction(3, issued_at="2025-01-01T00:00:00+00:30"),
        made.transaction(9, issued_at="2025-02-01T00:00:00Z", reward_id=made.OTHER_REWARD),
        made.transaction(-2, issued_at="2025-06-01T00:00:00Z", reward_id=made.OTHER_REWARD),
    ]
    assert (await client.transactions({"id": "c", "transactions": lines})).status == 201

    async def listed(query: str) -> list[float]:
        reply = await client.call("GET", f"/customers/c/transactions{query}")
        return [line["amount"] for line in reply.json["data"]]

    assert await listed("?year=2025") == []
    clock.advance(2)
    assert await listed("") == [-2, 2]
    assert await listed("?year=2025") == [-2, 2, 9]
    assert await listed("?year=2024") == [1, 3]
    assert await listed("?year=2025&brand_id=b") == [2]
    assert await listed(f"?year=2025&reward_id={made.OTHER_REWARD.upper()}") == [-2, 9]
    assert await listed("?year=2025&type=REDEMPTION") == [-2]
    assert await listed("?year=9999") == []
    line = (await client.call("GET", "/customers/c/transactions?brand_id=b")).json["data"][0]
    assert len(line.pop("id")) == 36
    assert line == {
        "reward_id": made.REWARD,
        "brand_id": "b",
        "amount": 2,
        "type": "ACCUMULATION",
        "details": "why",
        "issued_at": "2025-05-01T00:00:00Z",
        "created_at": "2025-06-15T15:06:44.000Z",
        "cost": 0.5,
    }


@pytest.mark.parametrize("year", ["", "0", "10000", "x", "-1", "٣"])
async def test_an_invalid_year_is_refused(start, year):
    """Any other text is refused before the customer is looked up."""
    client = await start()
    assert (await client.call("GET", f"/customers/c/transactions?year={year}")).status in (400, 422)


async def test_unknown_customers_are_not_found(start):
    """Reading an unknown customer is a 404 in the API's form."""
    client = await start()
    for path in ("/customers/x", "/customers/x/transactions", "/customers/x/transactions?year=2025"):
        reply = await client.call("GET", path)
        assert (reply.status, reply.json) == (404, {"error": "Not Found", "details": "no such customer"})


async def test_a_revert_removes_the_customers_of_a_period(start, clock):
    """Customers applied in the period are removed with all their data; the ledger keeps both counts."""
    client = await start(token_lifetime=100_000)
    await client.migrated(made.customer("before"))
    clock.advance(3600)
    await client.migrated(made.customer("in", balance=made.balance(5)))
    await client.events(made.events("in", "p"), made.events("before", "p"))
    await client.transactions(made.transactions("in", 5))
    clock.advance(2)
    await client.events(made.events("in", "queued"))
    await client.customers(made.customer("queued"))
    reply = await client.revert("2025-06-15T16:00:00Z", "2025-06-15T18:00:00+01:00")
    assert (reply.status, reply.json) == (200, {"customers": 1})
    clock.advance(100)
    ledger = client.ledger()
    assert ledger.customers == {"before": 1, "in": 1, "queued": 1}
    assert ledger.events == {"before": {"p": 1}, "in": {"p": 1}}
    assert ledger.transactions == {"in": 1}
    assert (ledger.reverted.customers, ledger.reverted.events) == ({"in": 1}, {"in": {"p": 1}})
    assert ledger.reverted.transactions == {"in": 1}
    assert (await client.call("GET", "/customers/in")).status == 404
    assert (await client.call("GET", "/customers/before")).status == 200


async def test_a_reverted_customer_may_be_migrated_again(start):
    """A reverted customer may be migrated again with other content, and the email with another id."""
    client = await start()
    await client.migrated(made.customer("c"))
    await client.revert()
    await client.migrated(made.customer("d", email="c@example.test"))
    await client.migrated(made.customer("c", email="new", name="New"))
    assert client.ledger().customers == {"c": 2, "d": 1}
    assert client.ledger().reverted.customers == {"c": 1}


async def test_a_native_transaction_prevents_the_revert(start):
    """A customer who has made a transaction since the migration is kept."""
    client = await start()
    await client.migrated(made.customer("stays", balance=made.balance(1)), made.customer("goes"))
    url = client.sandbox.origin + "/__sandbox/customers/{}/transactions"
    reply = await client.fetch("POST", url.format("stays"), json=made.transaction(4))
    assert reply.status == 201
    assert (await client.fetch("POST", url.format("nobody"), json=made.transaction(4))).status == 404
    assert (await client.fetch("POST", url.format("stays"), json=made.transaction(0))).status == 422
    assert (await client.revert()).json == {"customers": 1}
    wallet = (await client.call("GET", "/customers/stays")).json["data"]["wallet"]
    assert wallet["totals"] == [{"total": 5, "reward_id": made.REWARD}]
    assert [line["amount"] for line in (await client.call("GET", "/customers/stays/transactions")).json["data"]] == [4]
    assert client.ledger().transactions == {}
    assert (await client.transactions(made.transactions("stays", 1))).status == 201


async def test_more_customers_than_one_step_are_reverted(start):
    """The revert goes on until no customer of the period is left."""
    client = await start()
    await client.migrated(*(made.customer(f"c{n}") for n in range(450)))
    assert (await client.revert()).json == {"customers": 450}
    assert (await client.revert()).json == {"customers": 0}


@pytest.mark.parametrize(
    ("start_date", "end_date"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2025-01-01T00:00:00Z", "2025-01-01T01:00:00+01:00"),
        ("2025-01-01", "2025-02-01T00:00:00Z"),
        ("2025-01-01T00:00:00", "2025-02-01T00:00:00Z"),
    ],
)
async def test_a_period_begins_before_it_ends(start, start_date, end_date):
    """Both dates are RFC 3339 with a zone, and the first one is earlier."""
    client = await start()
    await client.migrated(made.customer("c"))
    assert (await client.revert(start_date, end_date)).status == 422
    assert client.ledger().reverted.customers == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
async def test_a_revert_without_a_period_is_refused(start, body):
    """A revert without a period never means everything."""
    client = await start()
    assert (await client.call("DELETE", "/customers/migrate", body)).status == 422
