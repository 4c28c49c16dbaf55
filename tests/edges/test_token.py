"""One token for all: got once, renewed before it ends by our own clock, and never in a loop."""

import asyncio
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.classify import classify
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.token import SHORTEST_LIFE, Tokens
from masivo_stream.model import contract
from masivo_stream.model.attempt import Answer, Body, Cause, Failure, Unreachable
from masivo_stream.model.errors import DeniedError

OK = Answer(status=200)
HOUR = contract.TOKEN_LIFETIME_SECONDS
EARLY = contract.TOKEN_REFRESH_EARLY_SECONDS


def jwt(name="t", **claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'kid': name})}.{part(claims)}.c2ln"


def grant(token):
    return OK, json.dumps({"data": token}).encode()


class AuthServer:
    """Answers token calls from a list, the last answer for ever; counts them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = 0
        self.at_once = self._busy = 0

    async def __call__(self):
        self.calls += 1
        self._busy += 1
        self.at_once = max(self.at_once, self._busy)
        await asyncio.sleep(0)
        self._busy -= 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def tokens(auth, clock=None, ready=None):
    return Tokens(ready=ready, call=auth, now=(clock or FakeClock()).now)


async def test_fifty_callers_make_one_call():
    """All get the same token, and so does who comes later."""
    auth = AuthServer(grant("first"), grant("second"))
    source = tokens(auth)
    found = await asyncio.gather(*(source.get() for _ in range(50)))
    assert (set(found), await source.get(), auth.calls, auth.at_once) == ({"first"}, "first", 1, 1)


@pytest.mark.parametrize("bad", [Failure(cause=Cause.REFUSED, sent=False), Answer(status=500), Answer(status=429)])
async def test_fifty_callers_share_a_failure(bad):
    """An auth server that is down is not called once for each of them; a caller that asks afterwards tries again."""
    auth = AuthServer((bad, b""), grant("late"))
    source = tokens(auth)
    found = await asyncio.gather(*(source.get() for _ in range(50)))
    assert (len({type(attempt) for attempt in found} - {str}), auth.calls) == (1, 1)
    assert (await source.get(), auth.calls) == ("late", 2)


async def test_fifty_callers_share_a_denial():
    """A key that is not taken is not shown fifty times."""
    auth = AuthServer((Answer(status=401), b""))
    source = tokens(auth)
    found = await asyncio.gather(*(source.get() for _ in range(50)), return_exceptions=True)
    assert ({type(error) for error in found}, auth.calls) == ({DeniedError}, 1)


async def test_a_cancelled_caller_does_not_cancel_the_others():
    """The call of a cancelled asker is made again by the next one."""
    auth = AuthServer(grant("t"))
    source = tokens(auth)
    first, second = asyncio.create_task(source.get()), asyncio.create_task(source.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "t"


@pytest.mark.parametrize(
    ("claims", "life"),
    [
        pytest.param({"iat": 1000, "exp": 4600}, 3600 - EARLY, id="an hour"),
        pytest.param({"iat": 10**9, "exp": 10**9 + 7200}, 7200 - EARLY, id="two hours, another clock"),
        pytest.param({"iat": 1000, "exp": 1600}, 600 - EARLY, id="twice the early time"),
        pytest.param({"iat": 1000, "exp": 1100}, 50, id="short: half of it"),
        pytest.param({"iat": 1000.5, "exp": 1000.75}, SHORTEST_LIFE, id="no time at all"),
        pytest.param({"exp": 4600}, HOUR - EARLY, id="no iat"),
        pytest.param({"exp": 1}, HOUR - EARLY, id="no iat, past by the wall clock"),
        pytest.param({"iat": 1000}, HOUR - EARLY, id="no exp"),
        pytest.param({}, HOUR - EARLY, id="neither"),
        pytest.param({"iat": "x", "exp": 5}, HOUR - EARLY, id="a text"),
        pytest.param({"iat": 1, "exp": True}, HOUR - EARLY, id="a boolean"),
        pytest.param({"iat": None, "exp": None}, HOUR - EARLY, id="nulls"),
    ],
)
async def test_a_token_is_renewed_early(claims, life):
    """By `exp - iat` on our own clock from the moment it came; an hour if the token does not say."""
    clock, auth = FakeClock(), AuthServer(grant(jwt("first", **claims)), grant(jwt("second", **claims)))
    source = tokens(auth, clock)
    first = await source.get()
    clock.advance(life - 0.01)
    assert (await source.get(), auth.calls) == (first, 1)
    clock.advance(0.01)
    assert (await source.get() != first, auth.calls) == (True, 2)


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b",
        "a.%%%.c",
        "a..c",
        ".",
        "a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c",
        "a." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".c",
        "a." + base64.urlsafe_b64encode(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}").decode() + ".c",
    ],
    ids=["opaque", "two parts", "no base64", "empty part", "dot", "a list", "no UTF-8", "deep"],
)
async def test_a_token_that_is_not_a_jwt_lives_an_hour(token):
    """It need not be one: the documented lifetime counts."""
    clock, auth = FakeClock(), AuthServer(grant(token))
    source = tokens(auth, clock)
    assert await source.get() == token
    clock.advance(HOUR - EARLY - 0.01)
    await source.get()
    assert auth.calls == 1
    clock.advance(0.02)
    await source.get()
    assert auth.calls == 2


@given(st.text(max_size=40))
def test_no_token_breaks_the_client(text):
    """Any text is a token that can be sent, or a clear denial."""

    async def ask():
        try:
            return await tokens(AuthServer(grant(text))).get()
        except DeniedError:
            return None

    found = asyncio.run(ask())
    assert found in (text, None)
    assert found is None or (found.isascii() and found.isprintable() and " " not in found and found)


async def test_a_slow_token_call_does_not_lengthen_the_lifetime():
    """The life counts from the answer; a renewed token counts from its own answer."""
    clock = FakeClock()
    auth = AuthServer(grant(jwt(iat=0, exp=3600)))
    source = tokens(auth, clock)
    for call in (1, 2, 3):
        await source.get()
        assert auth.calls == call
        clock.advance(3600 - EARLY)


@pytest.mark.parametrize("claims", [{"iat": 100, "exp": 100}, {"iat": 100, "exp": 99}, {"iat": 100, "exp": -1e300}])
async def test_an_expired_token_is_denied(claims):
    """By its own two dates; asking again would be a loop."""
    with pytest.raises(DeniedError, match="holds a token that has expired already"):
        await tokens(AuthServer(grant(jwt(**claims)))).get()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"data":null}',
        b'{"data":""}',
        b'{"data":{"token":"t"}}',
        b'{"data":7}',
        b'{"token":"t"}',
        b"<html>",
        b"\xff",
        b'{"data":"two words"}',
        b'{"data":"line\\nbreak"}',
        '{"data":"ñ"}'.encode(),
        b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
async def test_an_answer_without_a_token_is_denied(body):
    """The address is wrong, or something else answered: that does not change by itself; the hint names the setting."""
    with pytest.raises(DeniedError, match="holds no token") as caught:
        await tokens(AuthServer((OK, body))).get()
    assert "auth_url" in caught.value.hint


SOMEBODY = {"server": "nginx", "trace": "CF-Ray: 8f1"}


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404])
@pytest.mark.parametrize("kind", [Body.PAGE, Body.TEXT])
async def test_a_page_at_the_token_call_does_not_blame_the_key(status, kind):
    """It is not the API's: who has answered is named, and where to look."""
    with pytest.raises(DeniedError, match=f"{status} from a firewall") as caught:
        await tokens(AuthServer((Answer(status=status, body=kind, **SOMEBODY), b"<html>"))).get()
    assert "Server: nginx, CF-Ray: 8f1" in str(caught.value)
    assert "KEY" not in caught.value.hint
    assert "proxy" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Body.JSON, b'[{"data":"t"}]'),
        (Body.ERRORS, b'{"error":"invalid key"}'),
        (Body.UNREAD, b"\x0b\x02"),
        (Body.EMPTY, b""),
        (Body.OBJECT, b'{"data":{"token":"t"}}'),
    ],
)
async def test_an_answer_without_a_token_is_described(kind, body):
    """In words about its kind, not its own; an error in it may be about the key."""
    with pytest.raises(DeniedError, match=f"200 with {kind}") as caught:
        await tokens(AuthServer((Answer(status=200, body=kind), body))).get()
    assert ("MASIVO_API_KEY" in caught.value.hint) == (kind is Body.ERRORS)


