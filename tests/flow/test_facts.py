"""What a report shows of how a run was started: everything except secrets."""

from datetime import UTC, datetime

import msgspec
import pytest

from masivo_stream.core.redact import mask_url
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.reporting.run_report import gather_facts
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Invocation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://maria:secret@host/path", "https://***@host/path"),
        ("https://secret@host", "https://***@host"),
        ("http://a:b@c:d@host:1/x@y", "http://***@host:1/x@y"),
        ("https://host/path?key=secret", "https://host/path?***"),
        ("--proxy=http://u:secret@h", "--proxy=http://***@h"),
        ("https://host/path", "https://host/path"),
        ("maria@host", "maria@host"),
        ("events-??.ndjson", "events-??.ndjson"),
        ("s3://exports/day=?/a b?.ndjson", "s3://exports/day=?/a b?.ndjson"),
        ("--customers=gs://exports/?/a", "--customers=gs://exports/?/a"),
        ("az://exports/a?=https://maria:secret@host/b?key=secret", "az://exports/a?=https://***@host/b?***"),
        ("https://host/s3?key=secret", "https://host/s3?***"),
        ("https://host/a?to=s3://secret", "https://host/a?***"),
    ],
)
def test_a_url_is_shown_without_its_secrets(text, shown):
    """Neither user and password nor a query is shown. What is not a URL stays as it is."""
    assert mask_url(text) == shown


def test_no_secret_is_shown():
    """Neither settings nor command contain a proxy's password or a header's value."""
    settings = msgspec.structs.replace(
        Settings(),
        api=msgspec.structs.replace(
            Settings().api, proxy="http://u:hush@proxy", headers={"x-team": "hush"}, base_url="https://hush@host/x"
        ),
    )
    facts = gather_facts(
        settings, Invocation(again=("m", "--proxy", "http://u:hush@proxy"), options=("http://hush@h",)), NOW
    )
    assert b"hush" not in msgspec.json.encode(facts)
    assert facts.settings["api.headers"] == "x-team: ***"
    assert set(facts.changed) == {"api.proxy", "api.headers", "api.base_url"}


def test_every_setting_is_shown_as_a_person_writes_it():
    """Settings that differ from the defaults are named."""
    facts = gather_facts(
        load_settings(flags={"limit": "1/5s,250/h", "uploaders": 7, "drain_time": 2.5}), Invocation(), NOW
    )
    assert set(facts.changed) == {"limits.limit", "upload.uploaders", "upload.drain_time"}
    assert [facts.settings[name] for name in facts.changed] == ["1/5s, 250/h", "7", "2.5"]
    assert {"masivo-stream", "Python", "SQLite", "aiohttp"} <= set(facts.versions)


def test_a_name_that_is_not_utf8_is_shown_escaped():
    """It is shown escaped. A command that contains it cannot be written down, and is left out."""
    state = msgspec.structs.replace(Settings().state, state_dir="state-\udcff")
    settings = msgspec.structs.replace(Settings(), state=state)
    facts = gather_facts(
        settings, Invocation(again=("m", "--state-dir", "state-\udcff"), options=("--uploaders", "2")), NOW
    )
    assert facts.settings["state.state_dir"] == "state-\\udcff"
    assert facts.invocation == Invocation(options=("--uploaders", "2"))
    assert msgspec.json.encode(facts)
