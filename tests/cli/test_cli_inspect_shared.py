"""What is found in real files: what is known to be odd about each, and nothing else above info."""

import pytest

pytest.importorskip("mujoco")

LOCKED, CLIPPED, CLOCK, LIMIT = "phase-locked", "clipped-actions", "time-column", "time-limit-terminated"
OPOLO = "opolo/expert_data_no_img_{}_episodes_4.npz"

FOUND = [
    ("red/Hopper-v2.pkl", ("--env", "Hopper-v5"), {LOCKED, CLIPPED}),
    ("red/HalfCheetah-v2.pkl", ("--env", "HalfCheetah-v5"), {CLIPPED}),
    ("red/Walker2d-v2.pkl", ("--env", "Walker2d-v5"), {CLIPPED, "other-version"}),
    ("red/Ant-v2.pkl", ("--env", "Ant-v4", "--columns", "0:27"), set()),
    ("red/Reacher-v2.pkl", ("--env", "Reacher-v5"), {"does-not-fit"}),
    ("red/Reacher-v2.pkl", ("--env", "Reacher-v5", "--columns", "0:10"), set()),
    ("rl_algorithms/reacher_demo.pkl", ("--env", "Reacher-v5", "--columns", "0:10"), set()),
    ("rl_algorithms/reacher_demo.pkl", (), {LIMIT}),
    ("rl_algorithms/lunarlander_discrete_demo.pkl", (), {"low-return"}),
    ("rl_algorithms/lunarlander_continuous_demo.pkl", (), set()),
    (OPOLO.format("Hopper_scores_3500"), ("--env", "Hopper-v5"), {"does-not-fit", CLOCK, LOCKED}),
    (OPOLO.format("HalfCheetah_scores_6000"), ("--env", "HalfCheetah-v5", "--columns", "0:17"), set()),
    ("imitation/cartpole_0_final.npz", ("--env", "CartPole-v1"), set()),
    ("imitation/pendulum_0_final.npz", ("--env", "Pendulum-v1"), set()),
    ("imitation/pendulum_0_final.npz", (), {LIMIT}),
    ("gail_ppo_tf", ("--env", "CartPole-v1"), set()),
]


@pytest.mark.filterwarnings("ignore")  # the simulator's own
@pytest.mark.parametrize(("name", "options", "expected"), FOUND)
def test_what_is_odd_is_found_and_nothing_else(shared_data, rexd, name, options, expected):
    result = rexd("inspect", shared_data / name, *options, "--json")
    found = {f["code"]: f["severity"] for f in result.json["findings"] if f["severity"] != "info"}
    assert set(found) == expected
    assert result.status == (2 if "error" in found.values() else 1 if found else 0)
    if options:
        assert result.json["one_step"]["median"] < 0.2 * result.json["one_step"]["action_effect"]
