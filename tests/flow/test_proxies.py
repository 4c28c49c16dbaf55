"""Proxies named by environment variables are not used, and an error says so if nothing answers."""

import pytest

from masivo_stream.edges.config import load_settings
from masivo_stream.flow.client import Proxies, unused_proxy
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.errors import OutageError
from masivo_stream.model.notices import ProxyUnused

URL = "https://api.example.test/v1"


class Notices:
    def __init__(self):
        self.notices = []

    def notify(self, notice):
        self.notices.append(notice)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, ("HTTPS_PROXY", "http://p:1")),
        ({"https_proxy": "http://p:1"}, ("https_proxy", "http://p:1")),
        ({"https_proxy": "p:1"}, ("https_proxy", "http://p:1")),
        ({"ALL_PROXY": "socks5://u:p@p:1"}, ("ALL_PROXY", "socks5://***@p:1")),
        ({"all_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, ("HTTPS_PROXY", "http://q:1")),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example.test"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "x, .example.test"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.example.test"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample.test"}, ("HTTPS_PROXY", "http://p:1")),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ","}, ("HTTPS_PROXY", "http://p:1")),
    ],
)
def test_the_proxy_of_the_environment_is_found(environment, found):
    """By the scheme of the URL, without its secrets, unless the host is exempt."""
    assert unused_proxy(URL, environment) == found


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        ([Failure(cause=Cause.REFUSED, sent=False)], True),
        ([Failure(cause=Cause.RESOLVE, sent=False)], True),
        ([Failure(cause=Cause.CERTIFICATE, sent=False)], True),
        ([Failure(cause=Cause.TIMEOUT, sent=True)], False),
        ([Failure(cause=Cause.RESET, sent=True)], False),
        ([Failure(cause=Cause.REFUSED, sent=False), Answer(status=500)], False),
        ([Answer(status=201), Failure(cause=Cause.UNROUTABLE, sent=False)], True),
    ],
)
def test_an_unreachable_api_is_explained_by_the_unused_proxy(attempts, told):
    """An answer needs no proxy. The notice comes once, with the first attempt that did not reach the API."""
    observer, error = Notices(), OutageError("no answer", operation="send", hint="start again")
    settings = load_settings(flags={"base_url": URL})
    proxies = Proxies(settings.api, observer, {"HTTPS_PROXY": "http://p:1"})
    for attempt in [*attempts, *attempts]:
        proxies.note(attempt)
    proxies.explain(error)
    assert error.hint.startswith("start again")
    assert ("--proxy" in error.hint) == told
    assert len(observer.notices) <= 1
    assert all(isinstance(notice, ProxyUnused) for notice in observer.notices)


def test_a_configured_proxy_gives_no_notice():
    """It is named already."""
    observer, error = Notices(), OutageError("no answer", operation="send", hint="start again")
    settings = load_settings(flags={"base_url": URL, "proxy": "http://q:1"})
    proxies = Proxies(settings.api, observer, {"HTTPS_PROXY": "http://p:1"})
    proxies.note(Failure(cause=Cause.REFUSED, sent=False))
    proxies.explain(error)
    proxies.explain(None)
    assert (error.hint, observer.notices) == ("start again", [])
