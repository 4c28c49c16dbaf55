"""Customers that come twice over a restart, or whose answer was lost: the shortest history of each case."""

import json
import subprocess
import time

from end_to_end_tools import COMMAND, clean_environment, lines, serving


def customer(number, name="Ana", email=None):
    record = {"id": f"c-{number}", "name": name, "email": email or f"{number}@example.com"}
    return json.dumps(record | {"registration_date": "2020-01-01T00:00:00Z"}) + "\n"


def purchase(number):
    order = {
        "purchase_id": f"p-{number}", "value": 1, "discounted_value": 1, "payment_method": "CASH",
        "products": [{"sku": "s", "amount": 1, "value": 1}],
    }  # fmt: skip
    when = {"issued_at": "2024-01-30T17:50:19Z", "resolved_at": None}
    event = {"type": "PURCHASE", "order": order, "fulfilled": True, "brand_id": None, **when}
    return json.dumps({"id": f"c-{number}", "events": [event]}) + "\n"


def dead_letters(directory, kind):
    return [letter["line"] for letter in lines(directory / "state" / f"dead-letter.{kind}.ndjson")]


def test_a_duplicate_after_a_restart_does_not_hold_back_its_customer(served, tmp_path):
    """If a later process reads it again, the API refuses the customer. The first record's events are still sent."""
    (tmp_path / "customers.ndjson").write_text(customer(1) + customer(2))
    assert served.migrate(tmp_path).returncode == 0
    served.ledger()  # waits until the customers show: one who does not show yet counts as missing
    (tmp_path / "customers.ndjson").write_text(customer(1) + customer(2) + customer(1, name="Other"))
    (tmp_path / "events.ndjson").write_text(purchase(1) + purchase(2))
    served.migrate(tmp_path)
    assert dead_letters(tmp_path, "customers") == [3]
    assert served.ledger()["events"] == {"c-1": {"p-1": 1}, "c-2": {"p-2": 1}}


def test_a_customer_who_arrived_before_a_kill_is_not_a_dead_letter(tmp_path):
    """Applied, killed before the answer, sent again and refused as existing: the customer is read back."""
    (tmp_path / "customers.ndjson").write_text(customer(1))
    faults = ["--fault", "hang=30,applied=yes,on=customers,at=1", "--fault", "status=422,on=customers,at=2"]
    with serving(tmp_path, "--limits", "none", *faults) as served:
        process = subprocess.Popen(
            [COMMAND, "migrate", "--customers", tmp_path / "customers.ndjson", "--base-url", served.url,
             "--limit", "none", "--state-dir", tmp_path / "state"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(MASIVO_API_KEY=served.key),
        )  # fmt: skip
        while not served.get("/__sandbox/ledger")["customers"]:
            time.sleep(0.02)
        process.kill()
        process.wait()
        done = served.migrate(tmp_path)
        assert served.ledger()["customers"] == {"c-1": 1}
    assert (done.returncode, dead_letters(tmp_path, "customers")) == (0, [])


def test_a_customer_who_arrived_during_an_isolation_is_not_a_dead_letter(tmp_path):
    """While a bad record is isolated, the answer to a good half is lost. Refused as existing, it is read back, too."""
    (tmp_path / "customers.ndjson").write_text(customer(9))
    faults = ["--fault", "hang=30,applied=yes,on=customers,at=3", "--fault", "status=422,on=customers,at=4"]
    with serving(tmp_path, "--limits", "none", *faults) as served:
        assert served.migrate(tmp_path, state="other").returncode == 0
        (tmp_path / "customers.ndjson").write_text(customer(2) + customer(1, email="9@example.com"))
        served.migrate(tmp_path, "--request-timeout", "1", MASIVO_FIRST_DELAY="0.1")
        assert served.ledger()["customers"].keys() == {"c-2", "c-9"}
    assert dead_letters(tmp_path, "customers") == [2]
