"""From the material to the sections of a page; each part is there only where there is something to show."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.diagnose import diagnose
from rexd.evaluation.in_words import HEADINGS, compared, iqm_cell, verdict, with_spread
from rexd.evaluation.statistics import summarise
from rexd.report.along import demonstrated_along, draw_along, played_along
from rexd.report.drawing import EXPERT
from rexd.report.learning import Curve, learning_pictures
from rexd.report.material import Material, origin_of, whole
from rexd.report.plane import Cloud, plane_of, plane_picture
from rexd.report.reward_pictures import calibration_picture, ladder_picture, probe_rows, separation_picture
from rexd.report.section import Section, Table
from rexd.report.videos import videos_in
from rexd.reward.base import predict_at
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.rows import Rows
from rexd.rl.training.reward_in_env import Played
from rexd.rl.training.run_folder import REWARD_FILE, Run
from rexd.shown import plain

POLICY = "trained policy"
_MORE_NOVEL = ("is more novel", "is paid less, by its novelty and by how far it has come on the way from the clone,")
PROBES = ("what it pays for", "rows", "reward", "novelty / ℓ", "AUROC [95% interval]", "passes for the expert")


def sections_of(material: Material, page: Path) -> Iterator[Section]:
    """Yield the sections of a page that is written to the file ``page``, in their order."""
    if material.runs:
        with whole(*material.runs.values()):
            told = [*_results(material), *_learning(material)]
        yield from told
        yield from _videos(material, page)
    if material.facts or material.findings is not None:
        yield _data(material)
    for name, model in material.rewards.items():
        yield from _reward(material, name, model)
    yield from _unrewarded(material)
    if not material.rewards and material.demonstrations is not None:
        yield from _rows_alone(material, material.demonstrations)
    yield from _settings(material)
    commands = [*material.commands, *(line for run in material.runs.values() for line in _commands(run))]
    if commands:
        yield Section("Commands that reproduce this", commands=commands)


def _results(material: Material) -> Iterator[Section]:
    finished = {name: run.evaluation for name, run in material.runs.items() if run.evaluation}
    if not finished:
        yield Section("Result", "The run has no final evaluation yet; --resume continues it.")
        return
    expert = asdict(summarise(material.demonstrated)) if material.demonstrated else None
    if len(finished) == 1:
        (found,) = finished.values()
        table = Table("Returns of an episode", HEADINGS, compared(found, expert))
        facts = Table("The run", (), _facts(next(iter(material.runs.values())), found))
        said = verdict(found) or ""
        yield Section("Result", f"{said} {_INTERVALS}".strip(), tables=[table, facts])
        return
    rows: list[Sequence[str]] = []
    for name, found in finished.items():
        for row in compared(found, expert):
            if row[0] != "demonstrations":
                rows.append((f"{row[0]}, {name}", *row[1:]))
            elif not any(each[0] == "demonstrations" for each in rows):
                rows.append(row)
    for env in dict.fromkeys(run.env for run in material.runs.values()):
        group = [found for name, found in finished.items() if material.runs[name].env == env]
        if len(group) > 1:
            rows.append(_over_runs(env, group))
    yield Section("Results", f"{_INTERVALS} {_OVER_RUNS}", tables=[Table("Returns of an episode", HEADINGS, rows)])


_INTERVALS = (
    "The interquartile mean (IQM) has a bootstrap interval over episodes, which says how well this one policy is "
    "known, and nothing of how other seeds would fare."
)
_OVER_RUNS = "The last rows are over runs, one number for each."


def _over_runs(env: str, group: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    true = summarise([float(found["true"]["mean"]) for found in group])
    learned = [float(found["learned"]["mean"]) for found in group if found.get("learned")]
    both = summarise(learned) if learned else None
    return (
        f"{len(group)} runs of {env}",
        with_spread(true.mean, true.std),
        iqm_cell(asdict(true)),
        "" if both is None else with_spread(both.mean, both.std),
        f"{true.n} runs",
    )


def _facts(run: Run, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    chosen, success, seconds = found.get("selected_at"), found.get("success"), found.get("seconds")
    shown = {
        "environment": run.env,
        "algorithm": run.config.algorithm,
        "steps": f"{found.get('steps', run.config.steps):,}",
        "policy of step": None if chosen is None else f"{chosen:,}" if chosen else "0, the clone of the demonstrations",
        "success": None if success is None else f"{success:.0%} of the episodes",
        "seconds": None if seconds is None else f"{seconds:,.0f}",
    }
    return [(name, value) for name, value in shown.items() if value is not None]


def _learning(material: Material) -> Iterator[Section]:
    pictures = []
    for env in dict.fromkeys(run.env for run in material.runs.values()):
        curves = [Curve(name, run.metrics(), run.evaluation) for name, run in material.runs.items() if run.env == env]
        pictures += learning_pictures(curves, material.demonstrated)
    if pictures:
        yield Section("Learning", "Every point is the mean of the episodes of one evaluation.", pictures=pictures)


def _videos(material: Material, page: Path) -> Iterator[Section]:
    videos = [video for run in material.runs.values() for video in videos_in(run.path, page)]
    if videos:
        yield Section("Video", videos=videos)


def _data(material: Material) -> Section:
    facts = [(name, value) for name, value in material.facts.items() if value is not None]
    tables = [Table("What the data is", (), facts)] if facts else []
    return Section("Demonstrations", findings=material.findings, tables=tables)


def _reward(material: Material, name: str, model: Estimator) -> Iterator[Section]:
    several = f" of {name}" if len(material.rewards) > 1 else ""
    demos, episodes = material.demonstrations, material.episodes.get(name, ())
    columns = None if demos is None or demos.image else demos  # no probes are made of images
    played = Played({POLICY: list(episodes)}, None) if episodes else None
    (seen,) = diagnose({name: model}, columns, played=played)
    pictures = [calibration_picture(model, seen.sight.unit)]
    pictures += [each for each in (separation_picture(seen.sight), ladder_picture(seen.sight)) if each is not None]
    yield Section(
        f"Reward{several}: what it pays for",
        "Novelty is the error of the reward's networks in units of ℓ, which is the error on the expert's own held-out "
        f"rows. AUROC is the probability that a row {_MORE_NOVEL[seen.sight.way]} than one of these: 1 where all are "
        "told apart, 0.5 where none is. rexd diagnose plays a clone, too, and says what to change.",
        findings=seen.findings,
        tables=[Table("What the reward pays", PROBES, probe_rows(seen.to_dict()["probes"]))],
        pictures=pictures,
    )
    yield from _over_time(several, model, demos, episodes)
    if columns is not None:
        yield from _plane(material, several, model, columns, episodes)


def _over_time(
    several: str, model: Estimator, demos: Demonstrations | None, episodes: Sequence[Trajectory]
) -> Iterator[Section]:
    pictures = []
    if demos is not None:
        along = demonstrated_along(demos, paid_demonstrations(model, demos))
        pictures.append(draw_along("The reward along demonstrations", along, colour=EXPERT))
    if episodes:
        pictures.append(draw_along("The reward along the policy's episodes", played_along(episodes, model)))
    if pictures:
        yield Section(
            f"Reward{several} over time",
            "A line is the mean of neighbouring steps where there are many, and the band reaches from the least to the "
            "greatest. × marks an end in a terminal state, such as a fall.",
            pictures=pictures,
        )


def paid_demonstrations(model: Estimator, demos: Demonstrations) -> NDArray[np.float32]:
    """Return the reward of each demonstrated row, by models that did not see it where the reward was fitted to it."""
    held_out = model.held_out_novelty_
    if demos.sha256 == model.demonstrations_sha256_ and len(held_out) == demos.n_transitions:
        return model.held_out_reward_
    return model.predict_demonstrations(demos)


def _plane(
    material: Material, several: str, model: Estimator, demos: Demonstrations, episodes: Sequence[Trajectory]
) -> Iterator[Section]:
    plane = plane_of(demos, material.columns)
    if plane is None:
        return
    clouds = [Cloud("demonstrations", demos.transitions().obs, paid_demonstrations(model, demos))]
    if episodes:
        rows = Rows.joined([Rows.of_trajectory(episode) for episode in episodes])
        clouds.append(Cloud("policy", rows.obs, predict_at(model, rows)))
    yield Section(f"Reward{several} over states", pictures=[plane_picture(plane, clouds)])


def _unrewarded(material: Material) -> Iterator[Section]:
    pictures = []
    for name, episodes in material.episodes.items():
        if name not in material.rewards and (along := played_along(episodes, None)):
            pictures.append(draw_along(f"The environment's reward along the episodes of {plain(name)}", along))
    if pictures:
        yield Section("Episodes of the policy", "The run has no reward model.", pictures=pictures)


def _rows_alone(material: Material, demos: Demonstrations) -> Iterator[Section]:
    plane = None if demos.image else plane_of(demos, material.columns)
    if plane is not None:
        obs = demos.transitions().obs
        yield Section("States", pictures=[plane_picture(plane, [Cloud("demonstrations", obs, None)])])


def _settings(material: Material) -> Iterator[Section]:
    tables = []
    if material.runs:
        runs = list(material.runs.values())
        tables.append(Table("Settings", (), _values([_flat(run.config.to_dict()) for run in runs])))
        origins = [origin_of(run) for run in runs]
        tables.append(Table("Versions", (), _values([origin.versions for origin in origins])))
        tables.append(Table("Where it comes from", (), _values([origin.about for origin in origins])))
    elif material.rewards:
        settings = [_flat(model.config.to_dict()) for model in material.rewards.values()]
        tables.append(Table("Settings", (), _values(settings)))
    tables = [table for table in tables if table.rows]
    if tables:
        yield Section("Settings and versions", tables=tables)


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return found


def _values(each: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Return names and values; where they differ, all values."""
    names = dict.fromkeys(name for one in each for name in one)
    return [(name, "; ".join(dict.fromkeys(one.get(name, "not recorded") for one in each))) for name in names]


def _commands(run: Run) -> list[str]:
    found, command = run.evaluation or {}, origin_of(run).command
    named = [] if run.env_reference is None else ["--env", run.env_reference]
    lines = [command] if command else []
    if found:
        count = str(len(found.get("episodes", ())))
        lines.append(("rexd", "evaluate", str(run.path), *named, "--seed", str(run.config.seed), "--episodes", count))
    if (run.path / REWARD_FILE).is_file():
        lines.append(
            ("rexd", "score", str(run.path / REWARD_FILE), origin_of(run).about.get("demonstrations", "DEMOS"))
        )
    return [shlex.join(words) for words in lines]
