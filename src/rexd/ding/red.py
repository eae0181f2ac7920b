"""RED as DI-engine documents it (``ding.reward_model.red_irl_model``), and rexd's calibrated RED in the same class.

Wang et al., "Random Expert Distillation", ICML 2019, arXiv 1905.06750.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim

from rexd.ding.base import REWARD_MODEL_REGISTRY, BaseRewardModel
from rexd.ding.columns import Columns
from rexd.ding.config import Config
from rexd.ding.expert import (
    as_tensors,
    check_rows,
    number_trajectories,
    read_expert_data,
    rows_to_demonstrations,
    sample_rows,
    source_of,
)
from rexd.ding.presets import CALIBRATED, DOCUMENTED, complete, is_calibrated, red_config
from rexd.ding.rows import check_finite, gather, write_rewards
from rexd.ding.senet import SENet, distil, make_pair, support_reward
from rexd.ding.state import Counts, check_names, filled_copies, reading_state, rebuild_calibrated
from rexd.errors import NotFittedError, RexdError
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.red.red import RED

_log = logging.getLogger(__name__)


@REWARD_MODEL_REGISTRY.register("red")
class RedRewardModel(BaseRewardModel):
    """A reward from the support of the expert's behaviour: r(s, a) = exp(−σ L(s, a)).

    L is the mean squared difference between the outputs of a fixed random network and of a network that was distilled
    from it on the expert's rows alone.

    With the documented settings the class computes what DI-engine's class computes. Settings that only rexd has
    (``sigma="auto"``, ``normalize``, ``output_dims``, ``n_targets``, ``target_layers``, ``predictor_layers``,
    ``shape``, ``median_reward``) select rexd's RED, which is standardised, calibrated on held-out rows, and evaluated
    on the CPU.

    Config:
        type (str): ``red``, the name in ``REWARD_MODEL_REGISTRY``.
        expert_data_path (str): File of the expert's transitions; ``expert_data.pkl`` by default. Transitions in memory
            are taken too: a list of dicts, a pair of arrays, or ``rexd.Demonstrations``.
        sample_size (int): Number of transitions to draw from it; 1000 by default. None takes all.
        sigma (float): σ; 5 by default. ``"auto"`` measures it.
        batch_size (int): Rows of an update; 64 by default.
        hidden_size (int): Width of the hidden layers; 128 by default.
        update_per_collect (int): Updates of one call of ``train``; 100 by default.
        clear_buffer_per_iters (int): Iterations from one ``clear_data`` to the next; 1 by default. Pipelines read it.
        learning_rate (float): Step size of Adam; 1e-3 by default.
        input_size (int): Number of columns of observation and action together; None takes it from the data.
        action_shape (int): Number of discrete actions, which become one-hot; not set by default. Where the expert's
            actions alone say how many there are, actions beyond these are paid 0.
        continual (bool): Whether ``train`` also learns from expert rows that ``collect_data`` took; not set by default.
        expert_filter (callable): Function that returns whether a transition is an expert's. Transitions that are marked
            ``expert`` or ``is_expert`` are an expert's without it.
        inplace (bool): Default of the argument of ``estimate``; true if it is not set.
        seed (int): Seed of networks, sample and batches; 0 if it is not set.

    Attributes:
        cfg: The settings in use, defaults included.
        device: The device of the networks.
        tb_logger: The logger that gets ``reward_model/red_loss``, or None.
        expert_data: The expert's transitions, a list of dicts of tensors.
        collected_data: With ``continual``, the expert's transitions that were collected since the last ``clear_data``.
        target_net: The fixed network. In the calibrated model it is None before ``train``, as ``online_net`` is.
        online_net: The network that learns.
        opt: The optimizer of ``online_net``; None in the calibrated model.
        sigma: The σ in use; None before it is measured.
        train_once_flag: Whether ``train`` has run.
        train_iter: Number of updates so far.
        calibrated: rexd's RED if the config selects it, else None. Its ``checks_`` show the reward of known kinds of
            rows.
    """

    config: ClassVar[dict[str, Any]] = DOCUMENTED
    accepts_batches = True  # ``estimate`` also takes a dict of stacked arrays
    _trajectory: NDArray[np.int64] | None = None  # number of the trajectory of each row of ``expert_data``

    def __init__(self, config: Mapping[str, Any], device: str = "cpu", tb_logger: Any = None) -> None:
        """Build the networks and load the expert's data.

        Args:
            config: Settings that differ from the defaults.
            device: ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
            tb_logger: A ``SummaryWriter`` of torch.utils.tensorboard or tensorboardX, or None.

        Raises:
            RexdError: A setting cannot work, or the device does not exist.
            DemonstrationError: The expert data cannot be used.
        """
        self.cfg = self._complete(config)
        self.device, self.tb_logger = _device(device), tb_logger
        self.seed = int(self.cfg.get("seed") or 0)
        self.train_once_flag, self.train_iter = False, 0
        self.collected_data: list[dict[str, Any]] = []
        self._generator = torch.Generator().manual_seed(self.seed)
        self._warned = self._warned_unseen = False
        self.load_expert_data()
        self._columns = Columns.of(
            gather(self.expert_data, "obs"),
            gather(self.expert_data, "action"),
            self.cfg.input_size,
            self.cfg.get("action_shape"),
            always_one_hot=self._is_calibrated(),
            least=getattr(self.cfg.expert_data_path, "n_actions", None) or 0,
        )
        self.cfg.input_size = self._columns.input_size
        self.target_net: nn.Module | None = None
        self.online_net: nn.Module | None = None
        self.opt: optim.Adam | None = None
        self.calibrated: Estimator | None = None
        self.sigma: float | None = None
        self._build()

    def _build(self) -> None:
        """Make what learns; the expert's data are loaded."""
        if self._is_calibrated():
            self.calibrated = self._estimator()
        else:
            self.sigma = float(self.cfg.sigma)
            self.target_net, self.online_net = (
                net.to(self.device) for net in make_pair(self.cfg.input_size, self.cfg.hidden_size, 1, self.seed)
            )
            self.opt = optim.Adam(self.online_net.parameters(), self.cfg.learning_rate)

    def load_expert_data(self) -> None:
        """Read ``expert_data_path`` into ``expert_data``, a random sample of ``sample_size`` transitions.

        Raises:
            DemonstrationError: The file is missing, damaged, or its rows do not fit together.
            UnsafeFileError: The file would execute code.
        """
        path = source_of(self.cfg.expert_data_path)
        rows = read_expert_data(self.cfg.expert_data_path)
        chosen = sample_rows(rows, self.cfg.sample_size, self.seed)
        self.expert_data = as_tensors([rows[i] for i in chosen])
        check_rows(self.expert_data, path)
        self._trajectory = number_trajectories(rows)[chosen]
        _log.info("%s: %d expert transitions", path, len(self.expert_data))

    def train(self) -> None:
        """Learn the support of the expert's data; a second call warns and changes nothing.

        With ``continual``, a later call learns from the old and the collected expert rows, if any were collected.
        """
        if self.train_once_flag and not self.cfg.get("continual"):
            if not self._warned:
                self._warned = True
                warnings.warn("RED is trained once; train() changes nothing any more", UserWarning, stacklevel=2)
            return
        if self.train_once_flag and not self.collected_data:
            return
        losses = self._distil() if self.calibrated is None else self._fit()
        if self.tb_logger is not None:
            for step, loss in enumerate(losses, self.train_iter):
                self.tb_logger.add_scalar("reward_model/red_loss", loss, step)
        self.train_iter += self._updates()
        self.train_once_flag = True

    def estimate(self, data: Any, inplace: bool | None = None) -> Any:
        """Write the reward of each transition to its key ``reward``.

        Args:
            data: List of dicts with at least ``obs`` (...) and ``action`` (A,) or (); or one dict of stacked arrays
                or tensors, ``obs`` (batch, ...) and ``action`` (batch, A) or (batch,).
            inplace: Whether the given dicts are changed; if not, new ones are returned, as by DI-engine's code. None
                takes ``inplace`` of the config, which is true if it is not set.

        Returns:
            The transitions. A reward is a 0-d float32 tensor in [0, 1] on the model's device, or a tensor of shape (n,)
            if the reward of the transition had n > 1 entries. For a dict of arrays it is (batch,), and a NumPy array if
            ``obs`` is one.

        Raises:
            DemonstrationError: A key is missing, shapes differ, or a value is not finite.
            SpaceMismatchError: The columns are not those of the expert's data.
            NotFittedError: The calibrated model is not trained.
        """
        if not data:
            return data
        obs, act = gather(data, "obs"), gather(data, "action")
        for name, column in (("obs", obs), ("action", act)):
            check_finite(column, name, "estimate", "leave these out, or repair what made them")
        reward = self._score(obs, act)
        if inplace is None:
            inplace = self.cfg.get("inplace") in (None, True)
        if not inplace:
            data = dict(data) if isinstance(data, Mapping) else self.reward_deepcopy(data)
        write_rewards(data, reward)
        return data

    def collect_data(self, data: Any) -> None:
        """With ``continual``, keep the transitions that are an expert's; otherwise do nothing.

        The agent's own transitions are ignored: if the support contained them, the reward would be high for whatever
        the agent does.

        Args:
            data: List of dicts. Those of an expert are marked ``expert`` or ``is_expert``, or ``expert_filter`` of the
                config is true for them.

        Raises:
            DemonstrationError: An expert's transition lacks a key, or is not finite; none of ``data`` is kept.
            SpaceMismatchError: The columns of one are not those of the expert's data; none of ``data`` is kept.
        """
        if not self.cfg.get("continual"):
            return
        is_expert = self.cfg.get("expert_filter")
        chosen = as_tensors(
            [
                {key: row[key] for key in ("obs", "action", "done") if key in row}
                for row in data
                if bool(row.get("expert", False))
                or bool(row.get("is_expert", False))
                or (is_expert is not None and bool(is_expert(row)))
            ]
        )
        if chosen:
            check_rows(chosen, "collect_data")
            self._columns.split(gather(chosen, "obs"), gather(chosen, "action"))
            first = self.expert_data[0]  # a number may be of shape () in one recording and of shape (1,) in another
            for row in chosen:
                row.update({name: row[name].reshape(first[name].shape) for name in ("obs", "action")})
            self.collected_data += chosen

    def clear_data(self) -> None:
        """Forget the transitions that ``collect_data`` kept."""
        self.collected_data = []

    def clear_date(self) -> None:
        """Call ``clear_data``; DI-engine's documentation writes its name so."""
        self.clear_data()

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizer, σ and counts, as tensors and plain Python types."""
        state: dict[str, Any] = {
            "sigma": self.sigma,
            "train_once_flag": self.train_once_flag,
            "train_iter": self.train_iter,
            "generator": self._generator.get_state(),
        }
        if self.calibrated is not None:
            return state | {"calibrated": self.calibrated.describe() if self.calibrated.fitted else None}
        target, online, opt = self._networks()
        return state | {
            "target_net": target.state_dict(),
            "online_net": online.state_dict(),
            "opt": opt.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned.

        Raises:
            RewardFileError: The state is damaged, or of another kind of model; the model is unchanged.
        """
        check_names(state_dict, self.state_dict())
        with reading_state():  # the whole state is checked before the model changes
            measured = self.calibrated is None or state_dict["calibrated"] is not None
            counts = Counts.of(state_dict, measured)
            if self.calibrated is None:
                target, online, opt = self._networks()
                filled = filled_copies((target, online, opt), state_dict)
                target.load_state_dict(filled[0].state_dict())
                online.load_state_dict(filled[1].state_dict())
                opt.load_state_dict(filled[2].state_dict())
            elif state_dict["calibrated"] is None:
                self._use(self._estimator())
            else:
                self._use(rebuild_calibrated(state_dict["calibrated"], self._columns, self.calibrated))
        self.sigma = counts.sigma
        self.train_once_flag, self.train_iter = counts.train_once_flag, counts.train_iter
        self._generator.set_state(counts.generator)

    def _train(self, batch_data: Tensor) -> float:
        """Make one update on (batch, input_size) rows, and return the loss: the mean squared error to the target.

        Raises:
            RexdError: The model is calibrated, and is fitted as a whole.
        """
        if self.calibrated is not None:
            raise RexdError(
                "_train makes one update of the documented model; the calibrated model (type: rexd) is fitted as a "
                "whole, since its scale is measured afterwards. Call train()"
            )
        target, online, opt = self._networks()
        x = batch_data.to(self.device)
        with torch.no_grad():
            wanted = target(x)
        return distil(online, wanted, x, torch.arange(len(x), device=x.device)[None], opt)[0]

    def _distil(self) -> list[float]:
        target, online, opt = self._networks()
        rows = self.expert_data + self.collected_data
        x = self._columns.join(gather(rows, "obs"), gather(rows, "action")).to(self.device)
        with torch.no_grad():
            wanted = target(x)  # computed once, as the target does not change
        updates, batch = self.cfg.update_per_collect, self.cfg.batch_size
        # Batches are cut from shuffled passes over the rows, so that a batch draws without replacement.
        epochs = -(-updates * batch // len(x))
        order = torch.cat([torch.randperm(len(x), generator=self._generator) for _ in range(epochs)])
        return distil(online, wanted, x, order[: updates * batch].view(updates, batch).to(x.device), opt)

    def _fit(self) -> list[float]:
        own = self._trajectory
        if own is None or len(own) != len(self.expert_data):  # a caller has replaced the rows
            own = number_trajectories(self.expert_data)
        further = own[-1] + 1 + number_trajectories(self.collected_data)
        rows, numbers = self.expert_data + self.collected_data, np.concatenate([own, further])
        source = source_of(self.cfg.expert_data_path)
        model = self._estimator()
        self._use(model.fit(rows_to_demonstrations(rows, numbers, self._columns, source)))
        return [float(np.mean(model.held_out_novelty_))]

    def _use(self, model: Estimator) -> None:
        self.calibrated = model
        self.sigma = model.sigma_ if model.fitted else None
        self.target_net = self.online_net = None
        if isinstance(model, RED) and model.fitted:
            self.target_net, self.online_net = model.target_, model.predictor_

    def _complete(self, config: Mapping[str, Any]) -> Config:
        return complete(self.config, config)

    def _is_calibrated(self) -> bool:
        return is_calibrated(self.cfg)

    def _estimator(self) -> Estimator:
        return RED(red_config(self.cfg, self.seed))

    def _updates(self) -> int:
        return int(self.cfg.update_per_collect)

    def _score(self, obs: Tensor, act: Tensor) -> Tensor:
        unseen = self._columns.unseen(act)
        if unseen is None:
            return self._support(obs, act)
        if not self._warned_unseen:
            self._warned_unseen = True
            warnings.warn(
                f"actions up to {int(act.max())} are not in the expert data, which hold 0 to {self._columns.act - 1}: "
                "they are paid 0. Set action_shape in the config to the number of discrete actions",
                UserWarning,
                stacklevel=3,
            )
        reward = self._support(obs, torch.where(unseen.reshape(act.shape), 0, act))
        return reward.masked_fill(unseen.to(reward.device), 0.0)

    def _support(self, obs: Tensor, act: Tensor) -> Tensor:
        if self.calibrated is not None:
            if not self.calibrated.fitted:
                raise NotFittedError("the calibrated reward model is not trained; call train(), or load a checkpoint")
            flat, action = self._columns.split(obs.cpu(), act.cpu())
            return torch.from_numpy(self.calibrated.predict(flat.numpy(), action.numpy())).to(self.device)
        target, online, _ = self._networks()
        assert self.sigma is not None
        return support_reward(online, target, self._columns.join(obs, act).to(self.device), self.sigma)

    def _networks(self) -> tuple[SENet, SENet, optim.Adam]:
        assert isinstance(self.target_net, SENet)
        assert isinstance(self.online_net, SENet)
        assert self.opt is not None
        return self.target_net, self.online_net, self.opt


@REWARD_MODEL_REGISTRY.register("rexd")
class RexdRewardModel(RedRewardModel):
    """``RedRewardModel`` with the defaults of the calibrated model; its ``type`` is ``rexd``."""

    config: ClassVar[dict[str, Any]] = CALIBRATED


def _device(name: str) -> str:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise RexdError(
            f"device {name!r} cannot be used ({str(error)[:200]}); expected 'cpu' or a CUDA device "
            "that this machine has, such as 'cuda' or 'cuda:0'"
        ) from error
    return name