@pytest.mark.parametrize("body", [b"", b'{"data":"ey', b'{"data":"t"}'])
async def test_an_answer_that_was_cut_is_not_a_denial(body):
    """The connection was lost in the middle: that passes by itself, and must not end a run of hours."""
    attempt = await tokens(AuthServer((Answer(status=200, complete=False), body))).get()
    assert attempt == Failure(cause=Cause.TOKEN, sent=False)


@pytest.mark.parametrize("status", [201, 204, 299])
async def test_any_success_may_hold_a_token(status):
    """The documents name no code."""
    assert await tokens(AuthServer((Answer(status=status), b'{"data":"t"}'))).get() == "t"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 422, 451, 499])
async def test_a_refusal_is_denied(status):
    """Key or address are wrong: stop, with a hint."""
    with pytest.raises(DeniedError, match=f"answered with {status}") as caught:
        await tokens(AuthServer((Answer(status=status), b""))).get()
    assert "MASIVO_API_KEY" in caught.value.hint


async def test_a_proxy_that_asks_for_credentials_does_not_blame_the_key():
    """RFC 9110, section 15.5.8: a 407 is the proxy's, over plain HTTP, too."""
    with pytest.raises(DeniedError, match="answered with 407: the proxy requires credentials") as caught:
        await tokens(AuthServer((Answer(status=407), b""))).get()
    assert "proxy" in caught.value.hint
    assert "KEY" not in caught.value.hint


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
async def test_a_server_error_is_not_a_denial(status):
    """Nothing of a batch was sent, so it is safe to try again."""
    attempt = await tokens(AuthServer((Answer(status=status), b'{"data":"t"}'))).get()
    assert attempt == Failure(cause=Cause.TOKEN, sent=False)
    assert isinstance(classify(attempt), Unreachable)


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("cause", Cause)
async def test_a_lost_token_call_sent_nothing_of_the_batch(cause, sent):
    """Whatever left was the token call: the batch is not in doubt."""
    attempt = await tokens(AuthServer((Failure(cause=cause, sent=sent), b""))).get()
    assert attempt == Failure(cause=cause, sent=False)


