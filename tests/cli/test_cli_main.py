import os
import subprocess
import sys

import pytest

from rexd import __version__
from rexd.cli import VERBS, Interrupted


def test_help_lists_every_verb_and_examples(rexd):
    result = rexd("--help")
    assert result.status == 0
    assert all(f"  {verb} " in result.out for verb in VERBS)
    assert "rexd demo" in result.out
    assert rexd().out == result.out


def test_version(rexd):
    assert rexd("--version").out == f"rexd {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_examples_and_json(rexd, verb):
    result = rexd(verb, "--help")
    assert result.status == 0
    assert f"    rexd {verb} " in result.out or "    rexd demo" in result.out
    assert "--json" in result.out


def test_help_is_quick():
    # Seconds of the processor and not of the clock, as the machine may be busy; the first run may write bytecode.
    code = "from rexd.cli import main; main(['--help']); import sys; assert not {'torch', 'numpy'} & {*sys.modules}"
    seconds = []
    for _ in range(2):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, timeout=60)
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) < 1, seconds


def test_module_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "rexd", "trian"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Did you mean 'train'?" in done.stderr
    assert all(verb in done.stderr for verb in VERBS)


def test_unknown_option_names_the_near_one(rexd):
    result = rexd("inspect", "x.npz", "--episode-lenght", "3")
    assert result.status == 2
    assert "--episode-length" in result.err


def test_ctrl_c_says_how_to_resume(rexd, monkeypatch):
    def stop(self):
        raise Interrupted("runs/x")

    monkeypatch.setattr("rexd.cli.verbs.train.Command.run", stop)
    result = rexd("train", "my demos.npz", "--steps", "10")
    assert result.status == 130
    assert "runs/x keeps" in result.err
    assert "rexd train 'my demos.npz' --steps 10 --resume\n" in result.err
    assert rexd("train", "x", "--resume").err.count("--resume") == 1


def test_ctrl_c_before_there_is_anything(rexd, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("rexd.cli.verbs.inspect.Command.run", stop)
    result = rexd("inspect", "x")
    assert result.status == 130
    assert "nothing to resume" in result.err


def test_a_file_that_cannot_be_written_is_one_line(fails, demos_file, tmp_path):
    (tmp_path / "taken").write_text("")
    message = fails("fit", demos_file, "-o", tmp_path / "taken" / "reward.safetensors", "--updates", 2)
    assert "taken" in message


def test_a_message_cannot_repaint_the_terminal(fails, tmp_path):
    message = fails("inspect", tmp_path / "a\x1b[2Jb.npz")
    assert "\x1b" not in message
    assert r"a\x1b[2Jb.npz" in message


NAMES = [
    "[link=https:x.example]a",
    "[/red]",
    "[bold red]b[/bold red]",
    "[blink]",
    "a\\[b]",
    "c\x1b]0;d\x07",
    "\u202ee",
    "[",
    "]]",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_and_columns_are_text(rexd, tmp_path, name):
    """Neither markup nor control characters in them reach the terminal as what they are."""
    shown = name.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\u202e", r"\u202e")
    file = tmp_path / f"demos {name.replace('/', '|')}.csv"
    rows = "".join(f"{k / 7:.3f},{(k * 2) % 7},{(k * 3) % 5 / 5}\n" for k in range(40))
    file.write_text(f"obs{name},obs_b,action\n{rows}", encoding="utf-8")
    output = file.with_suffix(".safetensors")
    for words in (["inspect", file], ["fit", file, "-o", output, "--updates", 2, "--folds", 2]):
        result = rexd(*words, "--episode-length", 10)
        said = result.out + result.err
        assert "Traceback" not in said
        assert not set(said) & {"\x1b", "\x07", "\u202e"}
        assert f"demos {shown.replace('/', '|')}." in said.replace("\n", "")
        assert result.status == 0
