"""What is implausible in a record, as a person would write it down: from the decoded JSON, one rule after the other."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING = {"null", "(null)", "none", "nil", "undefined", "nan", "n/a", "#n/a", "-", "--", ".", "?"}


def date(text):
    return datetime.fromisoformat(text)


def doubts(kind, record, now):
    """Yield what is implausible, and the path of its field."""
    if record["id"] != record["id"].strip():
        yield "padded_id", "id"
    yield from {"customers": customer, "events": events, "transactions": transactions}[kind](record, now)


def any_date(text, path, now):
    if text is not None:
        if date(text) - EPOCH < DAY:
            yield "before_1970", path
        if date(text) - now > DAY:
            yield "future_date", path


def order_of(earlier, later, path):
    if earlier is not None and later is not None and date(earlier) - date(later) > DAY:
        yield "dates_swapped", path


def customer(record, now):
    words = record["name"].lower().split()
    if not words or (set(words) <= NOTHING and len(words) <= 2 and len(set(words)) == 1):
        yield "empty_name", "name"
    elif looks_garbled(record["name"]):
        yield "garbled_name", "name"
    local, at, domain = record["email"].partition("@")
    if not (local and at and domain) or "@" in domain or any(map(str.isspace, record["email"])):
        yield "email_form", "email"
    yield from any_date(record["registration_date"], "registration_date", now)
    born = record.get("dob")
    if born is not None and (int(born[:4]) < 1901 or date(born) - now > DAY):
        yield "birth_date", "dob"
    balance = record.get("balance", [])
    keys = []
    for each in balance:
        if each["amount"] < 0:
            yield "negative_balance", "balance[].amount"
        yield from any_date(each.get("issued_at"), "balance[].issued_at", now)
        yield from order_of(each.get("issued_at"), each.get("expiration_date"), "balance[].expiration_date")
        same = {name: value for name, value in each.items() if name != "amount" and value is not None}
        for name in {"issued_at", "expiration_date"} & same.keys():
            same[name] = date(same[name])
        keys.append({**same, "reward_id": each["reward_id"].lower()})
    if any(keys.count(key) > 1 for key in keys):
        yield "repeated_reward", "balance[].reward_id"


def looks_garbled(name):
    """Return whether two characters of a name are the two bytes of one, or a character was replaced."""
    for one, two in pairwise(name):
        for encoding in ("latin-1", "cp1252"):
            try:
                read = (one + two).encode(encoding).decode()
            except UnicodeError:
                continue
            if len(read) == 1 and ord(read) >= 0x80 and one in "ÂÃ":
                return True
    inner = zip(name, name[1:], name[2:], strict=False)
    return "\ufffd" in name or any(
        middle == "?" and left.isalnum() and right.isalnum() for left, middle, right in inner
    )


def transactions(record, now):
    for each in record["transactions"]:
        yield from any_date(each["issued_at"], "transactions[].issued_at", now)
        yield from any_date(each.get("resolved_at"), "transactions[].resolved_at", now)
        yield from order_of(each["issued_at"], each.get("resolved_at"), "transactions[].resolved_at")


def events(record, now):
    for event in record["events"]:
        order = event["order"]
        yield from any_date(event["issued_at"], "events[].issued_at", now)
        yield from any_date(event.get("resolved_at"), "events[].resolved_at", now)
        yield from order_of(event["issued_at"], event.get("resolved_at"), "events[].resolved_at")
        yield from prices(order)
        if event["type"] == "PURCHASE":
            if not adds_up(order):
                yield "order_sum", "events[].order.value"
        elif event["type"].strip().rstrip("sS").upper() in ("PURCHASE", "PURCHACE"):
            yield "event_type", "events[].type"


def prices(order):
    for name in ("value", "discounted_value"):
        if order.get(name, 0) < 0:
            yield "negative_order", f"events[].order.{name}"
    shipping = [("shipping", order["shipping"])] if "shipping" in order else []
    products = [("products[]", product) for product in order["products"]]
    for where, priced in (("", order), *shipping, *products):
        if "value" in priced and 0 <= priced["value"] < priced.get("discounted_value", 0):
            yield "discount_above_value", ".".join(filter(None, ["events[].order", where, "discounted_value"]))


def adds_up(order):
    shipping = order.get("shipping", {}).get("value", 0)
    allowed = max(0.01 * abs(order["value"]), 0.01 * len(order["products"]))
    sums = [
        sum(product["value"] * (product["amount"] if times else 1) for product in order["products"])
        for times in (False, True)
    ]
    return any(abs(found + extra - order["value"]) <= allowed for found in sums for extra in (0, shipping))
