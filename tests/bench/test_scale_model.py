"""The page about terabytes and many accounts has the figures that its program prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_tables_of_the_model():
    printed = subprocess.run([sys.executable, "bench/scale_model.py"], cwd=ROOT, capture_output=True, check=True)
    lines = printed.stdout.decode().splitlines()
    assert len(lines) > 12
    page = (ROOT / "docs" / "scale.md").read_text().splitlines()
    assert [line for line in lines[2:] if line not in page] == []
    assert lines[0].removeprefix("an average request: ").split(",")[0] in "\n".join(page)
