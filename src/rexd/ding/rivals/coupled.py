"""Coupled distillation with DI-engine's interface: RED of the expert's rows, less RED of the agent's (CDRED)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from rexd.ding.base import REWARD_MODEL_REGISTRY
from rexd.ding.config import Config
from rexd.ding.expert import number_trajectories
from rexd.ding.presets import CALIBRATED, KNOWN, complete
from rexd.ding.rivals.moving import MovingRewardModel
from rexd.ding.rows import gather
from rexd.ding.state import reading_state, rebuild_calibrated
from rexd.errors import DemonstrationError
from rexd.reward.estimator.folds import MINIMUM_ROWS, assign_folds
from rexd.reward.red.fitted import Distilled
from rexd.reward.red.fitting import distil, make_networks
from rexd.reward.red.red import RED
from rexd.reward.red.serialise import rebuild_networks
from rexd.reward.rows import Rows

LEAST_ROWS = 2 * MINIMUM_ROWS  # of the agent; as many as RED needs of the expert


@REWARD_MODEL_REGISTRY.register("cdred")
class CdredRewardModel(MovingRewardModel):
    """The reward (1 + r_E − r_A) / 2: what RED pays for the expert's support, less what it pays for the agent's.

    With f the random targets and g the calibrated shape of the reward (``rexd.reward.shapes``), and with means over the
    targets and their outputs,

        r_E = g(mean (f(x) − f̂_E(x))²),    r_A = g(mean (f(x) − f̂_A(x))²).

    The expert's predictors f̂_E are those of ``type: rexd``, fitted once by the first ``train``. The agent's f̂_A start
    from the same weights, and each ``train`` fits them anew, in the same way, to the standardised rows that were
    collected since the last ``clear_data``. Targets, inputs and g never move. Where the agent's rows are the expert's,
    the two are equal and each row is paid 1/2. Before the first of the agent's rows, r_A is 0.

    The idea is of Li et al. 2025, "Coupled distributional random expert distillation", arXiv 2505.02228: predictors of
    the same targets for both, and the difference as the reward. It departs from the paper in three ways. The paper
    looks at latent states of a world model that learns at the same time; here the inputs are standardised rows. It
    takes the error of distributional distillation (Yang et al. 2024, arXiv 2401.09750), which has a second term for the
    spread of the targets; here it is RED's. It updates both predictors while the agent learns, and maps and weighs both
    terms in its own way; here f̂_E and g are fixed, and both terms weigh the same.

    Settings are those of ``type: rexd``, without ``continual`` and ``expert_filter``.

    Attributes:
        calibrated: RED of the expert's rows.
        agent: The targets, and the predictors of the agent's rows; None before there were any.
    """

    config: ClassVar[dict[str, Any]] = {**CALIBRATED, "type": "cdred"}
    loss_name = "agent_novelty"
    agent: Distilled | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return RED, the agent's predictors and what was counted."""
        return {**super().state_dict(), "agent": None if self.agent is None else self.agent.predictor.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned.

        Raises:
            RewardFileError: The state is damaged, or of another kind of model; the model is unchanged.
        """
        agent = None
        with reading_state():
            if state_dict.get("agent") is not None:
                red = rebuild_calibrated(state_dict["calibrated"], self._columns, self._red)
                assert isinstance(red, RED)
                networks = {"target": red.target_.state_dict(), "predictor": state_dict["agent"]}
                tensors = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.items()}
                agent = rebuild_networks("the agent's part", red.config, red.encoder_, red.target_.models, tensors)
        super().load_state_dict(state_dict)
        self.agent = agent

    def _complete(self, config: Mapping[str, Any]) -> Config:
        return complete(self.config, config, KNOWN - {"continual", "expert_filter"})

    @property
    def _red(self) -> RED:
        assert isinstance(self.calibrated, RED)
        return self.calibrated

    def _learn(self) -> list[float]:
        if len(self.collected_data) < LEAST_ROWS:
            raise DemonstrationError(
                f"{len(self.collected_data)} rows of the agent were collected; expected {LEAST_ROWS} or more. Train "
                "the reward model after longer rollouts, or clear its data less often (clear_buffer_per_iters)"
            )
        red, expert = self._red, self._red.fitted_.learnt
        assert isinstance(expert, Distilled)
        rows = self._split(gather(self.collected_data, "obs"), gather(self.collected_data, "action"))
        x = expert.inputs_of(rows)
        _, predictor = make_networks(red.config, x.shape[1], expert.models)
        fold = assign_folds(number_trajectories(self.collected_data), expert.models)
        distil(expert.target, predictor, x, fold, red.config)
        self.agent = replace(expert, predictor=predictor)
        return [float(self.agent.novelty(rows).mean())]

    def _split(self, obs: Tensor, act: Tensor) -> Rows:
        flat, action = self._columns.split(obs.cpu(), act.cpu())
        return Rows(flat.numpy(), action.numpy())

    def _support(self, obs: Tensor, act: Tensor) -> Tensor:
        difference = super()._support(obs, act)
        if self.agent is not None:
            novelty = self.agent.novelty(self._split(obs, act))
            difference = difference - torch.from_numpy(self._red.reward_of_novelty(novelty)).to(self.device)
        return (1.0 + difference) / 2.0
