"""The bytes on the wire, captured by a server that only listens, compared with the vendor's published schema."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
import pytest
from end_to_end_tools import run

NUMBER, TEXT, OBJECT = {"type": "number"}, {"type": "string"}, {"type": "object"}
NULLABLE = {"type": ["string", "null"]}
DATE = {"type": "string", "format": "date-time"}
REDEEM = {
    "type": "array",
    "items": {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}, "amount": NUMBER}},
}
COST = {"value": NUMBER, "discounted_value": NUMBER, "redeem": REDEEM, "tags": OBJECT, "metadata": OBJECT}
PRODUCT = {
    "type": "object",
    "required": ["sku", "amount", "value"],
    "properties": {"sku": TEXT, "amount": NUMBER, **COST},
}
ORDER = {
    "type": "object",
    "required": ["purchase_id", "value", "discounted_value", "products", "payment_method"],
    "properties": {
        "purchase_id": TEXT,
        "channel_id": TEXT,
        "store_id": TEXT,
        "value": NUMBER,
        "discounted_value": NUMBER,
        "products": {"type": "array", "minItems": 1, "items": PRODUCT},
        "shipping": {"type": "object", "properties": COST},
        "payment_method": {"enum": ["CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"]},
        "redeem": REDEEM,
        "metadata": OBJECT,
    },
}
EVENT = {
    "type": "object",
    "required": ["type", "order", "fulfilled", "issued_at", "resolved_at", "brand_id"],
    "properties": {
        "type": TEXT,
        "channel_id": NULLABLE,
        "store_id": NULLABLE,
        "brand_id": NULLABLE,
        "order": ORDER,
        "fulfilled": {"type": "boolean"},
        "issued_at": DATE,
        "resolved_at": {"anyOf": [DATE, {"type": "null"}]},
    },
}
EVENTS_REQUEST = {
    "type": "object",
    "required": ["customers"],
    "properties": {
        "customers": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["id", "events"],
                "properties": {"id": TEXT, "events": {"type": "array", "minItems": 1, "items": EVENT}},
            },
        }
    },
}
"""The request of customers/migrate/events/post, copied from the vendor's OpenAPI document."""


class Listener(BaseHTTPRequestHandler):
    """Accepts everything with 201, and remembers it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_events_on_the_wire_fit_the_published_schema(listener, export, tmp_path):
    """Each body of events is valid by the vendor's schema and holds at most 1000 events; all of them arrive."""
    directory = export(1500, "--skipped", "0.02", kinds=("events",))
    done = run(
        "migrate", "--events", directory / "events.ndjson", "--limit", "none", "--state-dir", tmp_path / "state",
        "--base-url", f"http://127.0.0.1:{listener.server_port}/api", "--json", MASIVO_TOKEN="ready",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    validator = jsonschema.Draft202012Validator(
        EVENTS_REQUEST, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    sent = 0
    for path, headers, body in listener.seen:
        assert (path, headers["Authorization"]) == ("/api/customers/migrate/events", "Bearer ready")
        assert headers["Content-Type"] == "application/json"
        request = json.loads(body)
        validator.validate(request)
        events = sum(len(customer["events"]) for customer in request["customers"])
        assert events <= 1000
        sent += events
    assert sent == json.loads(done.stdout)["kinds"]["events"]["items_accepted"] > 3000
