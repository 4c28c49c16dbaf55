"""The checks as a person would write them who has memory for everything: dictionaries of whole records, in one pass."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

from naive_doubts import DAY, date, doubts

from masivo_stream.core.checks.amounts import EXACT, plain
from masivo_stream.model.contract import Kind

FIRST = datetime.min.replace(tzinfo=UTC)


def is_faulty(record):
    """Return whether a transaction is a dead letter by itself: of no type, or of an amount that is 0 to a double."""
    return any(each["type"] == "NONE" or not float(each["amount"]) for each in record.get("transactions", ()))


class NaiveChecks:
    """Give it every line of an export; `found` is what is wrong."""

    def __init__(self, kinds, now):
        self.kinds, self.now = kinds, now
        self.registered, self.dates, self.doubts = {}, [], []
        self.found = []
        self.arrived, self.dead, self.deleted, self.known = {}, {}, set(), {}
        self.emails = defaultdict(list)
        self.balances = {}
        self.lines, self.sums, self.broken = defaultdict(list), defaultdict(Decimal), {}
        self.purchases = defaultdict(list)
        self.bodies, self.firsts = defaultdict(list), {}

    def take(self, kind, body, place):
        record = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        faulty = is_faulty(record)
        if not faulty and not record.get("deleted") and (kind is not Kind.CUSTOMERS or "name" in record):
            found = dict.fromkeys(doubts(kind.value, json.loads(body), self.now))
            self.doubts += [(check, place, (), None, None, field) for check, field in found]
            if kind is not Kind.CUSTOMERS:
                self.dates.append((kind.value, record, place))
        record[""] = body
        {Kind.CUSTOMERS: self.customer, Kind.EVENTS: self.events, Kind.TRANSACTIONS: self.transactions}[kind](
            record, place
        )

    def add_found(self, word, place, others=(), sums=None, held=None):
        """`held`: the event that came before, or whether the first of two lines is held back, too."""
        self.found.append((word, place, others, sums, held))

    def customer(self, record, place):
        name = record["id"]
        if record.get("deleted"):
            if name not in self.known:
                self.deleted.add(name)
        elif "name" not in record:
            if name not in self.known:
                self.dead.setdefault(name, place)
        elif name in self.known:
            self.add_found("duplicate_id", place, (self.known[name],))
        else:
            self.known[name] = place
            group = self.emails[record["email"].lower()]
            same = [other for email, other in group if email == record["email"]]
            if same:
                self.add_found("duplicate_email", place, (same[0],))
                self.dead.setdefault(name, place)
            else:
                if group:
                    self.add_found("email_case", place, (group[0][1],))
                self.arrived[name] = place
                self.registered[name] = date(record["registration_date"])
                self.balances[name] = record.get("balance")
            group.append((record["email"], place))

    @staticmethod
    def add(sums, key, amount):
        sums[key] = EXACT.add(sums[key], amount)

    def absent(self, name, place):
        if Kind.CUSTOMERS in self.kinds and name not in self.arrived:
            why = "customer_deleted" if name in self.deleted else "unknown_customer"
            self.add_found("customer_not_migrated" if name in self.dead else why, place)

    def events(self, record, place):
        self.absent(record["id"], place)
        for item, event in enumerate(record["events"]):
            purchase = (record["id"], event["order"]["purchase_id"])
            content = event["order"]["value"], date(event["issued_at"]).replace(microsecond=0)
            before = self.purchases[purchase]
            same = [other for value, other in before if value == content]
            if before:
                word = "duplicate_event" if same else "duplicate_purchase"
                self.add_found(word, place, (same[0] if same else before[0][1],), held=item)
            before.append((content, place))

    def transactions(self, record, place):
        name = record["id"]
        if is_faulty(record):
            self.broken.setdefault(name, place)
            return
        self.absent(name, place)
        if self.lines[name]:
            whole = record[""] == self.bodies[name][0] or self.adds_up(name)
            self.add_found("split_transactions", place, (self.lines[name][0],), held=not whole)
        else:
            self.firsts[name] = record["transactions"]
        self.lines[name].append(place)
        if record[""] in self.bodies[name]:
            return  # the same line again: it counts once
        self.bodies[name].append(record[""])
        for each in record["transactions"]:
            self.add(self.sums, (name, each["reward_id"].lower()), each["amount"])

    def adds_up(self, name):
        """Return whether the first line alone is the balance."""
        sums = defaultdict(Decimal)
        for each in self.balances.get(name) or ():
            self.add(sums, each["reward_id"].lower(), each["amount"])
        for each in self.firsts[name]:
            self.add(sums, each["reward_id"].lower(), -each["amount"])
        return self.balances.get(name) is not None and not any(sums.values())

    def look_beside_broken(self):
        for name, broken in self.broken.items():
            if self.lines[name] and not self.adds_up(name):
                first, later = sorted((broken, self.lines[name][0]))
                self.add_found("split_transactions", later, (first,), held=True)

    def finish(self):
        self.look_beside_broken()
        for name, place in self.arrived.items():
            if Kind.TRANSACTIONS not in self.kinds or name in self.broken:
                continue
            balance = defaultdict(Decimal)
            for each in self.balances[name] or ():
                self.add(balance, each["reward_id"].lower(), each["amount"])
            lines = self.lines[name]
            if len(self.bodies[name]) > 1 and self.adds_up(name):
                continue
            moved = {reward: total for (who, reward), total in self.sums.items() if who == name}
            for reward in sorted({*balance, *moved}):
                here, there = balance.get(reward, Decimal(0)), moved.get(reward, Decimal(0))
                if here == there:
                    continue
                sums = (reward, plain(here), plain(there))
                if not lines:
                    self.add_found("no_transactions", place, (), sums)
                else:
                    word = "no_balance" if self.balances[name] is None else "balance_mismatch"
                    self.add_found(word, lines[0], (place, *lines[1:]), sums)
        for kind, record, place in self.dates:
            name = record["id"]
            early = [each for each in record[kind] if self.registered.get(name, FIRST) - date(each["issued_at"]) > DAY]
            if early:
                others = (self.arrived[name],)
                self.doubts.append(("before_registration", place, others, None, None, f"{kind}[].issued_at"))
        return sorted([*((*each, "") for each in self.found), *self.doubts], key=repr)
