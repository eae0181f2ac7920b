"""Which policy is kept; the policies are played by a script."""

import pytest

pytest.importorskip("gymnasium")

from rexd.evaluation.evaluate import Episode, Evaluation
from rexd.evaluation.statistics import summarise
from rexd.rl.selection.judge import CONFIRMATION_SEED, CONFIRMATIONS, SELECTION_SEED, Judge, Standing, score_of

EPISODES, LENGTH, SEED = 2, 7, 3


def evaluation(earned, episodes, learned=True):
    summary = summarise([earned] * episodes)
    played = tuple(Episode(earned, earned if learned else None, LENGTH) for _ in range(episodes))
    return Evaluation(played, summary, summary if learned else None)


class Script:
    """Plays policies that are pairs: what they earn in an evaluation, and in the episodes that confirm it."""

    def __init__(self):
        self.seeds = []

    def __call__(self, policy, episodes, seed):
        self.seeds.append(seed)
        return evaluation(policy[0] if seed == SELECTION_SEED + SEED else policy[1], episodes)


def judged(*policies, paired=False):
    script, standing, found = Script(), Standing(), []
    for policy in policies:
        verdict = Judge(script, EPISODES, SEED, paired)(policy, standing)
        standing = verdict.standing
        found.append((verdict.confirmed, verdict.selected))
    return standing, script, found


def test_the_mean_over_all_episodes_decides():
    standing, _, found = judged((10.0, 10.0), (30.0, 2.0), (20.0, 16.0))
    assert found == [(10.0, True), (9.0, False), (17.0, True)]
    assert standing.best == 17.0


def test_a_policy_that_seems_worse_is_not_played_again():
    standing, script, found = judged((10.0, 10.0), (9.0, 99.0))
    assert found[1] == (None, False)
    assert script.seeds == [SELECTION_SEED + SEED, CONFIRMATION_SEED + SEED, SELECTION_SEED + SEED]
    assert standing.steps == (2 + CONFIRMATIONS) * EPISODES * LENGTH


def test_an_equal_policy_replaces_the_earlier_one():
    _, _, found = judged((10.0, 10.0), (10.0, 10.0))
    assert found[1] == (10.0, True)


def test_without_a_learned_return_the_true_one_selects():
    assert score_of(evaluation(4.0, 2, learned=False)) == 4.0


def test_paired_policies_are_compared_in_the_same_first_episodes():
    # the first episodes are hard: what the best policy earns in all of them is out of reach there
    standing, _, found = judged((2.0, 10.0), (4.0, 12.0), (3.0, 99.0), (5.0, 1.0), paired=True)
    assert found == [(8.0, True), (10.0, True), (None, False), (2.0, False)]
    assert (standing.best, standing.first) == (10.0, 4.0)


class Falls:
    """Plays policies that are pairs: what their episodes earn in turn, and how many of the further ones fall."""

    def __init__(self):
        self.played = 0

    def __call__(self, policy, episodes, seed):
        self.played += episodes
        earned, falls = policy
        further = seed == CONFIRMATION_SEED + SEED
        returns = [earned + (1.0 if number % 2 else -1.0) for number in range(episodes)]
        played = tuple(Episode(r, r, LENGTH, terminated=further and n < falls) for n, r in enumerate(returns))
        return Evaluation(played, summarise(returns), summarise(returns))


@pytest.mark.parametrize(
    ("policy", "falls_less"),
    [
        ((9.9, 0), True),  # all returns are 1 away from their mean: 0.2 is within two standard errors of the difference
        ((9.9, 1), True),
        ((9.9, 2), False),  # falls as often
        ((8.0, 0), False),  # earns less, beyond chance
    ],
)
def test_what_earns_as_much_and_falls_less_is_better(policy, falls_less):
    judge, script = Judge(Falls(), EPISODES, SEED), Falls()
    standing = judge((10.1, 2), Standing()).standing
    assert standing.terminal == 2
    better, after = Judge(script, EPISODES, SEED).falls_less(policy, standing)
    assert better is falls_less
    assert script.played == (1 + CONFIRMATIONS) * EPISODES
    assert after == Standing(10.1, 10.1, standing.steps + script.played * LENGTH, standing.error, 2)


def test_nothing_is_played_where_the_best_policy_never_fell():
    script, standing = Falls(), Judge(Falls(), EPISODES, SEED)((10.0, 0), Standing()).standing
    assert Judge(script, EPISODES, SEED).falls_less((10.0, 0), standing) == (False, standing)
    assert script.played == 0


def test_an_older_checkpoint_does_not_know_how_often_the_best_policy_fell():
    assert Standing.from_dict({"best": 4.0, "selection_steps": 7}) == Standing(4.0, steps=7)