async def test_a_throttled_token_call_returns_its_wait():
    """With the server's wish how long to wait."""
    throttled = Answer(status=429, retry_after="7")
    assert await tokens(AuthServer((throttled, b""))).get() == throttled


async def test_a_refused_token_is_replaced():
    """A 401 spends it; the next asker gets a fresh one."""
    auth = AuthServer(grant("first"), grant("second"))
    source = tokens(auth)
    first = await source.get()
    assert source.spent(first) is True
    assert (await source.get(), auth.calls) == ("second", 2)


async def test_a_token_spent_long_ago_does_not_spend_its_successor():
    """Several uploaders may learn of the same 401, one after the other: one call."""
    auth = AuthServer(grant("first"), grant("second"), grant("third"))
    source = tokens(auth)
    await source.get()
    source.spent("first")
    await source.get()
    assert source.spent("first") is True
    assert (await source.get(), auth.calls) == ("second", 2)


async def test_a_ready_token_is_never_renewed():
    """It is never called for, never ends by our clock, and cannot be replaced."""
    clock, auth = FakeClock(), AuthServer(grant("other"))
    source = tokens(auth, clock, ready="mine")
    clock.advance(10**9)
    assert (await source.get(), source.spent("mine"), await source.get(), auth.calls) == ("mine", False, "mine", 0)
