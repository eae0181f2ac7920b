"""A reward or a policy as one ONNX file, which any ONNX runtime computes without rexd and without PyTorch.

All that rexd does between raw rows and the result is in the graph: one-hot actions, the way to a goal, the clock,
standardising columns and pixels, the networks and the shape of the reward. The first axis of every input is the batch,
of any size.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rexd.errors import RexdError, import_extra
from rexd.files import atomic_path
from rexd.reward.columns import CLOCK_STEPS, InputColumns
from rexd.reward.red.red import RED
from rexd.rl.policies.policy import Policy

OBSERVATION, ACTION, NEXT, STEP = "observation", "action", "next_observation", "step"
_EXAMPLE = 2  # rows of the example that the graph is traced with; one row would be taken for a fixed size


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        inputs: What the graph takes: the shape and the type of each input, in words.
        outputs: What it gives, likewise.
    """

    path: Path
    inputs: dict[str, str]
    outputs: dict[str, str]


def export_reward(model: object, path: str | Path) -> Exported:
    """Write a fitted RED as a graph whose outputs are ``reward`` and ``novelty``.

    Raises:
        RexdError: The reward is of another kind.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    if not isinstance(model, RED):
        raise RexdError(
            f"a reward of the kind {type(model).__name__} cannot be written as an ONNX graph; expected RED, whose "
            "networks are plain. Use rexd.load_reward and its predict in Python"
        )
    examples, inputs = _examples(model.encoder_.columns)
    outputs = {"reward": "float32 (batch,), 0 to 1", "novelty": "float32 (batch,), 0 or more, without a unit"}
    about = f"rexd reward, shape {model.fitted_.shape}"
    return _write(_RewardGraph(model), examples, Exported(Path(path), inputs, outputs), about)


def export_policy(policy: Policy, path: str | Path) -> Exported:
    """Write a policy as a graph from raw observations to deterministic actions.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
    """
    spec = policy.spec
    example, takes = _observations(spec.image, policy.obs_dim)
    if spec.distribution == "categorical":
        gives = "int64 " + (_shape(len(spec.choices)) if spec.choices else "(batch,)")
    else:
        gives = f"float32 {_shape(len(spec.low))}, within the bounds"
    exported = Exported(Path(path), {OBSERVATION: takes}, {ACTION: gives})
    return _write(_PolicyGraph(policy), {OBSERVATION: example}, exported, "rexd policy, deterministic actions")


def _shape(*sizes: int) -> str:
    return f"(batch, {', '.join(map(str, sizes))})"


def _observations(image: tuple[int, ...], columns: int) -> tuple[Tensor, str]:
    """Return an example of observations, which are images if their shape is given, and what they are in words."""
    if image:
        return torch.zeros(_EXAMPLE, *image, dtype=torch.uint8), "uint8 " + _shape(*image)
    return torch.zeros(_EXAMPLE, columns), "float32 " + _shape(columns)


def _examples(columns: InputColumns) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return an example of each input, and what it is in words."""
    rows, takes = _observations(columns.image, columns.obs_dim)
    examples, inputs = {OBSERVATION: rows}, {OBSERVATION: f"{takes}, raw"}
    if columns.inputs == "state-action":
        if not columns.discrete:
            examples[ACTION] = torch.zeros(_EXAMPLE, columns.act_dim)
            inputs[ACTION] = f"float32 {_shape(columns.act_dim)}"
        else:
            several = (len(columns.choices),) if columns.choices else ()
            examples[ACTION] = torch.zeros(_EXAMPLE, *several, dtype=torch.int64)
            inputs[ACTION] = f"int64 {_shape(*several) if several else '(batch,)'}, numbers of options"
    elif columns.inputs == "state-next-state":
        examples[NEXT], inputs[NEXT] = rows.clone(), inputs[OBSERVATION]  # one tensor would be one input
    if columns.clock:
        examples[STEP] = torch.zeros(_EXAMPLE, dtype=torch.int64)
        inputs[STEP] = "int64 (batch,), the steps since the start of each row's episode"
    return examples, inputs


class _RewardGraph(nn.Module):
    """What ``RED.reward_of`` and ``RED.novelty_of`` compute, in tensors from the first to the last step."""

    def __init__(self, model: RED) -> None:
        super().__init__()
        self._fitted, self._columns = model.fitted_, model.encoder_.columns
        # Registered, so that the graph knows what is a weight.
        self.target, self.predictor = model.target_, model.predictor_

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reward and the novelty, (batch,) each, of the inputs in the order of ``_examples``."""
        columns, rest = self._columns, list(given)
        parts = [_seen(columns, rest.pop(0))]
        if columns.inputs == "state-action":
            parts.append(_action_columns(columns, rest.pop(0)))
        elif columns.inputs == "state-next-state":
            parts.append(_seen(columns, rest.pop(0)))
        if columns.clock:
            parts.append(torch.log1p(rest.pop(0).double() / CLOCK_STEPS).float()[:, None])
        fitted = self._fitted
        x = fitted.encoder.standardise(torch.cat(parts, dim=1))
        novelty = fitted.novelty_of_inputs(x)
        return fitted.reward_of_inputs(x, novelty), novelty


class _PolicyGraph(nn.Module):
    """What ``Policy.predict`` computes where its actions are deterministic."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self._policy = policy

    def forward(self, observation: Tensor) -> Tensor:
        """Return actions, (batch, A) or (batch,), for raw observations."""
        return self._policy.mode(observation)


def _seen(columns: InputColumns, obs: Tensor) -> Tensor:
    goals = columns.goals
    if columns.image:
        return obs.permute(0, 3, 1, 2).flatten(1).float()
    if goals is None:
        return obs
    reached = obs[:, list(goals.reached)]
    if goals.relative is None:
        return reached - obs[:, list(goals.desired)]
    return reached if goals.relative == "achieved-desired" else -reached


def _action_columns(columns: InputColumns, act: Tensor) -> Tensor:
    if not columns.discrete:
        return act
    chosen = act if columns.choices else act[:, None]
    parts = [
        (chosen[:, k, None] == torch.arange(options)).float()
        for k, options in enumerate(columns.choices or (columns.act_dim,))
    ]
    return torch.cat(parts, dim=1)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what PyTorch says of its own deprecated parts, and of packages that no graph here needs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write(graph: nn.Module, examples: dict[str, Tensor], exported: Exported, about: str) -> Exported:
    onnx = import_extra("onnx", "onnx")
    import_extra("onnxscript", "onnx")
    batch = torch.export.Dim("batch")
    shapes: Any = tuple({0: batch} for _ in examples)
    # The graph of rewards takes its inputs as *given, whose shapes PyTorch wants as one tuple.
    nested: Any = (shapes,) if isinstance(graph, _RewardGraph) else shapes
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            graph.eval(),
            tuple(examples.values()),
            input_names=list(examples),
            output_names=list(exported.outputs),
            dynamic_shapes=nested,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    made = program.model_proto
    del made.metadata_props[:]
    made.doc_string = about
    entry = made.metadata_props.add()
    entry.key, entry.value = "rexd", json.dumps({"inputs": exported.inputs, "outputs": exported.outputs})
    for node in made.graph.node:  # where each node comes from in the source, paths of this machine included
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*made.graph.value_info, *made.graph.input, *made.graph.output, *made.graph.initializer):
        del value.metadata_props[:]
    with atomic_path(exported.path) as temporary:
        onnx.save_model(made, str(temporary))
    return exported
