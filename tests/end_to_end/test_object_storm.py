"""A short storm with the exports in moto's S3 server, behind a proxy that spoils answers."""

import pytest
from object_storm import ObjectStorm
from storm import ForkedProcess
from storm_report import render

pytestmark = pytest.mark.slow


class ShortStorm(ObjectStorm):
    """Most of the time of a short storm is that in which Python starts."""

    launch = ForkedProcess


def test_a_migration_from_object_storage_survives_a_storm(tmp_path):
    """Killed in every kind, with objects replaced and the server restarted while they are read, it keeps all laws."""
    moves = ("replaced while read", "restarted while read", "pack", "move")
    faults = ("reset,when=after,rate=0.03", "status=503,applied=yes,rate=0.03")
    options = {"kills": 1, "seed": 2, "batches_per_kill": 3, "faults": faults}
    report = ShortStorm(tmp_path, padding=0, moves=moves, **options).run()
    told = render(report)
    assert not report.findings, told
    assert report.kills.total() >= 3, told
    assert report.exits[5], told
    assert report.storage["503"], told
