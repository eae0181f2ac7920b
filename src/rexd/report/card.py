"""The model card of a run: a README.md with the metadata of the Hugging Face hub, then text for people."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rexd import __version__
from rexd.errors import RunError
from rexd.evaluation.in_words import HEADINGS, compared, verdict
from rexd.report.material import origin_of, whole
from rexd.rl.training.run_folder import LAST_POLICY_FILE, REWARD_FILE, Run
from rexd.shown import plain

_SOURCES = {
    "learned": "by a reward that Random EXpert Distillation (RED, Wang et al. 2019) learnt from demonstrations",
    "adversarial": "by a discriminator that was trained against it, as in DAC (Kostrikov et al. 2019)",
    "constant": "1 for demonstrations and 0 for its own steps, as in SQIL (Reddy et al. 2020)",
    "env": "by the environment's own reward",
}
_FILES = {
    "policy.safetensors": "the policy, as plain weights that load without executing anything",
    LAST_POLICY_FILE: "the policy of the last evaluation, likewise",
    REWARD_FILE: "the learnt reward, with its calibration and checks",
    "config.json": "settings, versions and the command",
    "metrics.jsonl": "one record for each evaluation during training",
    "evaluation.json": "the final evaluation",
    "report.html": "a page with pictures of the run",
}


def card_of(run: Run) -> str:
    """Return the card of a finished run.

    Raises:
        RunError: The run has no final evaluation, whose return a card states.
    """
    found = run.evaluation
    if not found or not found.get("true"):
        raise RunError(
            f"{run.path}: has no final evaluation; expected a finished run, whose return the card states. Continue it "
            "with rexd train --resume"
        )
    with whole(run):
        parts = [
            _metadata(run, found),
            f"# {_text(run.config.algorithm)} on {_text(run.env)}",
            _about(run, found),
            _results(found),
            _use(run),
            _limits(run),
            _origin(run, found),
        ]
    return "\n\n".join(parts) + "\n"


def _metadata(run: Run, found: Mapping[str, Any]) -> str:
    """Return the header: YAML, whose texts are written as JSON, which is YAML too."""
    env, algorithm = (json.dumps(plain(text), ensure_ascii=False) for text in (run.env, run.config.algorithm))
    true = found["true"]
    value = json.dumps(f"{true['mean']:.2f} +/- {true['std'] or 0.0:.2f}")
    tags = [env, "reinforcement-learning", "imitation-learning", "inverse-reinforcement-learning", "rexd"]
    lines = [
        "---",
        "library_name: rexd",
        "pipeline_tag: reinforcement-learning",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "model-index:",
        f"- name: {algorithm}",
        "  results:",
        "  - task:",
        "      type: reinforcement-learning",
        "      name: reinforcement-learning",
        "    dataset:",
        f"      name: {env}",
        f"      type: {env}",
        "    metrics:",
        "    - type: mean_reward",
        f"      value: {value}",
        "      name: mean_reward",
        "      verified: false",
        "---",
    ]
    return "\n".join(lines)


def _about(run: Run, found: Mapping[str, Any]) -> str:
    origin, config = origin_of(run), run.config
    source = origin.about.get("demonstrations")
    shown = "" if source is None else f" The demonstrations were `{_code(source)}`."
    chosen = found.get("selected_at")
    kept = ""
    if chosen is not None and config.reward_source != "env":
        kept = " Of all evaluated policies, the one with the highest learned return was kept: "
        kept += f"that of step {chosen:,}." if chosen else "the clone of the demonstrations."
    learnt = "" if config.reward_source == "env" else " No policy learnt from the environment's own reward."
    return (
        f"A policy for `{_code(run.env)}`, trained by [rexd](https://pypi.org/project/rexd/) with "
        f"{_text(config.algorithm)} for {found.get('steps', config.steps):,} environment steps, seed {config.seed}. It "
        f"was paid {_SOURCES[config.reward_source]}.{learnt}{shown}{kept}"
    )


def _results(found: Mapping[str, Any]) -> str:
    rows = compared(found, None)
    shown = [place for place in range(len(HEADINGS)) if place == 0 or any(row[place] for row in rows)]
    lines = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    table = "\n".join("| " + " | ".join(_cell(str(line[place])) for place in shown) + " |" for line in lines)
    said = verdict(found)
    return "## Results\n\n" + table + ("" if said is None else f"\n\n{said}")


def _use(run: Run) -> str:
    files = [f"- `{name}`: {what}" for name, what in _FILES.items() if (run.path / name).is_file()]
    named = [] if run.env_reference is None else ["--env", run.env_reference]
    play = shlex.join(["rexd", "evaluate", ".", *named, "--episodes", "20"])
    return (
        "## Use\n\n```sh\npip install 'rexd[train]'\n" + _fenced([play]) + "\n```\n\n```python\n"
        'from rexd import load_policy\n\npolicy = load_policy(".")\n'
        "action, _ = policy.predict(observation)  # raw observations\n```\n\n" + "\n".join(files)
    )


def _limits(run: Run) -> str:
    found: list[str] = [
        "The intervals are over episodes of this one policy; they say nothing of how other seeds would fare.",
        "The policy imitates the demonstrations: it does not know states that neither they nor its own training met.",
    ]
    if run.config.reward_source == "learned":
        found.append(
            "The learnt reward says how much a step resembles the expert's, and not how good it is; `rexd diagnose` "
            "and `rexd report` show where it can be wrong."
        )
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in found)


def _origin(run: Run, found: Mapping[str, Any]) -> str:
    origin = origin_of(run)
    named = [] if run.env_reference is None else ["--env", run.env_reference]
    count = str(len(found.get("episodes", ())))
    lines = [shlex.join(origin.command)] if origin.command else []
    lines.append(
        shlex.join(["rexd", "evaluate", str(run.path), *named, "--seed", str(run.config.seed), "--episodes", count])
    )
    versions = ", ".join(f"{_text(name)} {_text(value)}" for name, value in origin.versions.items())
    versions = versions or f"the card was written by rexd {__version__}"
    settings = json.dumps(run.config.to_dict(), indent=2, ensure_ascii=True)
    return (
        "## Commands and settings\n\nThe run, and its final evaluation once more:\n\n```sh\n"
        + _fenced(lines)
        + f"\n```\n\nVersions: {versions}.\n\n```json\n{settings}\n```"
    )


def _text(value: str) -> str:
    """Return text in which no letter means anything to Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", plain(value))


def _cell(value: str) -> str:
    """Return the text of a table's cell, in which intervals keep their brackets."""
    return re.sub(r"([\\`*_<>|&])", r"\\\1", plain(value))


def _code(value: str) -> str:
    """Return text for a span of code, which no backtick may end early."""
    return plain(value).replace("`", "'")


def _fenced(lines: Sequence[str]) -> str:
    """Return lines for a block of code, which no fence may end early."""
    return "\n".join(plain(line).replace("```", "'''") for line in lines)
