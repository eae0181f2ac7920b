"""Help that wraps at the width of the terminal, whatever the line breaks of the docstrings."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from rexd.cli.parse import help_of, parse, wrapped
from rexd.cli.verbs import train
from rexd.rl.config import TrainConfig

TEXT = 24  # the column at which the help of options begins


def broken_early(lines, width):
    """Pairs of lines of one option's help of which the first has room for the word that the second begins with."""
    found = []
    for line, after in pairwise(lines):
        if not (line.startswith("│ ") and after.startswith("│ ") and line[TEXT - 2 : TEXT] == "  "):
            continue  # not two lines of help
        one, two = line[TEXT:-1].strip(), after[TEXT:-1].strip()
        if one and two and not after[1:TEXT].strip():
            word = re.split(r"(?<=,)", two.split(" ")[0])[0]
            if TEXT + len(f"{one} {word}") <= width - 2:
                found.append((one, two))
    return found


def test_an_early_break_is_found():
    early = ["│ --out FOLDER          A folder".ljust(79) + "│", "│".ljust(TEXT) + "of the run.".ljust(79 - TEXT) + "│"]
    assert broken_early(early, 80) == [("A folder", "of the run.")]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("verb", ["train", "fit", "diagnose", "evaluate", "convert"])
def test_lines_end_where_the_terminal_does(rexd, monkeypatch, verb, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = rexd(verb, "--help").out.splitlines()
    assert all(len(line) <= columns for line in lines if not line.startswith("    rexd "))  # examples, to be copied
    assert max(map(len, lines)) >= columns - 10
    assert broken_early(lines, columns) == []


def test_the_description_is_wrapped_too(rexd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = rexd("train", "--help").out
    assert (
        "\nThe environment's own reward is recorded, and no policy learns from it (except with --reward env). The"
        in out
    )
    assert "\n    rexd train demos.npz --reward reward.safetensors --seed 1\n" in out


def test_help_says_what_a_gpu_changes(rexd):
    out = " ".join(rexd("train", "--help").out.split())
    assert "No GPU is needed." in out
    assert "sbx-sac computes its actions and updates where jax does" in out


def test_wrapped():
    text = "One two\nthree.\n\nExamples:\n    a   long  line that stays"
    assert wrapped(text, 12) == "One two\nthree.\n\nExamples:\n    a   long  line that stays"
    assert wrapped(text, 80) == "One two three.\n\nExamples:\n    a   long  line that stays"


def test_the_help_of_a_field_is_that_of_the_class_that_declares_it():
    assert help_of(TrainConfig, "ensemble").startswith("Number of policies, from the latest evaluations, whose mean")
    assert "\n" not in help_of(TrainConfig, "n_step")
    assert help_of(train.TrainingOptions, "steps") == help_of(TrainConfig, "steps")
    assert help_of(train.RewardOptions, "seed").startswith("Seed of the networks and of the batches. The same seed")
    assert help_of(train.RewardOptions, "nothing") is None


@dataclass(frozen=True)
class Inner:
    """Inner options."""

    count: int = 3
    """A number."""


@dataclass(frozen=True)
class Outer:
    """Outer options."""

    name: str
    """A name."""
    inner: Inner = field(default_factory=lambda: Inner(count=7))


def test_defaults_and_nested_options_are_those_of_the_dataclass(capfd):
    assert parse(Outer, "outer", ["--name", "a"]) == Outer("a", Inner(7))
    assert parse(Outer, "outer", ["--name", "a", "--inner.count", "2"]) == Outer("a", Inner(2))
    with pytest.raises(SystemExit):
        parse(Outer, "outer", [])
    assert "--name" in capfd.readouterr().err
