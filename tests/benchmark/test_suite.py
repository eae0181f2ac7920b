import pytest
from suites import TASK, content, suite

from rexd.benchmark.checked import check
from rexd.benchmark.runs import expand
from rexd.benchmark.suite import load_suite, parse_suite, suite_names
from rexd.errors import RexdError
from rexd.reading.bundled import bundled_tasks
from rexd.reward.red.config import REDConfig
from rexd.rl.config import TrainConfig


def test_a_suite():
    found = suite()
    assert [task.name for task in found.tasks] == ["A", "B"]
    assert (found.tasks[0].target, found.tasks[1].target) == (None, 90.0)
    assert found.regimes[1].subsample == 1
    assert found.methods[1].settings == {"reward_source": "env"}
    assert found.seeds == (0, 1)


@pytest.mark.parametrize("name", suite_names())
def test_shipped_suites_are_understood(name):
    found = load_suite(name)
    assert found.name == name
    assert found.methods[0].name == "rexd"
    assert not found.methods[0].settings.get("reward_source")
    if name == "quick":
        assert {task.env.lower() for task in found.tasks} <= set(bundled_tasks())


def test_settings_of_a_task_lie_over_those_of_the_method():
    methods = content()["methods"]
    methods["env"]["settings"] = {"discount": 0.9, "reward": {"sigma": 5.0, "updates": 7}}
    methods["env"]["tasks"]["B"]["settings"] = {"batch_size": 8, "reward": {"sigma": 6.0}}
    found = suite(methods=methods)
    a, b = (found.methods[1].settings_of(task) for task in found.tasks)
    assert a == {"discount": 0.9, "reward": {"sigma": 5.0, "updates": 7}}
    assert b == {"discount": 0.9, "batch_size": 8, "reward": {"sigma": 6.0, "updates": 7}}


def changed(**tables):
    """The content with keys of one task, regime or method set; None takes one away."""
    found = content()
    for table, (name, changes) in tables.items():
        item = found[table].setdefault(name, {})
        for key, value in changes.items():
            if value is None:
                del item[key]
            else:
                item[key] = value
    return found


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (changed(tasks=("A", {"stepps": 3})), "tasks.A has an unknown key 'stepps'. Did you mean 'steps'"),
        (changed(tasks=("A", {"steps": "many"})), "tasks.A: steps is 'many'; expected a whole number"),
        (changed(tasks=("A", {"steps": True})), "tasks.A: steps is True; expected a whole number"),
        (changed(tasks=("A", {"steps": 0})), "tasks.A: steps is 0"),
        (changed(tasks=("A", {"env": None})), "tasks.A has no 'env'; add it, it is a text"),
        (changed(tasks=("A", {"random_return": 100})), "not above random_return 100"),
        (
            changed(tasks=("A", {"regimes": ["4x1"]})),
            "tasks.A.regimes names '4x1'. Did you mean '4x5'? The regimes are 4x5, 1x1",
        ),
        (
            changed(tasks=("A", {"goal": [4, 5], "relative": [8]})),
            "tasks.A: the goal has 2 columns, [4, 5], and what is reached has 1, [8]; expected as many",
        ),
        (changed(tasks=("A", {"goal": [4]})), "tasks.A: the goal has 1 columns, [4], and what is reached has 0"),
        (changed(tasks=("A/B", dict(TASK))), "'A/B' is no name for a file"),
        (changed(regimes=("1x1", {"trajectories": 0})), "regimes.1x1: trajectories and subsample"),
        (changed(regimes=("1x1", {"steps": {"C": 5}})), "regimes.1x1.steps names 'C'. The tasks are A, B"),
        (changed(regimes=("1x1", {"steps": {"A": 0}})), "regimes.1x1: steps of A is 0; expected 1 or more"),
        (changed(regimes=("1x1", {"steps": {"A": "all"}})), "regimes.1x1: steps is {'A': 'all'}; expected a table"),
        (changed(methods=("env", {"settings": {"discont": 1}})), "methods.env.settings has an unknown key 'discont'"),
        (changed(methods=("env", {"settings": {"reward": {"shape": "round"}}})), "settings.reward: shape is 'round'"),
        (changed(methods=("env", {"settings": {"seed": 1}})), "unknown key 'seed'"),
        (changed(methods=("env", {"settings": {"discount": 2.0}})), "methods.env.settings, on task A: discount is 2.0"),
        (changed(methods=("env", {"tasks": {"C": {}}})), "methods.env.tasks names 'C'. The tasks are A, B"),
        (changed(methods=("env", {"tasks": {"A": {"seeds": [1]}}})), "methods.env.tasks.A has an unknown key 'seeds'"),
        (changed(methods=("env", {"tasks": {"A": {"steps": 0}}})), "methods.env.tasks.A: steps is 0"),
        (
            changed(methods=("env", {"tasks": {"A": {"settings": {"discount": "high"}}}})),
            "methods.env.tasks.A.settings: discount is 'high'; expected a number",
        ),
        (changed(methods=("bc", {"settings": {"discount": 0.9}})), "takes neither settings nor steps"),
        (changed(methods=("bc", {"kind": "magic"})), "kind is 'magic'; expected one of 'training', 'cloning'"),
        (content(seeds=[0, 0]), "seeds is [0, 0]; expected numbers from 0, each once"),
        (content(seeds=[0.5]), "seeds is [0.5]; expected a list, each a whole number"),
        (content(tasks={}), "has no [tasks.NAME] table"),
        (content(task={}), "has an unknown key 'task'"),
        (content(methods={"a": 3}), "methods.a is 3; expected a table"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(RexdError) as caught:
        parse_suite(wrong, name="x", where="my.toml")
    assert str(caught.value).startswith("my.toml")
    assert message in str(caught.value)


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('about = "x"\nseeds = [3]\n[tasks.A]\n')
    with pytest.raises(RexdError, match=r"mine\.toml: tasks\.A has no 'env'"):
        load_suite(str(path))
    path.write_text("seeds = [")
    with pytest.raises(RexdError, match=r"mine\.toml: is no valid TOML"):
        load_suite(str(path))


def test_an_unknown_suite_names_the_near_one():
    with pytest.raises(RexdError, match=r"no suite 'quik'\. Did you mean 'quick'"):
        load_suite("quik")


def test_red_as_in_the_paper_has_the_papers_settings():
    found = [run for run in expand(load_suite("red")) if run.method.name == "red-paper"]
    assert len(found) == 5
    for run in found:
        assert run.config.reward == REDConfig.paper(run.task.name, rows=200)
        assert run.config.discount == (0.99 if run.task.name == "Reacher" else 0.97)


def test_the_settings_of_a_reward_are_those_of_its_type():
    check(TrainConfig, {"reward": {"type": "nearest-neighbour", "k": 3}}, "m")
    with pytest.raises(RexdError, match=r"m\.reward has an unknown key 'updates'.*Known: .*\bk\b"):
        check(TrainConfig, {"reward": {"type": "nearest-neighbour", "updates": 3}}, "m")
    with pytest.raises(RexdError, match=r"m\.reward: no reward has the type 'knn'; expected one of red, nearest-n"):
        check(TrainConfig, {"reward": {"type": "knn"}}, "m")
