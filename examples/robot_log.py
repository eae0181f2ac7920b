"""A robot's log in CSV: what is wrong with it, a reward from it, and the moments of a new log that look least expert.

python examples/robot_log.py expert.csv new.csv       (without files, two logs are made up first)
"""

import sys
from pathlib import Path

import numpy as np

import rexd
from rexd.inspection.inspect import inspect_demonstrations


def make_up_log(path: Path, episodes: int, seed: int, fault: bool = False) -> Path:
    """Write the log of a joint that swings to a target angle: one row for each step, with a header."""
    rng, rows = np.random.default_rng(seed), []
    for episode in range(episodes):
        angle, speed = rng.uniform(-1, 1), 0.0
        for step in range(60):
            current = np.clip(-4 * angle - 2 * speed + rng.normal(0, 0.05), -1, 1)
            if fault and 30 <= step < 40:
                current = 1.0  # the controller hangs
            rows.append((episode, step, angle, speed, current))
            speed += 0.2 * current
            angle += 0.1 * speed
    header = "episode,step,obs_angle,obs_speed,action_current"
    np.savetxt(path, rows, fmt="%.6g", delimiter=",", header=header, comments="")
    return path


def main(expert: Path, new: Path) -> rexd.RED:
    """Read both logs, fit a reward to the first and score the second."""
    demos = rexd.load_demonstrations(expert)
    print(f"{expert}: {len(demos)} episodes, {demos.n_transitions} rows; {'; '.join(demos.notes)}")
    for finding in inspect_demonstrations(demos).findings:
        print(f"  {finding.severity}: {finding.message} {finding.mend}")
    reward = rexd.RED(seed=0).fit(demos)
    reward.save(expert.with_suffix(".safetensors"))
    for number, episode in enumerate(rexd.load_demonstrations(new)):
        paid = reward.predict(episode.observations, episode.actions, step=episode.steps)  # (steps,)
        worst = int(np.convolve(paid, np.ones(10) / 10, mode="valid").argmin())
        print(f"{new}, episode {number}: mean reward {paid.mean():.2f}; least expert in steps {worst} to {worst + 9}")
    return reward


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[1:]]
    if not files:
        files = [make_up_log(Path("expert.csv"), 8, seed=0), make_up_log(Path("new.csv"), 2, seed=1, fault=True)]
    main(*files)
