import json
from dataclasses import replace

import pytest
from suites import content, save, suite

from rexd.benchmark.runs import (
    Folders,
    RunSpec,
    State,
    check_data,
    differences,
    expand,
    folder_differences,
    narrowed,
    read_result,
    results_of,
    state_of,
)
from rexd.errors import RexdError


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path / "results", tmp_path / "runs")


def ids(found):
    return [run.id for run in expand(found)]


def test_a_suite_expands_to_runs_in_order():
    assert ids(suite()) == [
        "4x5/A-ours-seed0", "4x5/B-ours-seed0", "4x5/A-ours-seed1", "4x5/B-ours-seed1",
        "4x5/A-env-seed0", "4x5/B-env-seed0",
        "4x5/A-bc-seed0", "4x5/B-bc-seed0", "4x5/A-bc-seed1", "4x5/B-bc-seed1",
        "1x1/A-ours-seed0", "1x1/B-ours-seed0", "1x1/A-ours-seed1", "1x1/B-ours-seed1",
    ]  # fmt: skip


def test_steps_are_the_tasks_the_methods_or_the_users():
    steps = {run.id: run.steps for run in expand(suite())}
    assert [steps[f"4x5/{name}-seed0"] for name in ("A-ours", "A-env", "B-env", "A-bc")] == [400, 800, 900, 0]
    assert {run.steps for run in expand(suite(), steps=7)} == {7, 0}


def test_a_regime_may_set_the_steps_of_a_task():
    regimes = content()["regimes"]
    regimes["4x5"]["steps"] = {"A": 70, "B": 80}
    runs = {run.id: run for run in expand(suite(regimes=regimes))}
    assert {name: runs[f"{name}-seed0"].steps for name in ("4x5/A-ours", "4x5/B-ours", "1x1/A-ours", "4x5/A-bc")} == {
        "4x5/A-ours": 70, "4x5/B-ours": 80, "1x1/A-ours": 400, "4x5/A-bc": 0,
    }  # fmt: skip
    assert (runs["4x5/A-env-seed0"].steps, runs["4x5/B-env-seed0"].steps) == (800, 900)  # what methods say counts more
    before = {run.id: run.settings for run in expand(suite())}
    assert before == {name: run.settings for name, run in runs.items()}  # so that no result gets stale


def test_a_task_may_keep_out_of_a_regime():
    tasks = content()["tasks"]
    tasks["B"]["regimes"] = ["1x1"]
    assert "4x5/B-ours-seed0" not in ids(suite(tasks=tasks))
    assert "1x1/B-ours-seed0" in ids(suite(tasks=tasks))


def test_states_alone_are_not_cloned():
    alone = suite()
    alone = replace(alone, tasks=(replace(alone.tasks[0], without_actions=True), *alone.tasks[1:]))
    assert [name for name in ids(alone) if "-bc-" in name] == ["4x5/B-bc-seed0", "4x5/B-bc-seed1"]
    assert "4x5/A-ours-seed0" in ids(alone)


def test_a_part_of_a_suite():
    assert ids(narrowed(suite(), tasks=["A"], regimes=["1x1"])) == ["1x1/A-ours-seed0", "1x1/A-ours-seed1"]
    # methods keep to their own seeds and regimes, unless they are asked for by name
    assert not [name for name in ids(narrowed(suite(), seeds=[5])) if "env" in name]
    assert ids(narrowed(suite(), tasks=["A"], methods=["env"], seeds=[5])) == ["4x5/A-env-seed5"]
    assert ids(narrowed(suite(), tasks=["A"], methods=["env"], regimes=["1x1"])) == ["1x1/A-env-seed0"]
    with pytest.raises(RexdError, match=r"no method 'our'\. Did you mean 'ours'"):
        narrowed(suite(), methods=["our"])


def test_a_run_goes_through_json():
    for run in expand(suite()):
        assert RunSpec.from_dict(json.loads(json.dumps(run.to_dict()))).settings == run.settings
    folders = Folders.from_dict(json.loads(json.dumps(Folders("a", "b", "c").to_dict())))
    assert folders.result(run).as_posix() == f"a/tiny/{run.id}.json"


