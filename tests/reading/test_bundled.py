import pytest

from rexd.errors import DemonstrationError
from rexd.reading.bundled import DEFAULT_TASK, bundled_demonstrations, bundled_tasks


def test_unknown_task_lists_what_is_shipped():
    known = ", ".join(bundled_tasks()) or "no task"
    with pytest.raises(DemonstrationError, match=f"there are demonstrations of {known}"):
        bundled_demonstrations("NoSuchTask-v0")


@pytest.mark.skipif(DEFAULT_TASK.lower() not in bundled_tasks(), reason="the demonstrations are not recorded yet")
def test_half_cheetah():
    demos = bundled_demonstrations()
    assert demos.env_id == DEFAULT_TASK
    assert (demos.obs_dim, demos.act_dim) == (17, 6)
    assert len(demos) >= 4
    assert demos.returns is not None
    assert min(demos.returns) > 5000


@pytest.mark.parametrize(
    ("task", "columns", "worst"),
    [("Pendulum-v1", (3, 1), -400), ("Reacher-v5", (10, 2), -7), ("LunarLanderContinuous-v3", (8, 2), 200)],
)
def test_small_tasks(task, columns, worst):
    demos = bundled_demonstrations(task)
    assert demos.env_id == task
    assert (demos.obs_dim, demos.act_dim, len(demos)) == (*columns, 4)
    assert demos.returns is not None
    assert min(demos.returns) > worst
