"""Advice about answers that stop a run: if it is followed, the same command delivers everything once."""

import base64
import json
import socket
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from advice_tools import (
    QUICK,
    arrived,
    ask,
    expect_advice,
    go,
    make_exports,
    make_record,
    migrate,
    named,
    sending,
    taking_everything,
)  # fmt: skip
from end_to_end_tools import lines, run, serving
from fakes import write_export

pytestmark = pytest.mark.slow


def begin(served, directory, *arguments, url="", **environment):
    """Migrate with the flags of a test, in the same state directory."""
    flags = sending(served, directory)
    flags[1] = url or flags[1]
    environment = {"MASIVO_API_KEY": served.key, **QUICK, **environment}
    return run("migrate", *named(directory), *flags, "--json", *arguments, **environment)


def test_a_refused_key_is_corrected(served, tmp_path):
    """With the right key, everything arrives."""
    make_exports(tmp_path)
    done = begin(served, tmp_path, MASIVO_API_KEY="9d7e3d8f-0000-4000-8000-000000000000")
    assert done.returncode == 7
    expect_advice(done, "check MASIVO_API_KEY and auth_url")
    assert begin(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_the_address_of_the_token_call_is_checked(served, tmp_path):
    """If another program answers, the hint shows what the right one answers. With the right one everything arrives."""
    make_exports(tmp_path)
    origin = served.url.partition("/api")[0]
    done = begin(served, tmp_path, "--auth-url", f"{origin}/__sandbox/health")
    assert done.returncode == 7
    expect_advice(done, 'check auth_url: the token call must answer {"data": "<token>"}')
    assert begin(served, tmp_path, "--auth-url", f"{served.url}/auth/authorize").returncode == 0
    arrived(served, tmp_path)


def test_a_refused_token_is_replaced(served, tmp_path):
    """The ready token is not valid. With the API key everything arrives."""
    make_exports(tmp_path)
    done = begin(served, tmp_path, MASIVO_API_KEY="", MASIVO_TOKEN="none")
    assert done.returncode == 7
    expect_advice(done, "check the API key or MASIVO_TOKEN, and that base_url and auth_url belong together")
    done = begin(served, tmp_path)
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


def test_an_address_that_accepts_no_migrations_is_corrected(served, tmp_path):
    """With the vendor's ending the address is the API's, and everything arrives."""
    make_exports(tmp_path)
    origin = served.url.partition("/api")[0]
    done = begin(served, tmp_path, "--auth-url", f"{served.url}/auth/authorize", url=origin)
    assert done.returncode == 7
    expect_advice(done, "check base_url: the vendor's ends in /api/storefront/v1")
    assert begin(served, tmp_path, url=f"{origin}/api/storefront/v1").returncode == 0
    arrived(served, tmp_path)


def test_a_redirect_is_not_followed_but_its_address_is_named(tmp_path):
    """With the API's real address everything arrives, and nothing went to the other one."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none") as there:
        redirect = f"redirect=301,to={there.url.partition('/api')[0]},on=migrate"
        with serving(tmp_path, "--limits", "none", "--fault", redirect) as here:
            done = begin(here, tmp_path)
            assert done.returncode == 7
            expect_advice(
                done,
                "set base_url to the real address of the API, or sign in to the network if it asks for that: redirects"
                " are never followed",
            )
            assert here.ledger()["customers"] == {}
        done = begin(there, tmp_path)
        assert done.returncode == 0, done.stderr
        arrived(there, tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, 7, "check the API key's permissions, and that the key belongs to this account"),
        (418, 7, "look up the status: it is about the account, the address or the request, not about the export"),
        (411, 1, "please report this; nothing was sent twice"),
    ],
)
def test_a_status_is_looked_up(status, code, says, tmp_path):
    """After the cause is corrected, the same command continues. Nothing was sent twice."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", f"status={status},on=events,times=1") as served:
        done = begin(served, tmp_path)
        assert done.returncode == code
        expect_advice(done, says)
        assert served.ledger()["events"] == {}
        assert begin(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_a_portal_in_place_of_the_api_is_removed(tmp_path):
    """Pages of a portal stop the run. Without the portal everything arrives once."""
    make_exports(tmp_path, kinds=["customers"])
    with serving(tmp_path, "--limits", "none", "--fault", "html,on=customers,times=3") as served:
        done = begin(served, tmp_path, MASIVO_FIRST_DELAY="0.05")
        assert done.returncode == 7, done.stderr
        expect_advice(
            done,
            "something between this machine and the API answers instead of the API: check the network, the"
            " proxy and base_url",
        )
        assert begin(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_a_certificate_is_trusted_by_its_authority(tmp_path):
    """With ca_file the right server is trusted, and accepts the batch once."""
    make_exports(tmp_path, kinds=["customers"])
    with taking_everything(tmp_path) as (url, certificate, taken):
        command = ["migrate", *named(tmp_path), "--base-url", url, "--limit", "none", "--state-dir", tmp_path / "state"]
        done = run(*command, MASIVO_TOKEN="ready")
        assert (done.returncode, taken) == (7, [])
        expect_advice(done, "check base_url, or name the certificate of the authority with ca_file")
        done = run(*command, "--ca-file", certificate, MASIVO_TOKEN="ready")
        assert (done.returncode, taken) == (0, ["/api/customers/migrate"]), done.stderr


@contextmanager
def proxy(credentials="", to=0):
    """Serve an HTTP proxy; yield its port. It may require credentials, and may forward to the port `to`."""
    wanted = "Basic " + base64.b64encode(credentials.encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if credentials and self.headers.get("Proxy-Authorization") != wanted:
                return self.answer(407, b"")
            kept = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy")}
            url = urlsplit(self.path)
            return self.answer(*ask(to or url.port, url.path, method=self.command, body=body or None, headers=kept))

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = forward  # noqa: N815 - the standard library's names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_proxy_gets_its_credentials(served, tmp_path):
    """With the credentials in its URL, everything arrives through the proxy."""
    make_exports(tmp_path)
    with proxy("ana:secret") as port:
        done = begin(served, tmp_path, "--proxy", f"http://127.0.0.1:{port}", MASIVO_API_KEY="", MASIVO_TOKEN="ready")
        assert done.returncode == 7, done.stderr
        expect_advice(done, "put them into the URL of the proxy setting")
        done = begin(served, tmp_path, "--proxy", f"http://ana:secret@127.0.0.1:{port}")
        assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


def test_a_proxy_of_the_environment_is_given_by_the_flag(served, tmp_path):
    """The server can be reached only through the proxy. With the quoted flag, everything arrives."""
    make_exports(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as no_customer:
        closed = no_customer.getsockname()[1]
    with proxy(to=served.port) as port:
        named_proxy = {"HTTP_PROXY": f"http://127.0.0.1:{port}", "no_proxy": "", "NO_PROXY": ""}
        url = served.url.replace(str(served.port), str(closed))
        done = begin(served, tmp_path, "--outage-limit", "0.1", url=url, **named_proxy)
        assert done.returncode == 6, done.stderr
        _, variable, named_one = expect_advice(
            done, "{…}; {…} names a proxy ({…}), which is used only if --proxy names it"
        )
        expect_advice(done, "{…} names a proxy ({…}), which is used only if --proxy names it")
        assert variable == "HTTP_PROXY"
        done = begin(served, tmp_path, "--proxy", named_one, url=url)
        assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


# Refusals that are not about single records.


def test_the_cause_of_constant_refusals_is_found_in_the_account(served, tmp_path):
    """Here the cause is the account: it lacks the customers. After they are migrated too, every event arrives."""
    make_exports(tmp_path, 40, kinds=["customers", "events"])
    (tmp_path / "customers.ndjson").rename(tmp_path / "later")
    done = begin(served, tmp_path, MASIVO_UPLOADERS="1")
    assert done.returncode == 7, done.stdout
    expect_advice(done, "the cause is not in single records: check the account, base_url and the fields of the export")
    (tmp_path / "later").rename(tmp_path / "customers.ndjson")
    done = begin(served, tmp_path)
    done = go("retry", served, tmp_path) if done.returncode == 3 else done
    assert done.returncode == 0, done.stdout
    arrived(served, tmp_path)


def test_the_last_dead_letters_show_the_cause_of_consecutive_refusals(served, tmp_path):
    """They name the cause. After the account is corrected, the run and a retry deliver all of them."""
    make_exports(tmp_path, 110, kinds=["events"])
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(10)])
    small = {"MASIVO_UPLOADERS": "1", "MASIVO_MAX_BODY_BYTES": "4000", "MASIVO_SKIP_CHECKS": "unknown_customer"}
    done = begin(served, tmp_path, **small)
    assert done.returncode == 7, done.stdout
    expect_advice(
        done, "see the messages of the last dead letters; check the account, base_url and the fields of the export"
    )
    assert "customer" in lines(tmp_path / "state" / "dead-letter.events.ndjson")[-1]["message"]
    make_exports(tmp_path, 110, kinds=["customers"])
    done = begin(served, tmp_path, **small)
    done = go("retry", served, tmp_path) if done.returncode == 3 else done
    assert done.returncode == 0, done.stdout
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["again", "raised", "mended"])
def test_the_next_process_has_a_fresh_budget_of_refusals(way, served, tmp_path):
    """Started again, or with a larger budget, the run isolates the rest.

    After a correction, the dead letters arrive, too.
    """
    make_exports(tmp_path, 20, kinds=["customers", "transactions"])
    right = (tmp_path / "transactions.ndjson").read_bytes()
    spoiled = right.splitlines(keepends=True)
    for place in (3, 9, 15):
        spoiled[place] = spoiled[place].replace(b'"amount": 1', b'"amount": 5')
    (tmp_path / "transactions.ndjson").write_bytes(b"".join(spoiled))
    small = {"MASIVO_ISOLATION_BUDGET": "2", "MASIVO_UPLOADERS": "1", "MASIVO_SKIP_CHECKS": "balance_mismatch"}
    done = begin(served, tmp_path, **small)
    assert done.returncode == 7, done.stdout
    expect_advice(
        done,
        "the dead letters give the reasons: correct the export, start again with a fresh budget, or raise"
        " isolation_budget",
    )
    if way != "again":
        small["MASIVO_ISOLATION_BUDGET"] = "100"
    while (done := begin(served, tmp_path, **small)).returncode == 7:
        pass
    assert done.returncode == 3, done.stdout
    arrived(served, tmp_path, without={"transactions": {4, 10, 16}})
    if way == "mended":
        path = tmp_path / "state" / "dead-letter.transactions.ndjson"
        letters = [{**letter, "raw": right.splitlines()[letter["line"] - 1].decode()} for letter in lines(path)]
        path.write_text("".join(json.dumps(letter) + "\n" for letter in letters))
        assert go("retry", served, tmp_path).returncode == 0
        (tmp_path / "transactions.ndjson").write_bytes(right)
        arrived(served, tmp_path)


def test_customers_that_do_not_show_are_waited_for_longer(tmp_path):
    """With a timeout that is as long as the account's queue, the rest is sent, and everything arrives once."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", visible_after=4) as served:
        done = migrate(served, tmp_path, "--visible-timeout", "0.2")
        assert done.returncode == 6, done.stdout
        expect_advice(done, "look at the account's dashboard; if its queue needs longer, raise visible_timeout")
        assert migrate(served, tmp_path, "--visible-timeout", "60").returncode == 0
        arrived(served, tmp_path)
