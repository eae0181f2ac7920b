"""The training loop: its rate against other SACs, where a step's time goes, how far that is from arithmetic alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import rexd
from rexd.benchmark.worker import one_thread
from rexd.reward.base import predict_at
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows
from rexd.rl.learners.sbx.threads import one_torch_thread

from measuring import in_turns, processor_seconds, seconds

ENV = "HalfCheetah-v5"
STEPS = 800
Layer = tuple[int, int]  # inputs, outputs
Product = tuple[int, int, int]  # (m, k) @ (k, n)


def train() -> dict[str, Any]:
    """Environment steps a second with learned reward and demonstration replay, against sbx SAC and SB3 SAC."""
    learner = _learner()
    sbx, sb3 = _plain(learner.config, "sbx"), _plain(learner.config, "stable_baselines3")

    def ours() -> float:
        with one_torch_thread():  # as in a run
            return STEPS / seconds(lambda: learner.learn(STEPS, None))

    def learn(model: Any) -> float:
        return STEPS / seconds(lambda: model.learn(STEPS, reset_num_timesteps=False, log_interval=None))

    for model in (sbx, sb3):
        model.learn(learner.config.learning_starts + 400, reset_num_timesteps=False, log_interval=None)
    rate, jax_rate, torch_rate = in_turns(ours, lambda: learn(sbx), lambda: learn(sb3))
    return {
        "ratio": rate / jax_rate,
        "ratio_sb3": rate / torch_rate,
        "aim": "at least 0.9",
        "met": rate / jax_rate >= 0.9,
        "what": f"steps/s with learned reward and replay, {rate:.0f}, to those of plain sbx SAC, {jax_rate:.0f}; "
        f"Stable-Baselines3's SAC has {torch_rate:.0f}",
    }


def step() -> dict[str, Any]:
    """Processor time of a step, part by part, against the matrix products of its update alone.

    In a process of one thread on one core: of several, what they spend waiting for one another would count as work.
    """
    measured = subprocess.run(
        [sys.executable, __file__], env=one_thread(os.environ), stdout=subprocess.PIPE, check=True, text=True
    )
    result: dict[str, Any] = json.loads(measured.stdout)
    return result


def _step() -> dict[str, Any]:
    learner = _learner()
    config, model = learner.config, learner.model
    block = config.updates_every
    critic, actor = _layers(model.policy.qf_state.params), _layers(model.policy.actor_state.params)
    products = update_products(
        actor, critic, model.policy.n_critics, config.batch_size, config.batch_size // 2, model.action_space.shape[0]
    )
    parts = _parts(learner, block)
    whole, reward_in_blocks = parts.pop("step"), parts.pop("reward in blocks")
    bound = 1e3 * sum(times * product_seconds(product) for product, times in products.items())
    work = sum(m * k * n * times for (m, k, n), times in products.items())
    shares = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
    return {
        "ratio": whole / bound,
        "ratio_update": parts["update"] / bound,
        "aim": "at most 2",
        "met": whole / bound <= 2,
        "milliseconds": {
            "step": whole,
            **parts,
            "rest": whole - sum(parts.values()),
            "bound": bound,
            "reward in blocks": reward_in_blocks,
        },
        "gigaflops": {"matrix products": 2e-6 * work / bound, "update": 2e-6 * work / parts["update"]},
        "what": f"milliseconds of processor time of a step, {whole:.2f} ({shares}), to those of its update's "
        f"{work / 1e6:.0f} million multiply-adds, {bound:.2f}; a reward in blocks of {block}, {reward_in_blocks:.2f}",
    }


def _learner() -> Any:
    """The default learner on its task, compiled and some way into training."""
    from rexd.envs.make import make_environment
    from rexd.rl.config import TrainConfig
    from rexd.rl.learners.sbx.learner import SbxLearner
    from rexd.rl.replay.demonstrations import DemonstrationReplay
    from rexd.rl.wrappers.scaling import ObservationScale
    from rexd.rl.wrappers.training_env import training_environment

    demonstrations, config = rexd.bundled_demonstrations().subsample(20), TrainConfig()
    model, scale = RED().fit(demonstrations), ObservationScale.of(demonstrations)
    env = training_environment(lambda: make_environment(ENV), model, scale, absorbing=False, in_blocks=True)
    bounds = (env.action_space.low, env.action_space.high)
    replay = DemonstrationReplay.of(demonstrations, model.predict_demonstrations(demonstrations), scale, *bounds)
    learner = SbxLearner(config, env, scale, replay)
    learner.learn(config.learning_starts + 400, None)
    return learner


def _plain(config: Any, library: str) -> Any:
    """SAC of a library as it is, with the same update schedule and networks; LayerNorm where it knows it."""
    from importlib import import_module

    from stable_baselines3.common.vec_env import DummyVecEnv

    from rexd.envs.make import make_environment

    return import_module(library).SAC(
        "MlpPolicy",
        DummyVecEnv([lambda: make_environment(ENV)]),
        seed=0,
        learning_starts=config.learning_starts,
        train_freq=(config.updates_every, "step"),
        gradient_steps=config.updates_every,
        ent_coef=f"auto_{config.entropy_coefficient}",
        **({"policy_kwargs": {"layer_norm": True}} if library == "sbx" else {"device": "cpu"}),
    )


def _parts(learner: Any, block: int) -> dict[str, float]:
    """Milliseconds of each part of a step, measured alone; those of updates are shared by the steps of a block."""
    import jax

    model, reward = learner.model, learner.model.env.venv.reward_model
    env = learner.model.env.venv.venv.envs[0]
    env.reset(seed=0)
    rows = Rows.of_transitions(rexd.bundled_demonstrations().transitions())
    action, observation = env.action_space.sample(), learner.scale.apply(rows.obs[:1])

    def finish() -> None:
        """Wait for the updates that JAX has begun."""
        jax.block_until_ready(model.policy.actor_state.params)

    works = {
        "step": (lambda: learner.learn(block, None), block),
        "environment": (lambda: env.step(action), 1),
        "reward": (lambda: predict_at(reward, rows[:1]), 1),
        "reward in blocks": (lambda: predict_at(reward, rows[:block]), block),
        "action": (lambda: model.predict(observation, deterministic=False), 1),
        "batch": (lambda: model._batches(block, model.batch_size), block),
        "update": (lambda: model.train(block, model.batch_size), block),
    }

    def mean(work: Any) -> float:
        finish()
        return processor_seconds(lambda: ([work() for _ in range(10)], finish())) / 10

    for work, _ in works.values():
        work()
    times = in_turns(*(lambda work=work: mean(work) for work, _ in works.values()), turns=5)
    parts = {name: 1e3 * time / steps for (name, (_, steps)), time in zip(works.items(), times, strict=True)}
    parts["update"] -= parts["batch"]  # which ``train`` draws
    return parts


def _layers(params: Any) -> list[Layer]:
    """Sizes of the dense layers, in order, whether or not several networks are stacked."""
    import jax

    kernels = {
        jax.tree_util.keystr(path): leaf.shape[-2:]
        for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]
        if "kernel" in jax.tree_util.keystr(path)
    }
    return [tuple(kernels[name]) for name in sorted(kernels)]


def update_products(
    actor: Sequence[Layer], critic: Sequence[Layer], critics: int, batch: int, cloned: int, actions: int
) -> Counter[Product]:
    """The matrix products that an update of SAC with cloning cannot do without, and how often it does each.

    Args:
        actor: Layers of the actor, the first takes the observation, the last two are the heads of μ and σ.
        critic: Layers of one critic.
        critics: How many there are.
        batch: Rows of an update.
        cloned: Rows of the cloning term.
        actions: A, the columns of the critic's input through which the actor's gradient goes.
    """
    mode = actor[:-1]  # cloning takes μ alone
    per_critic = [
        *_forward(critic, batch),  # of the target, at the next action
        *_forward(critic, batch),
        *_backward(critic, batch),
        *_forward(critic, batch),  # for the actor
        *_to_inputs(critic[1:], batch),
        (batch, critic[0][1], actions),
    ]
    per_actor = [
        *_forward(actor, batch),  # the next action
        *_forward(actor, batch),
        *_backward(actor, batch),
        *_forward(mode, cloned),
        *_backward(mode, cloned),
    ]
    return Counter(per_critic * critics + per_actor)


def _forward(layers: Sequence[Layer], rows: int) -> list[Product]:
    return [(rows, inputs, outputs) for inputs, outputs in layers]


def _backward(layers: Sequence[Layer], rows: int) -> list[Product]:
    """Gradients of all weights; those of inputs but for the first layer's, which are data."""
    return [*((inputs, rows, outputs) for inputs, outputs in layers), *_to_inputs(layers[1:], rows)]


def _to_inputs(layers: Sequence[Layer], rows: int) -> list[Product]:
    return [(rows, outputs, inputs) for inputs, outputs in layers]


def product_seconds(product: Product) -> float:
    """The least processor time of one float32 product of this shape, by NumPy or by PyTorch."""
    m, k, n = product
    rng = np.random.default_rng(0)
    a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
    out = np.empty((m, n), np.float32)
    tensors = [torch.from_numpy(array) for array in (a, b, out)]
    works = (lambda: np.matmul(a, b, out=out), lambda: torch.mm(*tensors[:2], out=tensors[2]))
    return min(processor_seconds(work) for work in works for _ in range(200))


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):  # before JAX starts its threads
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(_step()))
