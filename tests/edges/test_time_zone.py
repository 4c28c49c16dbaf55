"""The zone of this machine, as other programs find it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from masivo_stream.edges.time_zone import UNNAMED, find_machine_zone, find_zone

ZONES = Path("/usr/share/zoneinfo")
SUMMER = datetime(2026, 7, 1, tzinfo=UTC)


def hours_of(zone):
    return SUMMER.astimezone(zone).utcoffset().total_seconds() / 3600


@pytest.mark.parametrize("text", ["Europe/Madrid", ":Europe/Madrid"])
def test_the_variable_comes_first(text, tmp_path):
    """`TZ`, as POSIX writes it, too."""
    name, zone = find_machine_zone({"TZ": text}, tmp_path / "localtime")
    assert (name, hours_of(zone)) == ("Europe/Madrid", 2)


@pytest.mark.parametrize("text", ["", "CET-1CEST,M3.5.0", "/nowhere", "\0"])
def test_a_link_names_the_zone(text, tmp_path):
    """Whatever the variable holds that is no name."""
    zones = tmp_path / "zoneinfo" / "Asia"
    zones.mkdir(parents=True)
    (zones / "Kathmandu").touch()
    (tmp_path / "localtime").symlink_to(zones / "Kathmandu")
    name, zone = find_machine_zone({"TZ": text}, tmp_path / "localtime")
    assert (name, hours_of(zone)) == ("Asia/Kathmandu", 5.75)


@pytest.mark.skipif(not (ZONES / "Europe/Madrid").exists(), reason="this machine has no zone files")
def test_a_copy_is_read(tmp_path):
    """Some images have a copy and no link: its rules count, its name is not known."""
    (tmp_path / "localtime").write_bytes((ZONES / "Europe/Madrid").read_bytes())
    name, zone = find_machine_zone({}, tmp_path / "localtime")
    assert (name, hours_of(zone)) == (UNNAMED, 2)


def test_without_anything_there_is_an_offset(tmp_path):
    """A bare container."""
    name, zone = find_machine_zone({}, tmp_path / "localtime")
    assert name == UNNAMED
    assert abs(hours_of(zone)) <= 14


def test_an_empty_name_is_this_machine():
    """And so is the name under which an unnamed zone is passed on."""
    assert find_zone("")[0] == find_zone(UNNAMED)[0] == find_machine_zone()[0]
    assert find_zone("Europe/Madrid")[0] == "Europe/Madrid"
