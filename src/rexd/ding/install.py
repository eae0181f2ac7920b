"""The registration of rexd's RED in DI-engine."""

from __future__ import annotations

from importlib import import_module

from rexd.ding.base import REWARD_MODEL_REGISTRY, BaseRewardModel
from rexd.ding.red import RedRewardModel, RexdRewardModel
from rexd.ding.rivals.adversarial import GailRewardModel, SailRewardModel
from rexd.ding.rivals.coupled import CdredRewardModel
from rexd.ding.rivals.fixed import RIVALS
from rexd.errors import MissingExtraError


def install() -> None:
    """Register ``RedRewardModel`` in DI-engine as ``red``, in place of its own, and ``RexdRewardModel`` as ``rexd``.

    The rivals of RED, GAIL, SAIL and CDRED are registered by their names, too.

    DI-engine's pipelines then build rexd's classes for ``type='red'`` and ``type='rexd'``, and
    ``isinstance(model, ding.reward_model.BaseRewardModel)`` is true for these. Further calls change nothing.

    Raises:
        MissingExtraError: DI-engine is not installed.
    """
    try:
        theirs = import_module("ding.reward_model")
    except ModuleNotFoundError as error:
        if error.name not in ("ding", "ding.reward_model"):  # the second: some other folder is named ding
            raise
        raise MissingExtraError("DI-engine is not installed: pip install DI-engine") from error
    moving = (("gail", GailRewardModel), ("sail", SailRewardModel), ("cdred", CdredRewardModel))
    rivals = ((name, REWARD_MODEL_REGISTRY.get(name)) for name in RIVALS)
    for name, model in (("red", RedRewardModel), ("rexd", RexdRewardModel), *rivals, *moving):
        import_module("ding.utils").REWARD_MODEL_REGISTRY.register(name, model, force_overwrite=True)
    theirs.BaseRewardModel.register(BaseRewardModel)
