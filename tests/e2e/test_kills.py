"""Kills of the real program; CHATREPL_KILLS says how many (25 unless set)."""

import os

import pytest

from tests.support.tools.kill_runs import STAGES, kill_often

KILLS = int(os.environ.get("CHATREPL_KILLS", "25"))


@pytest.mark.timeout(120 + 10 * KILLS)
def test_nothing_accepted_or_finished_is_lost_however_often_the_program_is_killed() -> None:
    report = kill_often(KILLS, seed=KILLS)
    print("\n".join(report.lines()))
    assert report.faults == []
    assert report.accepted > 0
    assert report.finished > 0
    assert set(report.runs) == set(STAGES)
