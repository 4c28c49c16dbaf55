"""Small exports of three kinds that are wrong as a whole in every way that chance finds.

Each line by itself is mostly right. Ids, emails, purchases and rewards come from small pools, so customers and events
come twice, balances and transactions disagree, customers are missing, and one customer's transactions are on two lines.
"""

import json

REWARDS = ("3c90c3cc-0d44-4b50-8888-8dd25736052a", "9b2c1f3a-1111-4222-8333-444455556666")
DATE = "2024-05-07T05:31:56Z"


class RandomExport:
    """The lines of one export, by kind; the same `chance` makes the same lines."""

    def __init__(self, chance):
        self._chance = chance
        self._ids = [f"c-{number}" for number in range(chance.randint(2, 12))]
        self.balances = {}
        customers = [self._customer(name) for name in self._ids if chance.random() < 0.9]
        customers += [self._customer(chance.choice(self._ids)) for _ in range(chance.choice((0, 0, 1, 2)))]
        self.lines = {
            "customers": customers,
            "events": [self._events() for _ in range(chance.randint(1, 10))],
            "transactions": [line for name in (*self._ids, "c-unknown") for line in self._transactions(name)],
        }

    def write(self, folder):
        """Write a file for each kind; return their paths by kind."""
        paths = {}
        for kind, records in self.lines.items():
            paths[kind] = folder / f"{kind}.ndjson"
            paths[kind].write_bytes(b"".join(self._spoil(json.dumps(record)) + b"\n" for record in records))
        return paths

    def _spoil(self, line):
        """Return the bytes of a line, sometimes in a way that no program reads, or not every program alike."""
        name = json.loads(line)["id"]
        other = self._chance.choice(self._ids)
        ways = (
            line.replace("{", '{"remark": "caf\xe9", ', 1).encode("latin-1"),
            line.replace(f'"{name}"', f'"{name}\xe9"', 1).encode("latin-1"),
            line.replace("{", f'{{"id": "{name}", ', 1).encode(),
            line.replace("{", f'{{"\\u0069d": "{other}", ', 1).encode(),
            line.replace("{", '{"id": 7, ', 1).encode(),
            line[:-1].encode(),
            line.replace(f'"{name}"', "7", 1).encode(),
        )
        return self._chance.choice(ways) if self._chance.random() < 0.04 else line.encode()

    def _customer(self, name):
        chance = self._chance
        record = {
            "id": name,
            "name": "Ana",
            "email": f"{name}@example.test",
            "registration_date": "2020-01-01T00:00:00Z",
        }
        if chance.random() < 0.1:
            record["email"] = f"{chance.choice(self._ids)}@{chance.choice(('example', 'Example'))}.test"
        if chance.random() < 0.07:
            del record["name"]
        if chance.random() < 0.07:
            record["deleted"] = True
        if chance.random() < 0.8:
            record["balance"] = [
                {"reward_id": self._reward(), "amount": chance.choice((0, 1, 2.5, 10, 0.1))}
                for _ in range(chance.randint(0, 3))
            ]
            self.balances.setdefault(name, record["balance"])
        return record

    def _reward(self):
        reward = self._chance.choice(REWARDS)
        return reward.upper() if self._chance.random() < 0.1 else reward

    def _events(self):
        chance = self._chance
        name = "c-unknown" if chance.random() < 0.1 else chance.choice(self._ids)
        return {"id": name, "events": [self._event() for _ in range(chance.randint(1, 3))]}

    def _event(self):
        value = self._chance.choice((10, 20))
        order = {
            "purchase_id": f"p-{self._chance.randint(1, 30)}",
            "value": value,
            "discounted_value": value,
            "payment_method": "CASH",
            "products": [{"sku": "s", "amount": 1, "value": value}],
        }
        return {
            "type": "PURCHASE",
            "order": order,
            "fulfilled": True,
            "issued_at": DATE,
            "resolved_at": None,
            "brand_id": None,
        }

    def _transactions(self, name):
        """Return no line, one line, or two lines of one customer's transactions; most of them match the balance."""
        chance = self._chance
        wanted = [(each["reward_id"], each["amount"]) for each in self.balances.get(name, ())]
        if chance.random() < 0.15:
            wanted.append((self._reward(), chance.choice((1, 5))))
        amounts = [amount for each in wanted for amount in self._divide(each)]
        chance.shuffle(amounts)
        if not amounts or chance.random() < 0.1:
            return []
        cut = chance.randint(1, len(amounts) - 1) if len(amounts) > 1 and chance.random() < 0.15 else len(amounts)
        return [
            {"id": name, "transactions": [self._transaction(*each) for each in part]}
            for part in (amounts[:cut], amounts[cut:])
            if part
        ]

    def _divide(self, wanted):
        """Return amounts of a reward that add up to what is wanted."""
        reward, amount = wanted
        if self._chance.random() < 0.4:
            return [(reward, amount + 3), (reward, -3)]
        return [(reward, amount)] if amount else []

    def _transaction(self, reward, amount):
        kind = "ACCUMULATION" if amount > 0 else "REDEMPTION"
        if self._chance.random() < 0.03:
            kind = "NONE"  # a dead letter by itself
        return {"type": kind, "amount": amount, "reward_id": reward, "issued_at": DATE}
