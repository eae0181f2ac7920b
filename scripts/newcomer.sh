#!/usr/bin/env bash
# What a newcomer does, from an empty folder: scripts/newcomer.sh [--quick] [FOLDER]
#
# In full it clones this repository and sets it up as the README says, which takes minutes. With --quick it takes the
# rexd that is on the PATH, and runs what costs little: own arrays, own CSV, a custom environment without a time limit,
# a discrete environment, and an evaluation.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
quick=false
if [ "${1:-}" = --quick ]; then quick=true; shift; fi
folder=${1:-$(mktemp -d)}
mkdir -p "$folder" && cd "$folder"
step() { printf '\n== %s\n' "$*"; }

if ! $quick; then
  step "a fresh clone: make demo"
  git clone -q "$here" rexd
  make -C rexd demo
  here=$PWD/rexd
  PATH=$here/.venv/bin:$PATH
fi
few=(--steps 300 --evaluate-every 300 --evaluation-episodes 1 --final-episodes 2 --warm-start 50)

step "own arrays, in Python"
python - <<'PY'
import numpy as np
import rexd

rng = np.random.default_rng(0)
position = np.cumsum(rng.normal(0.0, 0.1, size=(4, 60, 1)), axis=1)
observations = np.concatenate([position, np.roll(position, 1, axis=1)], axis=2).astype(np.float32)
actions = np.clip(-position, -1.0, 1.0).astype(np.float32)
print(rexd.RED(updates=50).fit((observations, actions)))
PY

step "own CSV"
python - <<'PY'
import csv

import numpy as np

with open("log.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["episode", "obs_0", "obs_1", "act_0"])
    rng = np.random.default_rng(0)
    for episode in range(3):
        for step in range(40):
            x, v = rng.normal(size=2)
            rows.writerow([episode, x, v, float(np.tanh(-x - v))])
PY
rexd inspect log.csv || [ $? -eq 1 ]  # 1: there are warnings
rexd fit log.csv --updates 50 -o log.safetensors

step "a custom environment without a time limit"
cat > robot.py <<'PY'
import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Robot(gymnasium.Env):
    """A point that is pushed; no episode ends by itself."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float32)
    action_space = Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=2).astype(np.float32)
        return self.state.copy(), {}

    def step(self, action):
        self.state += 0.1 * np.array([self.state[1], action[0]], np.float32)
        return self.state.copy(), -float(abs(self.state[0])), False, False, {}
PY
rexd train log.csv --env robot:Robot "${few[@]}" --reward.updates 50 --out runs/robot
rexd evaluate runs/robot --env robot:Robot --episodes 2

step "discrete actions"
python - <<'PY'
import gymnasium
import numpy as np
import rexd

env, rollouts = gymnasium.make("CartPole-v1"), []
for seed in range(3):
    (obs, _), seen, taken = env.reset(seed=seed), [], []
    for _ in range(60):
        seen.append(obs)
        taken.append(int(obs[2] + obs[3] > 0))
        obs, *_ = env.step(taken[-1])
    rollouts.append({"observations": np.array(seen), "actions": np.array(taken)})
rexd.save_demonstrations(rexd.to_demonstrations(rollouts, env="CartPole-v1"), "cartpole.npz")
PY
rexd train cartpole.npz --env CartPole-v1 --algorithm sb3-ppo "${few[@]}" --reward.updates 50 --out runs/cartpole

if ! $quick; then
  step "a notebook"
  python -c "import sys, nbformat, nbclient; nbclient.NotebookClient(nbformat.read(sys.argv[1], 4)).execute()" \
    "$here/docs/notebooks/1-fit-and-look.ipynb"
  step "an evaluation with a video"
  rexd evaluate "$here/runs/demo" --episodes 2 --video demo.gif
fi
step "done in $folder"
