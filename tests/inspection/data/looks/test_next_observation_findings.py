from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data import find
from rexd.inspection.data.looks import next_observations as looks

ALL = (looks.repeated_observations, looks.gaps, looks.next_episode_observations, looks.stale_first_observations)


def codes(demos):
    return {finding.code: finding.severity for look in ALL for finding in look(demos)}


def test_good_rows_follow():
    assert codes(oscillators()) == {}
    without_final = changed(oscillators(), lambda number, t: {"next_known": np.arange(len(t)) < len(t) - 1})
    assert codes(without_final) == {}


def test_observations_that_were_stored_after_the_step():
    demos = changed(oscillators(), lambda number, t: {"observations": t.next_observations})
    assert codes(demos)["late-observations"] == "error"
    assert find(demos)[0].mend == "rexd convert --shift-actions 1"


def test_a_body_at_rest():
    def rest(number, t):
        rows = np.concatenate([t.observations[:90], np.repeat(t.observations[90:91], len(t) - 89, axis=0)])
        return {"observations": rows[:-1], "next_observations": rows[1:]}

    assert codes(changed(oscillators(), rest)) == {"standing-still": "info"}


def test_rows_that_are_missing():
    demos = oscillators()
    cut = replace(demos, trajectories=tuple(t.rows(np.delete(np.arange(len(t)), [50])) for t in demos))
    (found,) = looks.gaps(cut)
    assert (found.severity, found.code) == ("warning", "gaps")
    assert "6 next observations" in found.message
    assert "at step 49 of trajectory 0" in found.message


def test_a_thinned_recording():
    demos = oscillators()
    assert codes(replace(demos, trajectories=tuple(t.rows(slice(None, None, 5)) for t in demos))) == {"thinned": "info"}
    assert codes(demos.subsample(5)) == {}


@pytest.mark.parametrize("share", [1, 5])
def test_observations_after_an_automatic_reset(share):
    demos = oscillators()

    def reset(number, t):
        following = t.next_observations.copy()
        following[-1] = demos.trajectories[(number + 1) % 6].observations[0]
        return {"next_observations": following} if number < share else {}

    (found,) = looks.next_episode_observations(changed(demos, reset))
    assert f"of {share} of 6" in found.message
    assert found.mend == "rexd convert --drop-last-next-observation"
    assert codes(changed(demos, reset)) == {"next-episode-observation": "warning"}


@pytest.mark.parametrize("which", ["observations", "next_observations"])
def test_states_from_before_the_reset(which):
    demos = oscillators()

    def stale(number, t):
        rows = t.observations.copy()
        rows[0] = getattr(demos.trajectories[number - 1], which)[-1]
        return {"observations": rows} if number else {}

    found = codes(changed(demos, stale))
    assert found == {"stale-first-observation": "warning"}
