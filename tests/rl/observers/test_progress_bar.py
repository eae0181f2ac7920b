"""What ``rexd.train`` shows by itself."""

import io
import re

import pytest
from rich.console import Console

from rexd.reward.checks import Check
from rexd.rl.observers import progress_bar
from rexd.rl.observers.observer import Silent
from rexd.rl.observers.progress_bar import TrainingBar, watching

RECORD = {"steps": 500, "seconds": 2.0, "learned_return": 812.5, "true_return": 3.0, "length": 9.0, "selected": True}


def tell(observer):
    observer.message("clipped 3 of 9 entries [0, 1]")
    observer.fit(10, 20)
    observer.checks([Check("expert rows, held out", 0.6, 0.02, 5)], ["The reward is flat."])
    observer.step(500, 2000, None)
    observer.step(1000, 2000, 812.5)
    observer.evaluated(RECORD)


def shown(console):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


@pytest.fixture
def screen(monkeypatch):
    """A screen in place of stderr: a function of its kind."""

    def screen(**kind):
        console = Console(file=io.StringIO(), width=140, highlight=False, **kind)
        monkeypatch.setattr(progress_bar, "Console", lambda **_: console)
        return console

    return screen


def test_a_bar_and_lines_on_a_terminal(screen):
    console = screen(force_terminal=True)
    with watching(None, shown=True) as observer:
        tell(observer)
        observer._bar.refresh()
    text = shown(console)
    assert "training" in text
    assert "1000/2000" in text
    assert "learned return 812.5" in text
    assert "clipped 3 of 9 entries [0, 1]" in text
    assert "the reward pays expert rows, held out 0.60" in text
    assert "WARNING: The reward is flat." in text
    assert "500 steps · learned return 812.5 · true return 3 · 2 s · best so far" in text
    assert console.file.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the bar is gone, the cursor is back


def test_the_bar_goes_when_the_run_fails(screen):
    console = screen(force_terminal=True)

    def interrupted():
        with watching(None, shown=True) as observer:
            observer.step(1, 2, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "\x1b[?25h" in console.file.getvalue()


@pytest.mark.parametrize(("wanted", "terminal"), [(False, True), (True, False)])
def test_silence(screen, wanted, terminal):
    console = screen(force_terminal=terminal)
    with watching(None, shown=wanted) as observer:
        tell(observer)
    assert type(observer) is Silent
    assert console.file.getvalue() == ""


def test_nothing_reaches_stderr_where_it_is_a_file(capfd):
    with watching(None, shown=True) as observer:
        tell(observer)
    assert capfd.readouterr() == ("", "")


def test_an_observer_takes_the_place_of_the_bar(screen):
    console, mine = screen(force_terminal=True), Silent()
    with watching(mine, shown=True) as observer:
        assert observer is mine
    assert console.file.getvalue() == ""


def test_a_notebook_without_widgets_has_the_lines(screen, monkeypatch):
    console = screen()
    printed = []
    monkeypatch.setattr(console, "is_jupyter", True)
    monkeypatch.setattr(console, "print", lambda text, **_: printed.append(str(text)))
    monkeypatch.setattr(progress_bar, "find_spec", lambda name: None)
    with watching(None, shown=True) as observer:
        assert isinstance(observer, TrainingBar)
        tell(observer)
    assert any("learned return 812.5" in line for line in printed)
    assert len(printed) == 4
