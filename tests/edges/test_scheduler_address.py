"""Which schedulers may be used is decided before any connection."""

import sys

import pytest

from masivo_stream.edges.scheduler.address import check_address
from masivo_stream.edges.scheduler.dask_client import INSTALL, open_scheduler
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import SchedulerSettings


@pytest.mark.parametrize(
    ("named", "used"),
    [
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("tcp://127.0.0.1", "tcp://127.0.0.1:8786"),
        ("tcp://127.8.9.10:1", "tcp://127.8.9.10:1"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
        ("tls://10.0.0.5:8786", "tls://10.0.0.5:8786"),
        ("tls://scheduler.example:9000", "tls://scheduler.example:9000"),
        ("tls://scheduler.example/", "tls://scheduler.example:8786"),
        ("tls://[2001:db8::1]:8786", "tls://[2001:db8::1]:8786"),
        ("TCP://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
    ],
)
def test_addresses_that_are_used(named, used):
    """TLS anywhere, TCP on this machine."""
    assert check_address(named) == used


def test_localhost_is_this_machine():
    """A name is looked up once; the number is what is connected to."""
    assert check_address("tcp://localhost:8786") == "tcp://127.0.0.1:8786"


@pytest.mark.parametrize(
    "named",
    [
        "tcp://10.0.0.5:8786", "tcp://0.0.0.0:8786", "tcp://[::]:8786", "tcp://192.168.1.1", "tcp://8.8.8.8:53",
        "tcp://[2001:db8::1]:8786", "tcp://128.0.0.1:8786", "tcp://[::ffff:10.0.0.1]:1", "tcp://0:8786",
        "tcp://[fe80::1]:8786",
    ],
)  # fmt: skip
def test_another_machine_without_tls_is_refused(named):
    """Any machine in the network could run code there and here."""
    with pytest.raises(ConfigurationError, match="with TLS only") as error:
        check_address(named)
    assert error.value.hint == "start the scheduler and its workers with certificates, and name it as tls://HOST:PORT"
    assert error.value.place == named


@pytest.mark.parametrize(
    "named",
    [
        "remote", "LOCAL", "127.0.0.1:8786", "localhost:8786", "http://127.0.0.1:8786", "ws://127.0.0.1:1", "tcp://",
        "inproc://1/2/3", "ucx://127.0.0.1:1", "tls://", "tls://:8786", "tcp://127.0.0.1:port", "tcp://127.0.0.1:99999",
        "tls://user@host:1", "tls://host:1/path", "tls://host:1?a=b", "tcp://no such host:1", "tcp://[::1", "tcp://a..b:1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(named):
    """With the forms that there are."""
    with pytest.raises(ConfigurationError, match=r"is no address|cannot be found") as error:
        check_address(named)
    assert error.value.hint == "use local, tls://HOST:PORT, or tcp://HOST:PORT on this machine"


async def test_without_the_extra_its_installation_is_named(monkeypatch):
    """One line."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match="not installed") as error:
        async with open_scheduler(SchedulerSettings(scheduler="local"), local_workers=1):
            raise AssertionError
    assert error.value.hint == INSTALL == "pip install 'masivo-stream[dask]'"
