"""A training loop that is not rexd's: the cross-entropy method over linear policies, on Gymnasium's vector interface.

Each of the environments plays one candidate, and the learned reward alone ranks the candidates.

python examples/vector_loop.py --iterations 30
"""

import argparse

import gymnasium
import numpy as np

import rexd
from rexd.rl import RewardVectorWrapper


def play(envs: RewardVectorWrapper, policies: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the learned and the true return (n,) of one episode of each linear policy: (n, actions, columns)."""
    observations, _ = envs.reset(seed=seed)
    learned, true, playing = np.zeros(len(policies)), np.zeros(len(policies)), np.ones(len(policies), bool)
    while playing.any():
        actions = np.clip(np.einsum("nac,nc->na", policies, observations), -1, 1).astype(np.float32)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        learned += rewards * playing
        true += infos["original_reward"] * playing  # for the reader; the search never uses it
        playing &= ~(terminated | truncated)
    return learned, true


def search(candidates: int, iterations: int, steps: int) -> list[float]:
    """Search for policies that the learned reward pays best, and return the mean learned return of each iteration."""
    demos = rexd.bundled_demonstrations("HalfCheetah-v5").subsample(20, seed=0)
    reward = rexd.RED(seed=0).fit(demos)
    envs = gymnasium.make_vec("HalfCheetah-v5", num_envs=candidates, vectorization_mode="sync", max_episode_steps=steps)
    envs = RewardVectorWrapper(envs, reward)
    rng, progress = np.random.default_rng(0), []
    shape = (*envs.single_action_space.shape, *envs.single_observation_space.shape)
    mean, spread = np.zeros(shape), np.full(shape, 0.3)
    for iteration in range(iterations):
        policies = mean + spread * rng.normal(size=(candidates, *shape))
        learned, true = play(envs, policies, seed=iteration)
        best = policies[np.argsort(learned)[-max(candidates // 4, 2) :]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + 0.02
        progress.append(float(learned.mean()))
        print(f"iteration {iteration}: learned return {learned.mean():.1f}, true return {true.mean():.1f}")
    envs.close()
    return progress


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    search(options.candidates, options.iterations, options.steps)
