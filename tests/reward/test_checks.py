import numpy as np
import pytest
from circling import TINY, VELOCITIES, circling

from rexd.reward import checks as module
from rexd.reward.checks import (
    EXPERT,
    OTHER_ACTIONS,
    RANDOM_ACTIONS,
    RANDOM_POLICY,
    STANDSTILL,
    UNUSED,
    ZERO_ACTIONS,
    Check,
    warnings_of,
)
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED

LOGARITHMIC, EXPONENTIAL = REDConfig(), REDConfig(shape="exponential")


def checks(**rewards):
    """A good reward, but for what is named."""
    names = {"expert": EXPERT, "random": RANDOM_ACTIONS, "standstill": STANDSTILL, "zero": ZERO_ACTIONS}
    values = {"expert": 0.6, "random": 0.1} | rewards
    return [Check(names[name], reward, 1.0, 10) for name, reward in values.items()]


def test_a_good_reward_has_no_warning():
    assert warnings_of(checks(standstill=0.3, zero=0.29), LOGARITHMIC) == []


def test_flat():
    (warning,) = warnings_of(checks(random=0.51), EXPONENTIAL)
    assert warning.startswith("The reward is flat: it pays 0.60 for the expert's held-out rows and 0.51 for random")
    assert "Use more demonstrations or take shape='logarithmic'." in warning
    assert warnings_of(checks(random=0.49), EXPONENTIAL) == []


def test_flat_where_the_best_shape_is_in_use():
    (warning,) = warnings_of(checks(random=0.51), LOGARITHMIC)
    assert warning.endswith("Use more demonstrations.")


def test_flat_where_a_selection_leaves_rows_out():
    (warning,) = warnings_of([*checks(random=0.51), Check(UNUSED, 0.6, 1.0, 10)], LOGARITHMIC)
    assert warning.endswith("Use more of the demonstrations, since the selection leaves some out.")


def test_saturated():
    flat, saturated = warnings_of(checks(expert=0.04, random=0.0), REDConfig(sigma=500.0))
    assert "flat" in flat
    assert "saturated near zero: it pays 0.040 for the expert's own held-out rows" in saturated
    assert saturated.endswith("Leave sigma to the calibration or lower sigma, which is 500.")


def test_saturated_although_sigma_is_calibrated():
    _, saturated = warnings_of(checks(expert=0.04, random=0.0), EXPONENTIAL)
    assert saturated.endswith("Use more demonstrations or take shape='logarithmic'.")
    assert "sigma" not in saturated


def test_mends_of_the_paper_s_recipe_are_those_that_it_allows():
    """It takes no other shape, and has no rows to calibrate sigma on."""
    paper = REDConfig.paper("Hopper-v5", 200)
    flat, saturated, still = warnings_of(checks(expert=0.04, random=0.0, standstill=0.03), paper)
    assert flat.endswith("Use more demonstrations or take recipe='calibrated'.")
    assert saturated.endswith("Lower sigma, which is 250000.")
    assert "shape" not in still


@pytest.mark.parametrize(("kind", "name"), [("standstill", "Worst standstill"), ("zero", "Zero actions")])
def test_standing_still_pays(kind, name):
    (warning,) = warnings_of(checks(**{kind: 0.31}), LOGARITHMIC)
    assert warning.startswith(f"{name} earns 0.31 a step where the expert's held-out rows earn 0.60")
    assert (
        "Train with demonstration replay and cloning (the defaults of rexd train), compare shape='rational'," in warning
    )
    assert warning.endswith("and watch the episodes.")


def test_standing_still_pays_in_a_run_that_does_what_helps():
    (warning,) = warnings_of(checks(standstill=0.31), LOGARITHMIC, imitating=True)
    assert warning.endswith("Compare shape='rational' and watch the episodes.")
    (warning,) = warnings_of(checks(standstill=0.31), REDConfig(shape="rational"), imitating=True)
    assert warning.endswith("Watch the episodes.")


def test_a_random_policy_is_no_standstill():
    assert warnings_of([*checks(), Check(RANDOM_POLICY, 0.5, 1.0, 10)], LOGARITHMIC) == []


def test_names_in_order():
    small = RED(**TINY)
    demos = circling(steps=80)
    assert [c.name for c in small.fit(demos).checks_] == [EXPERT, RANDOM_ACTIONS, OTHER_ACTIONS]
    thinned = small.fit(demos.subsample(2), velocity_columns=VELOCITIES)
    assert [c.name for c in thinned.checks_] == [EXPERT, UNUSED, RANDOM_ACTIONS, OTHER_ACTIONS, STANDSTILL]
    assert [c.rows for c in thinned.checks_][:2] == [160, 160]


def test_numbers_are_those_of_the_model(expert, sparse_expert):
    found = {check.name: check for check in expert.checks_}
    unused = sparse_expert.unused_transitions()
    assert found[UNUSED].rows == 3800
    assert found[UNUSED].novelty == expert.calibration_.unused_median
    assert found[UNUSED].reward == pytest.approx(float(expert.predict(unused.obs, unused.act, step=unused.step).mean()))
    assert found[EXPERT].novelty == expert.calibration_.median
    assert found[EXPERT].to_dict() == {
        "name": EXPERT,
        "reward": found[EXPERT].reward,
        "novelty": found[EXPERT].novelty,
        "rows": 200,
    }


def test_a_useful_reward_pays_the_expert_clearly_more_than_random_actions(expert):
    pays = {check.name: check.reward for check in expert.checks_}
    assert pays[UNUSED] > pays[RANDOM_ACTIONS] + 0.2
    assert pays[EXPERT] > pays[OTHER_ACTIONS] + 0.1
    assert not [
        warning for warning in warnings_of(expert.checks_, expert.config) if "flat" in warning or "saturated" in warning
    ]


def test_the_mean_is_of_rewards_and_the_median_of_errors(tiny):
    errors = np.float32([0.0, 0.0, 1e9])
    assert Check.of("any", errors, tiny.reward_of_novelty(errors)) == Check("any", pytest.approx(2.0 / 3.0), 0.0, 3)


def test_warnings_use_the_thresholds_of_the_module():
    assert (module.FLAT, module.SATURATED, module.STANDSTILL_SHARE) == (0.1, 0.05, 0.5)