def test_states(folders):
    run = expand(suite())[0]
    assert state_of(run, folders) is State.NEW
    folders.run(run).mkdir(parents=True)
    (folders.run(run) / "config.json").write_text(json.dumps({"train": run.config.to_dict()}))
    assert state_of(run, folders) is State.STARTED
    save(folders, run, 50.0, steps=run.steps - 1)
    assert state_of(run, folders) is State.STARTED
    save(folders, run, 50.0)
    assert state_of(run, folders) is State.DONE
    assert state_of(replace(run, steps=run.steps + 1), folders) is State.STARTED


def test_other_settings_make_a_result_stale_and_are_named(folders):
    run = expand(suite())[0]
    save(folders, run, 50.0)
    method = replace(run.method, settings={"discount": 0.9, "reward": {"clock": not run.config.reward.clock}})
    other = replace(run, method=method)
    assert state_of(other, folders) is State.STALE
    clock = run.config.reward.clock
    assert differences(other, folders) == ["discount was 0.99, is 0.9", f"reward.clock was {clock}, is {not clock}"]


def test_auto_is_the_algorithm_that_a_result_records(folders):
    run = expand(suite())[0]
    assert run.config.algorithm == "auto"
    for recorded in ("sbx-sac", "sbx-sac-discrete"):
        save(folders, run, 50.0, settings={**run.settings, "algorithm": recorded})
        assert state_of(run, folders) is State.DONE
    save(folders, run, 50.0, settings={**run.settings, "algorithm": "sb3-ppo"})
    assert differences(run, folders) == ["algorithm was 'sb3-ppo', is 'auto'"]
    chosen = replace(run, method=replace(run.method, settings={"algorithm": "sbx-sac"}))
    save(folders, run, 50.0, settings={**run.settings, "algorithm": "sbx-sac-discrete"})
    assert differences(chosen, folders) == ["algorithm was 'sbx-sac-discrete', is 'sbx-sac'"]


def test_results_outlive_a_new_setting_at_its_default(folders):
    run = expand(suite())[0]
    old = {name: value for name, value in run.settings.items() if name != "discount"}  # as if it were new
    save(folders, run, 50.0, settings=old)
    assert state_of(run, folders) is State.DONE
    assert differences(replace(run, method=replace(run.method, settings={"discount": 0.9})), folders)


def test_a_result_that_does_not_say_what_it_was_made_with_is_stale(folders):
    run = expand(suite())[0]
    path = save(folders, run, 50.0)
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "settings"}))
    assert state_of(run, folders) is State.STALE


def test_an_unfinished_run_of_other_settings_is_stale(folders):
    run = expand(suite())[0]
    folders.run(run).mkdir(parents=True)
    config = {**run.config.to_dict(), "steps": 3, "batch_size": 8}
    (folders.run(run) / "config.json").write_text(json.dumps({"train": config}))
    assert state_of(run, folders) is State.STALE
    assert folder_differences(run, folders) == ["batch_size was 8, is 256"]


def test_a_shorter_result_cannot_go_on_in_a_folder_of_other_settings(folders):
    run = expand(suite())[0]
    save(folders, run, 50.0, steps=run.steps - 1)
    folders.run(run).mkdir(parents=True)
    (folders.run(run) / "config.json").write_text(json.dumps({"train": {**run.config.to_dict(), "batch_size": 8}}))
    assert state_of(run, folders) is State.STALE  # so that only --redo deletes the folder
    assert state_of(replace(run, steps=run.steps - 1), folders) is State.DONE


def test_missing_demonstrations_are_named_before_anything_runs(folders, tmp_path):
    a, b = expand(suite())[:2]
    check_data([a], folders)
    with pytest.raises(RexdError, match=r"task B needs b\.npz; name the folder that it lies in with --data"):
        check_data([a, b], folders)
    with pytest.raises(RexdError, match=r"has no b\.npz"):
        check_data([b], replace(folders, data=tmp_path))


def test_damaged_results_are_named(folders):
    path = folders.results / "tiny" / "4x5" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"steps": 3}')
    for read in (lambda: read_result(path), lambda: results_of(suite(), folders)):
        with pytest.raises(RexdError, match=r"x\.json: is no result of a run"):
            read()
    assert read_result(path.with_name("none.json")) is None
