"""A Ray cluster: results are the local ones, though workers and then a machine are lost."""

import json
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from offline import Offline, small_reward
from suites import suite

from rexd.benchmark.on_ray import run_all_on_ray
from rexd.benchmark.runs import Folders, expand
from rexd.benchmark.schedule import Phase
from rexd.cli.seeds.run import SeedRun, run_seeds, run_seeds_on_ray
from rexd.cluster import address_of, files_of, finished, joined, write_files
from rexd.errors import MissingExtraError, RexdError
from rexd.reading.bundled import bundled_demonstrations
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.relabel.relabel import relabel

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray leaves sockets and files to the garbage collector


def test_no_address_one_address_and_several():
    assert (address_of(None), address_of(()), address_of(("10.0.0.1:6379",))) == (None, "", "10.0.0.1:6379")
    with pytest.raises(RexdError, match="expected one address, or none"):
        address_of(("a", "b"))


def test_without_ray_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[ray\]'"), joined(""):
        pass


def test_folders_travel(tmp_path):
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "a" / "inner" / "x.bin").write_bytes(b"1")
    (tmp_path / "a" / "done.json").write_text("{}")
    (tmp_path / "a" / ".left.json").write_text("")
    files = files_of(tmp_path / "a")
    assert sorted(files) == ["done.json", "inner/x.bin"]
    write_files(tmp_path / "b", files, last="done.json")
    assert files_of(tmp_path / "b") == files
    assert files_of(tmp_path / "missing") == {}
    for name in ("../x", "/tmp/x", "inner/../../x"):
        with pytest.raises(RexdError, match="leads out of"):
            write_files(tmp_path / "b", {name: b""})


@pytest.fixture(scope="module")
def cluster():
    """Two machines with one core each, as far as one machine can be two."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.second = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


def bytes_of(out):
    return out.read_bytes(), json.loads(out.with_name(f"{out.name}.manifest.json").read_text())["shards"]


def workers() -> list[int]:
    """The processes that execute tasks, of those that this one has started."""
    import psutil

    return [
        child.pid for child in psutil.Process().children(recursive=True) if "ray::_guarded" in child.cmdline()[:1][0]
    ]


@pytest.mark.slow
def test_a_run_whose_worker_is_lost_begins_again(tmp_path, cluster):
    """Both seeds end as the same commands do without a cluster."""
    demos = str(save_demonstrations(bundled_demonstrations("Pendulum-v1").first(2), tmp_path / "demos.npz"))
    options = "--steps 200 --evaluate-every 100 --evaluation-episodes 1 --final-episodes 1 --algorithm sb3-sac"
    words = ["train", demos, "--env", "Pendulum-v1", "--seeds", "0-1", *options.split(), "--reward.updates", "20"]
    runs, killed = [SeedRun(seed, tmp_path / f"seed{seed}") for seed in (0, 1)], []

    def end_one():
        """End a worker at its work, from outside."""
        while not (found := workers()):
            time.sleep(0.1)
        os.kill(found[0], signal.SIGKILL)
        killed.append(found[0])

    ending = threading.Thread(target=end_one, daemon=True)
    ending.start()
    run_seeds_on_ray(runs, words, address=cluster.address, jobs=2, tell=lambda _: None)
    ending.join()
    assert len(killed) == 1
    assert [run.state for run in runs] == ["done", "done"]
    for run in runs:
        alone = SeedRun(run.seed, tmp_path / f"alone{run.seed}")
        run_seeds([alone], words, jobs=1, tell=lambda _: None)
        assert returns_of(run) == returns_of(alone)


def returns_of(run):
    return [(episode["return"], episode["learned_return"]) for episode in run.evaluation["episodes"]]


@pytest.mark.slow
def test_a_worker_and_then_a_machine_are_lost(tmp_path, cluster):
    data = Offline(lengths=(90_000, 100_000, 137_680))  # 20 shards
    reward = small_reward(tmp_path / "reward.safetensors")
    source = data.hdf5(tmp_path / "d.hdf5")
    relabel(reward, source, tmp_path / "local.hdf5", jobs=1)
    lost = []

    def disturb(done, total):
        """End a worker at its work, and later the second machine, from outside."""
        if not lost and done > 0:
            if found := workers():
                lost.append("worker")
                os.kill(found[0], signal.SIGKILL)
        elif lost == ["worker"] and done > total // 3:
            lost.append("machine")
            threading.Thread(target=cluster.remove_node, args=(cluster.second, False)).start()

    made = relabel(reward, source, tmp_path / "ray.hdf5", ray=cluster.address, progress=disturb)
    assert lost == ["worker", "machine"]
    assert made.shards == 20
    assert bytes_of(tmp_path / "ray.hdf5") == bytes_of(tmp_path / "local.hdf5")
    assert not (tmp_path / "ray.hdf5.parts").exists()


@pytest.mark.slow
def test_what_is_left_of_the_cluster_works_on(tmp_path, cluster, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with joined(cluster.address) as ray:
        assert dict(finished(ray, Path, ["a", "b"])) == {"a": Path("a"), "b": Path("b")}
        with pytest.raises(RexdError, match="leads out of"):  # an error of the task, and not one of Ray around it
            [*finished(ray, partial(write_files, tmp_path), [{"../x": b""}])]
        runs, told = [SeedRun(seed, tmp_path / f"seed{seed}") for seed in (0, 1)], []
        words = ["train", "missing.npz", "--env", "Pendulum-v1", "--seeds", "0-1", "--ray", cluster.address]
        run_seeds_on_ray(
            runs, words, address=cluster.address, jobs=1, tell=lambda run: told.append((run.seed, run.state))
        )
        assert sorted(told) == [(0, "failed"), (0, "running"), (1, "failed"), (1, "running")]
        assert all("missing.npz" in run.error and "rexd: error" in run.log.read_text() for run in runs)

        class Seen:
            changes = []  # noqa: RUF012

            def changed(self, item):
                self.changes.append(item.phase)

            def tick(self, items):
                pass

        spec = next(run for run in expand(suite()) if run.task.name == "B")
        folders = Folders(tmp_path / "results", tmp_path / "runs", tmp_path)
        made = run_all_on_ray([spec], folders, address=cluster.address, jobs=1, watch=Seen())
        assert (made[0].phase, Seen.changes) == (Phase.CRASHED, [Phase.RUNNING, Phase.CRASHED])
        assert "b.npz" in json.loads(folders.crash(spec).read_text())["error"]
