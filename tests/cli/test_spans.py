"""OpenTelemetry spans of a migration, in a collector on this machine: one for each request, and nothing of a record."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from masivo_stream.model.span import tracing_wanted


class Collector(BaseHTTPRequestHandler):
    """Takes spans, and answers with the server's status."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        """Write nothing."""


@pytest.fixture
def collector(monkeypatch):
    """A collector on this machine."""
    server = HTTPServer(("127.0.0.1", 0), Collector)
    server.requests, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def attributes_of(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_each_request_has_a_span(online, customers, collector):
    """With what it held, its outcome, and how long it waited for the limit."""
    ended = online("migrate", "--customers", customers, "--limit", "1/0.1s", "--no-verify", "--log-format", "json")
    assert ended.code == 0
    found = [scope for request in collector.requests for each in request.resource_spans for scope in each.scope_spans]
    (span,) = [span for scope in found for span in scope.spans]
    resource = attributes_of(collector.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "masivo-stream"
    attributes = attributes_of(span)
    assert attributes.pop("server.address").startswith("http://127.0.0.1:")
    attributes.pop("masivo.account", "")  # not known yet in the first process of a run
    assert attributes.pop("http.request.body.size") > 100
    assert (span.name, attributes) == (
        "send customers",
        {
            "masivo.kind": "customers",
            "masivo.batch.number": 1,
            "masivo.batch.records": attributes["masivo.batch.records"],
            "masivo.batch.items": attributes["masivo.batch.items"],
            "masivo.batch.attempt": 1,
            "masivo.outcome": "accepted",
            "http.request.method": "POST",
            "http.response.status_code": 201,
        },
    )
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 60e9
    (event,) = span.events
    assert (event.name, [each.key for each in event.attributes]) == ("limit awaited", ["masivo.limit.seconds"])
    batch = next(line["batch"] for line in map(json.loads, ended.err.splitlines()) if line["event"] == "batch_sent")
    assert batch not in str(collector.requests)
    assert not [line for line in map(json.loads, ended.err.splitlines()) if line["event"] == "tracing_failed"]


def test_spans_of_a_fleet_name_their_account(online, customers, collector, sandbox, tmp_path, monkeypatch):
    """All go to one collector; batches are counted by account."""
    monkeypatch.setenv("MASIVO_API_KEY_ONE", sandbox.api_key)
    (tmp_path / "fleet.toml").write_text(f'[[accounts]]\nname = "one"\ncustomers = ["{customers}"]\n')
    assert online("fleet", "migrate", "fleet.toml", "--no-verify").code == 0
    found = [scope for request in collector.requests for each in request.resource_spans for scope in each.scope_spans]
    (span,) = [attributes_of(span) for scope in found for span in scope.spans]
    assert (span["masivo.account_name"], span["masivo.batch.number"]) == ("one", 1)


def test_a_collector_that_refuses_changes_nothing(online, customers, collector):
    """One line says how many spans are lost; the exit code is the run's."""
    collector.status = 400
    ended = online("migrate", "--customers", customers, "--limit", "none", "--no-verify", "--log-format", "json")
    assert ended.code == 0
    (line,) = [line for line in map(json.loads, ended.err.splitlines()) if line["event"] == "tracing_failed"]
    assert line["spans"] == 1


def test_a_wrong_variable_changes_nothing(online, customers, collector, monkeypatch):
    """Whatever the SDK makes of it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-3")
    ended = online("migrate", "--customers", customers, "--limit", "none", "--no-verify")
    assert ended.code == 0
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
    ],
)
def test_only_a_collector_turns_it_on(environment, wanted):
    """As the standard says."""
    assert tracing_wanted(environment) is wanted


def test_nothing_of_it_is_imported_without_a_collector():
    """Not even by what watches a migration."""
    code = (
        "import sys, masivo_stream.cli.watched, masivo_stream.observe.batch_spans\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
