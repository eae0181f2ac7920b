"""``rexd export``: write a reward or a policy as an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rexd.cli.show.output import note, print_facts, print_json
from rexd.errors import RexdError, import_extra

if TYPE_CHECKING:
    from rexd.report.onnx_graph import Exported

SUFFIX = ".onnx"


@dataclass(frozen=True)
class Command:
    """Write a reward or the policy of a run as one ONNX file, which any ONNX runtime computes without rexd.

    The graph takes raw rows: standardising, one-hot actions, the clock and the shape of the reward are in it. The
    graph of a reward gives 'reward' and 'novelty', that of a policy its deterministic 'action'. The first axis of
    every input is the batch, of any size.

    Examples:
        rexd export reward.safetensors --onnx reward.onnx
        rexd export runs/hopper --onnx policy.onnx
        rexd export runs/hopper --what reward --onnx reward.onnx
    """

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="REWARD|RUN")]
    """A reward.safetensors, a policy.safetensors, or a run folder."""
    onnx: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The file to write; it ends in .onnx, and is replaced if it exists."""
    what: Literal["policy", "reward"] = "policy"
    """Which of the two to take from a run folder."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Load the reward or the policy, write the graph, and print what it takes and gives."""
        if self.onnx.suffix.lower() != SUFFIX:
            raise RexdError(f"{self.onnx}: expected a name that ends in {SUFFIX}")
        import_extra("onnx", "onnx")  # before anything is read
        import_extra("onnxscript", "onnx")
        exported = self._export()
        if self.json:
            print_json({"file": str(exported.path), "inputs": exported.inputs, "outputs": exported.outputs})
            return
        print_facts({**exported.inputs}, title="inputs")
        print_facts({**exported.outputs}, title="outputs")
        note(f"wrote {exported.path}")

    def _export(self) -> Exported:
        from rexd.report.onnx_graph import export_policy, export_reward
        from rexd.reward.files import load_reward
        from rexd.rl.policies.policy import load_policy
        from rexd.rl.training.run_folder import REWARD_FILE

        if self.source.is_dir():
            if self.what == "policy":
                return export_policy(load_policy(self.source), self.onnx)
            return export_reward(load_reward(self.source / REWARD_FILE), self.onnx)
        if _is_policy(self.source):
            return export_policy(load_policy(self.source), self.onnx)
        return export_reward(load_reward(self.source), self.onnx)


def _is_policy(path: Path) -> bool:
    """Whether a file is marked as a policy; ``load_reward`` says what is wrong with one that cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return "rexd-policy" in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False
