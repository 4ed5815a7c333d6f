"The fault campaign, each fault once."

import sys

import pytest
from conftest import ROOT, run


@pytest.mark.slow
def test_no_fault_loses_anything(tmp_path):
    page = tmp_path / "page.md"
    done = run(sys.executable, ROOT / "tests/campaign", "minutes=0", f"report={page}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = [row.split(" | ") for row in page.read_text().splitlines() if row.startswith("| ")]
    kinds = {row[0].removeprefix("| "): int(row[1]) for row in rows[1:]}
    assert all(kinds.values()) and {"killed", "full disk", "a reading process killed"} <= {*kinds}
