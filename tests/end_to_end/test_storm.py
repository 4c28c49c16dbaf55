"""Short storms: a migration that is killed repeatedly under faults keeps all laws; a naive one does not."""

import pytest
from end_to_end_tools import KINDS
from storm import Storm, render

pytestmark = pytest.mark.slow


def test_a_migration_survives_a_storm(tmp_path):
    """Killed some fourteen times, in every kind and under many faults, it keeps all laws.

    There is more to send than in a long storm for each kill: a fast machine must not be done before the last one.
    """
    report = Storm(tmp_path, kills=14, seed=2, batches_per_kill=25).run()
    told = render(report)
    assert not report.findings, told
    struck = {where for (where, _), count in report.kills.items() if count}
    assert struck >= set(KINDS), told
    assert report.kills.total() >= 12, told
    assert report.doubts.total() > 0, told


def test_the_storm_finds_the_faults_of_a_naive_client(tmp_path):
    """A migrator that retries lost requests, and trusts its checkpoint, applies items twice: the storm finds them."""
    report = Storm(tmp_path, kills=3, seed=1, client="naive").run()
    assert any(finding.law == "applied twice" for finding in report.findings), render(report)
