import pytest

from rexd.cli.show.run import report, verdict
from rexd.rl.config import TrainConfig
from rexd.rl.training.run_folder import Run


def summary(mean, n=20):
    return {"mean": mean, "std": 2.5, "iqm": mean + 1.0, "low": mean - 5.0, "high": mean + 5.0, "n": n}


def evaluation(**more):
    return {
        "episodes": [],
        "true": summary(3600.0),
        "learned": summary(485.0),
        "steps": 12_000,
        "selected_at": 8_000,
        "seconds": 61.0,
        **more,
    }


COMPARED = evaluation(
    clone={"episodes": [], "true": summary(1200.0, 10), "learned": summary(205.0, 10)},
    demonstrations={"learned": summary(500.0, 4)},
)


def shown(capsys, found, demonstrated, **options):
    run = Run("runs/x", TrainConfig(), "Hopper-v5", {}, found)
    report(run, demonstrated, as_json=False, **options)
    return capsys.readouterr().out


def test_the_verdict_compares_learned_returns():
    assert verdict(COMPARED) == ("The policy reaches 97% of the demonstrations' learned return; the clone reaches 41%.")


def test_without_a_clone_the_verdict_is_of_the_policy_alone():
    found = evaluation(demonstrations=COMPARED["demonstrations"])
    assert verdict(found) == "The policy reaches 97% of the demonstrations' learned return."


def test_a_run_that_kept_a_clone_says_so_in_its_verdict():
    assert verdict({**COMPARED, "selected_at": 0}).startswith("The policy, a clone of them, reaches 97%")


@pytest.mark.parametrize(
    "found", [{}, evaluation(), evaluation(learned=None), evaluation(demonstrations={"learned": summary(0.0)})]
)
def test_where_there_is_nothing_to_compare_with_there_is_no_verdict(found):
    """As in the folders of older runs, of controls, and of runs that are not finished."""
    assert verdict(found) is None


def test_the_table_has_true_and_learned_returns_of_each(capsys):
    lines = shown(capsys, COMPARED, (3800.0, 3700.0)).splitlines()
    rows = {line.split()[0]: line.split()[-1] for line in lines[1:4]}
    assert rows == {"demonstrations": "2", "clone": "10", "policy": "20"}
    for heading in ("true return", "IQM [95% interval]", "learned return", "episodes"):
        assert heading in lines[0]
    assert "3,750 ± 70.7" in lines[1]
    assert "500.0 ± 2.500" in lines[1]
    assert "1,200 ± 2.500" in lines[2]
    assert "485.0 ± 2.500" in lines[3]
    assert "3,601 [3,595, 3,605]" in lines[3]
    assert lines[4] == verdict(COMPARED)


def test_demonstrations_without_rewards_have_their_learned_return(capsys):
    row = shown(capsys, COMPARED, None).splitlines()[1]
    assert row.split() == ["demonstrations", "500.0", "±", "2.500", "4"]


def test_an_older_folder_is_shown_without_what_it_lacks(capsys):
    lines = shown(capsys, evaluation(), (3800.0, 3700.0)).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["demonstrations", "policy", "environment"]


def test_a_run_by_the_environment_s_reward_has_no_learned_column(capsys):
    lines = shown(capsys, evaluation(learned=None), None).splitlines()
    assert "learned return" not in lines[0]
    assert lines[1].startswith("policy")


def test_a_single_episode_has_no_spread_and_no_interval(capsys):
    one = {**summary(3600.0, 1), "std": None, "low": None, "high": None}
    lines = shown(capsys, evaluation(true=one, learned=None), None).splitlines()
    assert lines[0].split() == ["true", "return", "episodes"]
    assert lines[1].split() == ["policy", "3,600", "1"]
