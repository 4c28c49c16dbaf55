"""Advice if something other than the API answers, or if the API gives an answer that it does not document."""

import json

import pytest
from advice_tools import arrived, expect_advice, go, make_exports, migrate
from end_to_end_tools import serving

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", ["html=403,server=cloudflare", "html=400,type="])
def test_a_firewall_is_opened_for_requests(fault, tmp_path):
    """There is no dead letter. When the firewall lets requests pass, the same command sends everything."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", f"{fault},times=20") as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 7, done.stderr
        expect_advice(
            done,
            "make the firewall or proxy let requests to base_url pass, or bypass it, then start the same command again",
        )
        assert json.loads(done.stdout)["kinds"]["customers"]["dead"] == 0
        while (done := migrate(served, tmp_path)).returncode == 7:  # the firewall does not let requests pass yet
            assert served.get("/__sandbox/ledger")["requests"]["customers"].get("201") is None
        assert done.returncode == 0, done.stderr
        arrived(served, tmp_path)


def test_the_cause_of_an_unreadable_403_is_found_in_the_network(tmp_path):
    """The 403 may come from the API or a firewall: check the network first, then the permissions."""
    make_exports(tmp_path)
    faults = ("--fault", "status=403,on=customers,times=1", "--fault", "compress=br,on=customers,times=1")
    with serving(tmp_path, "--limits", "none", *faults) as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 7, done.stderr
        expect_advice(done, "check the network, the proxy and base_url, then the API key's permissions")
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_the_vendor_is_asked_what_an_answer_means(tmp_path):
    """After three 207s the same command sends customers again, doubts are resolved, and everything is there once."""
    make_exports(tmp_path)
    says = (
        "ask the vendor what this answer means; if you start again, customers are sent again, and batches in doubt"
        " wait for masivo-stream resolve"
    )
    with serving(tmp_path, "--limits", "none", "--fault", "status=207,body=results,on=customers,times=3") as served:
        done = migrate(served, tmp_path, MASIVO_FIRST_DELAY="0.05")
        assert done.returncode == 7, done.stderr
        expect_advice(done, says)
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)
    second = tmp_path / "second"
    second.mkdir()
    make_exports(second, 5, items=500)
    fault = "status=207,body=results,applied=yes,on=transactions,times=3"
    with serving(second, "--limits", "none", "--fault", fault) as served:
        done = migrate(served, second, MASIVO_FIRST_DELAY="0.05")
        assert done.returncode == 7, done.stderr
        expect_advice(done, says)
        assert go("resolve", served, second, "--accept", "all").returncode == 0
        assert migrate(served, second).returncode == 0
        arrived(served, second)


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (
            ["html,on=auth,times=1"],
            "check auth_url, base_url, the network and the proxy: something other than the API answers the token call",
        ),
        (
            ["status=401,on=auth,times=1", "compress=br,on=auth,times=1"],
            "check auth_url, the network and the proxy, then MASIVO_API_KEY: the body of the answer cannot be read",
        ),
        (
            ["status=200,body=error,on=auth,times=1"],
            'check auth_url, then MASIVO_API_KEY: the token call must answer {"data": "<token>"}',
        ),
    ],
)
def test_the_server_that_answers_the_token_call_is_checked(faults, says, tmp_path):
    """After the cause is corrected, the same command sends everything."""
    make_exports(tmp_path)
    given = [part for fault in faults for part in ("--fault", fault)]
    with serving(tmp_path, "--limits", "none", *given) as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 7, done.stderr
        expect_advice(done, says)
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_an_odd_acceptance_is_verified(tmp_path):
    """`verify` shows that everything arrived."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "status=200,body=object,applied=yes") as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 0, done.stderr
        says = (
            "{…} {…} of {…} accepted by an answer that is not the documented one ({…}): masivo-stream verify shows what"
            " arrived"
        )
        assert expect_advice(done, says)[:2] == ("1", "batch")
        arrived(served, tmp_path)
        assert go("verify", served, tmp_path).returncode == 0


def test_unreadable_read_backs_are_waited_for(tmp_path):
    """A page instead of the answer shows no customer. Without the page, the same command continues."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "html,on=read,times=40") as served:
        done = migrate(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="0.3")
        assert done.returncode == 6, done.stderr
        expect_advice(done, "check the network, the proxy and base_url, then start the same command again")
        while (done := migrate(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="2")).returncode == 6:
            pass  # the page is still there
        assert done.returncode == 0, done.stderr
        arrived(served, tmp_path)
