import pytest

from masivo_stream.model.window import Window
from masivo_stream.sandbox import SandboxLimits, is_loopback, parse_limits


def test_named_limits_are_the_published_ones():
    """`prod` and `dev` are the windows of the vendor's page; `none` has no window."""
    assert parse_limits("none") == SandboxLimits()
    assert parse_limits("prod") == SandboxLimits(migration=(Window(1, 5.0), Window(1000, 3600.0)))
    assert parse_limits("dev") == SandboxLimits(
        migration=(Window(1, 5.0), Window(250, 3600.0)), general=(Window(1000, 86_400.0),)
    )


def test_limits_can_be_given_as_windows():
    """Windows can be given for the migration calls."""
    assert parse_limits("3/2s, 7/m") == SandboxLimits(migration=(Window(3, 2.0), Window(7, 60.0)))


def test_a_wrong_limit_is_an_error():
    """A text that is neither a name nor a list of windows is refused with an example."""
    with pytest.raises(ValueError, match="1/5s"):
        parse_limits("fast")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "localhost.", "::1", "[::1]"])
def test_loopback_names_mean_this_machine(host):
    """Loopback addresses and localhost mean this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",  # noqa: S104 - checked, not bound
        "::",
        "10.0.0.1",
        "localhost.example.test",
        "127.0.0.1.example.test",
        "127.1",
    ],
)
def test_other_names_mean_other_machines(host):
    """Every other name may mean another machine."""
    assert not is_loopback(host)
