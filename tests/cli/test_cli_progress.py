import io
import re

from rich.console import Console

from rexd.cli.show.progress import ProgressBar


def shown_on_a_terminal(monkeypatch, watch):
    """What reaches a terminal, without its control sequences, line by line."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=140, highlight=False)
    monkeypatch.setattr("rexd.cli.show.progress.stderr", lambda: console)
    with ProgressBar() as progress:
        watch(progress)
        progress._bar.refresh()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()


def test_the_bar_shows_steps_and_learned_return(monkeypatch):
    def watch(progress):
        progress.fit(10, 20)
        progress.step(500, 2000, None)
        progress.step(1000, 2000, 812.5)

    lines = shown_on_a_terminal(monkeypatch, watch)
    assert any("training" in line and "1000/2000" in line and "learned return 812.5" in line for line in lines)
    assert sum("fitting the reward" in line for line in lines[-2:]) == 0  # one bar at a time


def test_messages_stand_above_the_bar(monkeypatch):
    def watch(progress):
        progress.step(500, 2000, None)
        progress.message("clipped 3 of 9 action entries [0, 1]")

    assert any("clipped 3 of 9 action entries [0, 1]" in line for line in shown_on_a_terminal(monkeypatch, watch))


def test_episodes_are_counted_in_whatever_order_they_end(monkeypatch):
    def watch(progress):
        ended = progress.episodes(5)
        for number in (3, 0):
            ended(number, None)

    assert any("playing" in line and "2/5" in line for line in shown_on_a_terminal(monkeypatch, watch))


def test_no_bar_where_stderr_is_a_file(capfd):
    with ProgressBar(learned=False) as progress:
        progress.step(500, 2000, 3.0)
        progress.evaluated({"steps": 500, "seconds": 2.0, "learned_return": None, "true_return": 3.0, "length": 9.0})
    out, err = capfd.readouterr()
    assert out == ""
    assert err.strip() == "500 steps · true return 3.000 · length 9 · 2 s"
