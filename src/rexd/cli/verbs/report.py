"""``rexd report``: write a page with pictures of a run, a reward or demonstrations."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from rexd.cli import options as opt
from rexd.cli.inspection import inspect_files
from rexd.cli.playing import play_for_page
from rexd.cli.show.facts import described
from rexd.cli.show.output import note, print_json
from rexd.cli.show.waiting import Waiting
from rexd.errors import RexdError

if TYPE_CHECKING:
    from rexd.demos.trajectory import Trajectory
    from rexd.report.material import Material
    from rexd.reward.estimator.estimator import Estimator
    from rexd.rl.training.run_folder import Run

REWARD_SUFFIX = ".safetensors"
PAGE_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class Command:
    """Write one HTML page with pictures of runs, rewards or demonstrations.

    The page needs no other file and no server: what the data is, what the reward pays for which rows and over time,
    learning curves, results, settings, and the commands that reproduce them. docs/report.md says how to read it. Of
    several runs of one task the seeds are drawn together, and the reward of the first is shown. Name the
    demonstrations of a run too, with the options that selected them, to see the reward along them.

    The policy of a run plays three episodes.

    Examples:
        rexd report runs/hopper -o hopper.html
        rexd report runs/hopper Hopper-v2.pkl --trajectories 4 --subsample 20 -o hopper.html
        rexd report runs/hopper-seed0 runs/hopper-seed1 runs/hopper-seed2 -o hopper.html
        rexd report reward.safetensors demos.npz --columns-xy 0 1 -o reward.html
        rexd report demos.npz --env Hopper-v5 -o demos.html
    """

    files: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN|REWARD|DEMOS...")] = ()
    """Run folders, rewards (reward.safetensors), and demonstrations as for rexd fit."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("report.html")
    """The page to write; it ends in .html, and is replaced if it exists."""
    columns_xy: Annotated[tuple[str, str] | None, tyro.conf.arg(metavar="A B")] = None
    """Two observation columns, by number or by name, over which rows are drawn. None: the two principal components."""
    no_play: bool = False
    """Play no episodes of the policy."""
    trust: bool = False
    """Import the module that a run folder names for its environment."""
    data: Annotated[opt.LearningOptions, tyro.conf.arg(name="")] = field(default_factory=opt.LearningOptions)
    seed: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Seed of the random offsets of --subsample. None: that of the first run; without a run 0."""
    json: bool = False
    """Print the results as one JSON document."""

    def run(self) -> None:
        """Load what is named, play the policies of runs, and write the page."""
        if self.output.suffix.lower() not in PAGE_SUFFIXES:
            raise RexdError(f"{self.output}: expected a name that ends in .html")
        if not self.files:
            raise RexdError("nothing is named; give run folders, rewards or demonstrations")
        from rexd.report.page import check_page, write_page

        check_page()
        material = self._material()
        with Waiting("drawing"):
            write_page(material, self.output)
        if self.json:
            print_json({"files": list(self.files), "page": str(self.output), "notes": list(material.notes)})
            return
        for text in material.notes:
            note(text)
        note(f"wrote {self.output}")

    def _material(self) -> Material:
        from rexd.report.material import Material, named
        from rexd.reward.files import load_reward
        from rexd.rl.training.run_folder import CONFIG_FILE, load_run

        paths = [Path(name) for name in self.files if (Path(name) / CONFIG_FILE).is_file()]
        rewards = [name for name in self.files if name.endswith(REWARD_SUFFIX)]
        demos = [name for name in self.files if name not in rewards and Path(name) not in paths]
        runs = dict(zip(named(paths), map(load_run, paths), strict=True))
        models = {name: load_reward(name) for name in rewards} | _first_rewards(runs)
        notes: list[str] = []
        episodes = {} if self.no_play else self._episodes(_first_of_each_task(runs), notes)
        material = Material(
            title=_title(runs, rewards, demos),
            rewards=models,
            runs=runs,
            episodes=episodes,
            columns=self.columns_xy,
            commands=[_command(self.files, self.output)],
        )
        if runs and not demos:
            notes.append(
                "The demonstrations are not named: rexd report RUN DEMOS, with the options that selected them, shows "
                "the reward along them and beside noise, too"
            )
        return replace(self._with_demonstrations(material, demos, notes) if demos else material, notes=notes)

    def _with_demonstrations(self, material: Material, files: Sequence[str], notes: list[str]) -> Material:
        run = next(iter(material.runs.values()), None)
        options = self.data
        if run is not None and options.env is None and run.env_reference is None and ":" not in run.env:
            arguments = options.env_kwargs or (json.dumps(run.env_kwargs),)
            options = replace(options, env=run.env, env_kwargs=arguments)
        seed = self.seed if self.seed is not None else 0 if run is None else run.config.seed
        with Waiting("reading") as waiting:
            facts, findings = inspect_files(files, options, waiting.step, options.subsample)
        whole = opt.load(files, options)
        used = whole if options.trajectories is None else whole.first(options.trajectories)
        chosen = opt.select_with_goals(whole, options, seed).held(seed)
        notes.extend(chosen.notes)
        return replace(
            material,
            facts={"file": facts["file"], **described(facts)},
            findings=findings,
            demonstrations=chosen,
            demonstrated=None if used.streamed else used.returns,
        )

    def _episodes(self, runs: Mapping[str, Run], notes: list[str]) -> dict[str, list[Trajectory]]:
        found = {}
        for name, run in runs.items():
            try:
                found[name] = play_for_page(run.path, self.data.env, self.data.env_kwargs, trust=self.trust)
            except RexdError as error:
                notes.append(f"No episodes of {name} were played: {error}")
        return found


def _first_of_each_task(runs: Mapping[str, Run]) -> dict[str, Run]:
    first: dict[str, tuple[str, Run]] = {}
    for name, run in runs.items():
        first.setdefault(run.env, (name, run))
    return dict(first.values())


def _first_rewards(runs: Mapping[str, Run]) -> dict[str, Estimator]:
    from rexd.rl.training.run_folder import REWARD_FILE

    first = _first_of_each_task({name: run for name, run in runs.items() if (run.path / REWARD_FILE).is_file()})
    return {name: run.reward() for name, run in first.items()}


def _title(runs: Mapping[str, Run], rewards: Sequence[str], demos: Sequence[str]) -> str:
    if runs:
        tasks = ", ".join(dict.fromkeys(run.env for run in runs.values()))
        return f"{tasks}: {next(iter(runs))}" if len(runs) == 1 else f"{tasks}: {len(runs)} runs"
    return f"Reward {opt.shown(rewards)}" if rewards else f"Demonstrations {opt.shown(demos)}"


def _command(files: Sequence[str], output: Path) -> str:
    from rexd.rl.training.provenance import COMMAND_LINE

    return shlex.join(COMMAND_LINE.get() or ["rexd", "report", *files, "-o", str(output)])
