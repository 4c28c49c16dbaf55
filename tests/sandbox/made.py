"""Made-up records for the tests: valid unless a test changes them."""

import json
from typing import Any

REWARD = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
OTHER_REWARD = "9b2c1f3a-1111-4222-8333-444455556666"
DATE = "2025-05-07T05:31:56Z"


def customer(id_: str, **changes: Any) -> dict[str, Any]:
    return {"id": id_, "name": "Ana", "email": f"{id_}@example.test", "registration_date": DATE, **changes}


def order(purchase_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "purchase_id": purchase_id,
        "value": 10,
        "discounted_value": 9.5,
        "products": [{"sku": "s", "amount": 1, "value": 10}],
        "payment_method": "CASH",
        **changes,
    }


def event(purchase_id: str, *, changed_order: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "type": "PURCHASE",
        "order": order(purchase_id, **(changed_order or {})),
        "fulfilled": True,
        "issued_at": DATE,
        "resolved_at": None,
        "brand_id": None,
        **changes,
    }


def events(id_: str, *purchase_ids: str) -> dict[str, Any]:
    return {"id": id_, "events": [event(purchase_id) for purchase_id in purchase_ids]}


def transaction(amount: float, **changes: Any) -> dict[str, Any]:
    kind = "ACCUMULATION" if amount > 0 else "REDEMPTION"
    return {"type": kind, "amount": amount, "reward_id": REWARD, "issued_at": DATE, **changes}


def transactions(id_: str, *amounts: float) -> dict[str, Any]:
    return {"id": id_, "transactions": [transaction(amount) for amount in amounts]}


def balance(*amounts: float) -> list[dict[str, Any]]:
    return [{"amount": amount, "reward_id": REWARD} for amount in amounts]


def body(*entries: Any) -> bytes:
    return json.dumps({"customers": entries}).encode()
