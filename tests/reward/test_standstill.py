import numpy as np
import pytest
import torch
from circling import TINY, VELOCITIES, choosing, circling, rows

from rexd.reward.checks import STANDSTILL
from rexd.reward.columns import CLOCK
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows
from rexd.reward.standstill import STARTS, STEPS, standstills

BEST = STARTS // 10


@pytest.fixture(params=["state-action", "state", "state-next-state"], scope="module")
def searched(request):
    """A model, its demonstrations, what the search found, and all inputs that it tried, in raw units."""
    demos = circling()
    model = RED(inputs=request.param, **TINY).fit(demos)
    return model, demos, *search(model, demos)


class Spy:
    """A fitted reward, and the inputs that it was asked about."""

    def __init__(self, fitted):
        self.fitted, self.encoder, self.tried = fitted, fitted.encoder, []

    def novelty_of_inputs(self, x):
        self.tried.append(x.detach().clone())
        return self.fitted.novelty_of_inputs(x)


def search(model, demos):
    spy = Spy(model.fitted_)
    poses, found = standstills(spy, demos, VELOCITIES, seed=0)
    assert poses.shape == (len(found), len(model.encoder_.kept))
    with torch.no_grad():
        np.testing.assert_allclose(model.fitted_.novelty_of_inputs(poses).numpy(), found, rtol=1e-5)
    return found, [x * spread(model) + model.encoder_.mean for x in spy.tried]


def spread(model):
    return model.encoder_.std / model.encoder_.relevance[model.encoder_.kept]


def column(model, name):
    return model.encoder_.kept.tolist().index(model.encoder_.columns.names.index(name))


def test_the_search_ends_no_higher_than_it_starts(searched):
    model, _, found, tried = searched
    start = (tried[0] - model.encoder_.mean) / spread(model)
    with torch.no_grad():
        before = model.fitted_.novelty_of_inputs(start).sort().values[:BEST].numpy()
    assert found.shape == (BEST,)
    assert (np.diff(found) >= 0.0).all()
    assert (found <= before + 1e-6).all()
    assert found.mean() < 0.9 * before.mean()


def test_it_starts_from_demonstrated_states_at_rest(searched):
    model, demos, _, tried = searched
    assert len(tried) == STEPS + 1
    still = demos.transitions().obs.copy()
    still[:, list(VELOCITIES)] = 0.0
    kept = [c for c in model.encoder_.kept.tolist() if c < demos.obs_dim]
    distances = torch.cdist(tried[0][:, : len(kept)].double(), torch.from_numpy(still[:, kept]).double())
    assert distances.min(dim=1).values.max() < 1e-4


def test_velocities_stay_zero(searched):
    model, _, _, tried = searched
    names = [f"observation[{v}]" for v in VELOCITIES]
    if model.config.inputs == "state-next-state":
        names += [f"next_observation[{v}]" for v in VELOCITIES]
    fixed = [column(model, name) for name in names]
    assert max(float(x[:, fixed].abs().max()) for x in tried) < 1e-5


def test_the_clock_stands_at_a_typical_time(searched):
    model, demos, _, tried = searched
    assert model.encoder_.kept_names[-1] == CLOCK
    typical = np.log1p(demos.transitions().step / 20.0).mean()
    assert max(float((x[:, -1] - typical).abs().max()) for x in tried) < 1e-5


def test_everything_else_moves_within_the_demonstrated_range(searched):
    model, demos, _, tried = searched
    seen = model.encoder_.raw(Rows.of_transitions(demos.transitions()))[:, model.encoder_.kept]
    raw_columns = model.encoder_.kept[:-1].tolist()  # the last is the clock
    moving = [c for c, kept in enumerate(raw_columns) if kept % demos.obs_dim not in VELOCITIES]
    if model.config.inputs == "state-action":
        moving = [c for c, kept in enumerate(raw_columns) if kept not in VELOCITIES]
    low, high = seen.min(dim=0).values[moving], seen.max(dim=0).values[moving]
    for x in tried:
        assert (x[:, moving] >= low - 1e-4).all()
        assert (x[:, moving] <= high + 1e-4).all()
    assert ((tried[-1] - tried[0])[:, moving].abs().max(dim=0).values > 1e-3).all()


def test_discrete_actions_stay_one_hot():
    demos = choosing()
    model = RED(**TINY).fit(demos)
    _, tried = search(model, demos)
    hot = [column(model, f"action[{a}]") for a in range(3)]
    for x in (tried[0], tried[-1]):
        np.testing.assert_allclose(x[:, hot].sort(dim=1).values, np.tile([0.0, 0.0, 1.0], (STARTS, 1)), atol=1e-5)


def test_fit_searches_with_velocities_only(tiny):
    assert STANDSTILL not in [check.name for check in tiny.checks_]
    model = RED(**TINY).fit(circling(), velocity_columns=VELOCITIES)
    found = next(check for check in model.checks_ if check.name == STANDSTILL)
    assert found.rows == BEST
    # the search leaves the model as it was
    assert model.predict(*rows(circling())).tobytes() == tiny.predict(*rows(circling())).tobytes()
