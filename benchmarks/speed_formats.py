"""How quickly files are read, as ratios in one run: ``python benchmarks/speed_formats.py``.

A format of numpy's arrays against ``np.load`` of the same bytes (aim: at most twice its time); a list of one dict for
each transition in transitions a second, once it is unpickled (aim: 250,000) and with the unpickling.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos import Demonstrations, Trajectory
from rexd.reading.formats.d4rl import save_d4rl
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.from_memory import to_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.reading.minari.writing import save_minari

from measuring import in_turns

COLUMNS, ACTIONS = 17, 6


def seconds(work: Callable[[], Any]) -> float:
    """Processor time, which other work on the machine changes less than the clock's."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def demonstrations(count: int, length: int) -> Demonstrations:
    rng = np.random.default_rng(0)
    return Demonstrations(
        tuple(
            Trajectory.from_steps(
                rng.standard_normal((length + 1, COLUMNS), np.float32),
                rng.standard_normal((length, ACTIONS), np.float32),
                rewards=np.ones(length),
            )
            for _ in range(count)
        )
    )


def as_rows(demos: Demonstrations) -> dict[str, np.ndarray]:
    names = ("observations", "actions", "next_observations", "rewards")
    found = {name: np.concatenate([getattr(t, name) for t in demos]) for name in names}
    return {**found, "dones": np.concatenate([t.truncated for t in demos])}


def load_all(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def compare(name: str, file: Path, same: Path) -> None:
    """The time of reading a file over that of ``np.load`` of the same arrays."""
    plain, ours = in_turns(
        lambda: seconds(lambda: load_all(same)), lambda: seconds(lambda: load_demonstrations(file)), turns=7
    )
    print(f"{name:44} {ours / plain:5.2f} times np.load of the same arrays ({ours:.3f} s)")


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        demos = demonstrations(200, 1000)
        rows = as_rows(demos)
        np.savez(folder / "rows.npz", **rows)
        np.savez(folder / "without.npz", **{name: rows[name] for name in rows if name != "next_observations"})
        compare("npz with next observations", folder / "rows.npz", folder / "rows.npz")
        compare("npz without next observations", folder / "without.npz", folder / "without.npz")
        compare("rexd npz", save_demonstrations(demos, folder / "rexd.npz"), folder / "rexd.npz")
        compare("D4RL HDF5", save_d4rl(demos, folder / "d4rl.hdf5"), folder / "rows.npz")
        short = demonstrations(4000, 50)
        stored = ("observations", "actions", "rewards", "terminated", "truncated")
        each = {f"{n}_{name}": getattr(t, name) for n, t in enumerate(short) for name in stored}
        np.savez(folder / "episodes.npz", **each)
        compare("Minari, 4000 episodes", save_minari(short, folder / "short-v0"), folder / "episodes.npz")
        keys = {"obs": "observations", "action": "actions", "next_obs": "next_observations", "done": "dones"}
        steps = [{key: rows[name][n] for key, name in keys.items()} for n in range(50_000)]
        (folder / "steps.pkl").write_bytes(pickle.dumps(steps))
        held, read = in_turns(
            lambda: seconds(lambda: to_demonstrations(steps)),
            lambda: seconds(lambda: load_demonstrations(folder / "steps.pkl")),
        )
        print(f"{'list of dicts, once unpickled':44} {len(steps) / held:9,.0f} transitions a second")
        print(f"{'list of dicts, with the unpickling':44} {len(steps) / read:9,.0f} transitions a second")


if __name__ == "__main__":
    main()
