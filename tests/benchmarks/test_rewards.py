"""The table of rivals has the policy that each reward led to."""

import json

import pytest

import rewards

CELL = {"suite": "red", "regime": "4x20", "task": "Hopper"}


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(rewards, "ROOT", tmp_path)

    def record(name, mean):
        file = tmp_path / "benchmarks/results/red/4x20" / f"Hopper-{name}-seed0.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"return_mean": mean}))

    return record


@pytest.mark.parametrize(("estimator", "method"), [("red", "rexd"), ("pwil", "pwil")])
def test_the_policy_is_that_of_the_suite_s_method(recorded, estimator, method):
    cell = {**CELL, "estimator": estimator}
    assert rewards.policy_of(cell) == "–"
    recorded(method, 3601.4)
    assert rewards.policy_of(cell) == "3,601"
    recorded(method, -6.43)
    assert rewards.policy_of(cell) == "-6.4"
