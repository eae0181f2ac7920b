import re
from datetime import date
from pathlib import Path

import pytest
from suites import content, result, save, suite

from rexd.benchmark.documents import DOCUMENTS, FIGURES, renewed, sections, write_documents
from rexd.benchmark.figures import _curves, _looks, alternative, digest, draw
from rexd.benchmark.machine import machine
from rexd.benchmark.page import conditions, page
from rexd.benchmark.runs import Folders, expand
from rexd.benchmark.scores import Results, score, summary, threshold
from rexd.benchmark.suite import load_suite, parse_suite
from rexd.benchmark.tables import below, headline, regimes_not_run, remarks, tables
from rexd.errors import RexdError

ROOT = Path(__file__).parents[2]
VALUES = {
    "4x5/A-ours-seed0": 100.0, "4x5/A-ours-seed1": 98.0, "4x5/B-ours-seed0": 60.0,
    "4x5/A-bc-seed0": 40.0, "4x5/B-bc-seed0": 80.0,
    "4x5/A-env-seed0": 120.0,
}  # fmt: skip


@pytest.fixture
def folders(tmp_path):
    found = Folders(tmp_path / "results", tmp_path / "runs")
    for run in expand(suite()):
        if run.id in VALUES:
            save(found, run, VALUES[run.id])
    return found


@pytest.fixture
def results(folders):
    return Results.read(suite(), folders)


def cells(table, first):
    """The row of a table that begins so."""
    return next(dict(zip(table.headings, row, strict=True)) for row in table.rows if row[: len(first)] == first)


def test_scores_and_totals(results):
    regime = results.suite.regimes[0]
    ours, env, bc = results.suite.methods
    assert results.scores(regime, ours) == {"A": [1.0, 0.98], "B": [0.6]}
    total = results.total(regime, ours)
    assert (total.tasks, total.runs, total.worst, total.worst_run) == (2, 3, 0.6, "B, seed 0")
    # of three, the middle one counts whole and each other a quarter
    assert total.iqm == pytest.approx((0.98 + 0.25 * (1.0 + 0.6)) / 1.5)
    assert total.low <= total.iqm <= total.high
    improvement, shared = results.improvement(regime, ours, bc)
    assert (improvement.probability, shared) == (0.5, 2)  # wins on A, loses on B
    assert results.improvement(regime, ours, env)[1] == 1
    assert results.total(results.suite.regimes[1], ours) is None
    assert below(results, regime, ours, bc) == ["B"]
    assert threshold(results.suite.tasks[0]) == pytest.approx(95)
    assert score(results.suite.tasks[0], {"return_mean": 50}) == pytest.approx(0.5)


def test_methods_are_compared_on_the_seeds_that_both_have(folders):
    regime, (ours, _, bc) = suite().regimes[0], suite().methods
    runs = {run.id: run for run in expand(suite())}
    save(folders, runs["4x5/A-ours-seed1"], -500.0)  # cloning has no seed 1 here
    results = Results.read(suite(), folders)
    assert below(results, regime, ours, bc) == ["B"]
    assert results.improvement(regime, ours, bc)[0].probability == 0.5
    save(folders, runs["4x5/A-bc-seed1"], -400.0)
    assert below(Results.read(suite(), folders), regime, ours, bc) == ["A", "B"]


def test_methods_without_a_seed_in_common_are_not_compared(folders):
    regime, (ours, _, bc) = suite().regimes[0], suite().methods
    runs = {run.id: run for run in expand(suite())}
    for task in "AB":
        folders.result(runs[f"4x5/{task}-bc-seed0"]).unlink()
        save(folders, runs[f"4x5/{task}-bc-seed1"], 500.0)
    folders.result(runs["4x5/A-ours-seed1"]).unlink()
    results = Results.read(suite(), folders)
    assert results.improvement(regime, ours, bc) is None
    assert below(results, regime, ours, bc) == []


def test_the_headline(results):
    table = headline(results)
    assert table.headings == ("4x5", "A", "B", "IQM of scores [95%]", "worst seed")
    assert cells(table, ("demonstrations",))["A"] == "100.00"
    assert cells(table, ("target",))["B"] == "≥ 90.00"
    ours = cells(table, ("ours",))
    assert ours["A"] == "100.00, 98.00"
    assert re.fullmatch(r"0\.92 \[0\.\d\d, \d\.\d\d\]", ours["IQM of scores [95%]"])
    assert ours["worst seed"] == "0.60 (B, seed 0)"
    env = cells(table, ("env",))
    assert (env["B"], env["IQM of scores [95%]"]) == ("not run", "1.20 (1 of 2 tasks)")
    assert cells(table, ("bc",))["IQM of scores [95%]"] == "0.60"  # one seed a task: no interval
    assert cells(table, ("steps, ours",))["A"] == "400"


def test_all_tables(results):
    returns, methods, times = tables(results)
    row = cells(returns, ("B", "ours"))
    assert row["return of each seed (mean ± std over episodes)"] == "60.00 ± 1.00 (s0), not run: s1"
    assert (row["seeds at target"], row["steps"], row["minutes"]) == ("0 of 1", "400", "1.0")
    assert cells(returns, ("B", "env"))["return of each seed (mean ± std over episodes)"] == "not run"
    assert cells(methods, ("bc",))["tasks where ours is below it"] == "B"
    assert cells(methods, ("env",))["P(ours better) [95%]"].endswith("(1 of 2 tasks)")
    assert cells(methods, ("ours",))["P(ours better) [95%]"] == ""
    row = cells(times, ("A", "ours"))
    assert (row["steps, reached"], row["seconds, kept"]) == ("400, 400", "40, 40")
    assert cells(times, ("B", "ours"))["steps, reached"] == "-"
    assert not [row for row in times.rows if row[1] == "bc"]  # no curve
    assert regimes_not_run(results) == ["1x1"]


def test_success_has_a_column_where_a_task_tells_it(folders, results):
    runs = {run.id: run for run in expand(suite())}
    assert "success of each seed" not in tables(results)[0].headings
    for seed, share in ((0, 1.0), (1, 0.25)):
        save(folders, runs[f"4x5/A-ours-seed{seed}"], 100.0, success=share)
    save(folders, runs["1x1/A-ours-seed0"], 100.0)
    found = tables(Results.read(suite(), folders))
    assert cells(found[0], ("A", "ours"))["success of each seed"] == "100% (s0), 25% (s1)"
    assert cells(found[0], ("B", "ours"))["success of each seed"] == ""
    assert "success of each seed" not in found[3].headings  # the other regime


def test_a_method_without_results_is_not_run(tmp_path):
    run = expand(suite())[0]
    folders = Folders(tmp_path, tmp_path)
    save(folders, run, 50.0)
    found = Results.read(suite(), folders)
    assert cells(headline(found), ("env",))["IQM of scores [95%]"] == "not run"
    assert cells(tables(found)[1], ("bc",))["IQM [95%]"] == "not run"
    assert summary(found)[1]["total"] is None


def test_results_of_tasks_that_the_suite_no_longer_has_are_passed_over(folders):
    run = expand(suite())[0]
    save(folders, run, 1.0, task="C")
    assert len(Results.read(suite(), folders).results) == len(VALUES) - 1


def test_suites_with_the_same_names_do_not_see_each_others_results(folders):
    other = parse_suite(content(), name="other", where="other.toml")
    assert Results.read(other, folders).results == ()
    save(folders, expand(other)[0], 7.0)
    assert [r["return_mean"] for r in Results.read(other, folders).results] == [7.0]
    assert sorted(r["return_mean"] for r in Results.read(suite(), folders).results) == sorted(VALUES.values())


def test_results_of_other_settings_are_named(folders):
    run = expand(suite())[0]
    assert not any("other settings" in sentence for sentence in remarks(Results.read(suite(), folders)))
    save(folders, run, 100.0, settings={**run.settings, "discount": 0.5})
    assert remarks(Results.read(suite(), folders)) == [
        "Regimes not run: 1x1.",
        "Made with other settings than the suite has now: 4x5/A-ours-seed0.",
    ]


def test_what_stands_between_markers_is_replaced():
    text = "a\n<!-- rexd benchmark s p: generated, do not edit -->\nold\n<!-- end -->\nb\n"
    new = renewed(text, "s", {"p": "| new |", "q": "none"})
    assert new == text.replace("old", "| new |")
    assert renewed(new, "s", {"p": "| new |"}) == new
    assert renewed(text, "other", {"p": "x"}) == text
    with pytest.raises(RexdError, match="has no '<!-- end -->'"):
        renewed(text.replace("<!-- end -->", ""), "s", {"p": "x"})


def test_documents_and_figure_are_written_once(results, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(RexdError, match="give --write in the folder of a checkout"):
        write_documents(results, "<svg/>", root=tmp_path)
    (tmp_path / "docs").mkdir()
    for name, part in zip(DOCUMENTS, ("headline", "tables"), strict=True):
        (tmp_path / name).write_text(f"<!-- rexd benchmark tiny {part}: generated, do not edit -->\n<!-- end -->\n")
    figure = draw(results)
    assert write_documents(results, figure, root=tmp_path) == [
        *(tmp_path / name for name in DOCUMENTS),
        tmp_path / FIGURES / "tiny.svg",
    ]
    assert "| ours | 100.00, 98.00 |" in (tmp_path / "README.md").read_text()
    assert write_documents(results, figure, root=tmp_path) == []


def test_a_figure_is_the_same_for_the_same_results(results):
    pytest.importorskip("matplotlib")
    figure = draw(results)
    assert figure == draw(results)
    assert digest(results) in figure
    for text in ("performance profile", "environment steps", ">ours<", ">bc<"):
        assert text in figure
    assert ">env<" in figure  # its curve; its profile would be over one task alone
    assert f"<title>{alternative(results)}</title>" in figure


def page_of(results):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    return page(results, draw(results), made=date(2026, 1, 31))


def test_the_page_stands_alone(results):
    text = page_of(results)
    assert text.count("<svg") == 1
    assert "<?xml" not in text
    assert "60.00 ± 1.00 (s0), not run: s1" in text
    assert "Regimes not run: 1x1." in text
    assert not re.search(r'(src|href)="https?://|url\((?!#)|@import|<script|<link', text.replace("xlink:href", ""))


def test_the_page_is_for_narrow_and_dark_screens(results):
    text = page_of(results)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@media (prefers-color-scheme: dark)" in text
    # what is wider than the screen scrolls in a box of its own
    assert re.search(r"\.scroll { overflow-x: auto; }", text)
    assert text.count("<table>") == len(re.findall(r'<div class="scroll[^>]*>\s*<table>', text)) == 5
    assert re.search(r'<div class="scroll"[^>]*role="img"[^>]*>\s*<svg', text)


def test_the_contents_lead_to_every_part_of_the_page(results):
    text = page_of(results)
    links = re.findall(r'href="#([a-z0-9-]+)">', text)
    assert links == [
        "figure", "headline", "4x5-4-trajectories-every-5th-transition-returns",
        "4x5-4-trajectories-every-5th-transition-methods", "4x5-4-trajectories-every-5th-transition-time-to-95",
        "versions-and-machines-of-the-runs",
    ]  # fmt: skip
    assert [name for name in links if len(re.findall(f'id="{name}"', text)) != 1] == []


def test_the_page_tells_versions_machines_and_dates(folders):
    runs = [run for run in expand(suite()) if run.id in VALUES]
    for number, run in enumerate(runs[:3]):
        versions = {"torch": "2.0" if number else "3.0 <new>"}
        save(
            folders,
            run,
            1.0,
            versions=versions,
            machine={"processor": "Chip", "cores": 4},
            date=f"2026-01-0{number + 1}",
        )
    found = Results.read(suite(), folders)
    told = dict(conditions(found).rows)
    assert told == {
        "torch": "not recorded (3); 2.0 (2); 3.0 <new> (1)",
        "machine": "not recorded (3); Chip, 4 cores (3)",
        "date": "2026-01-01 to 2026-01-03",
    }
    text = page_of(found)
    assert '<time datetime="2026-01-31">2026-01-31</time>' in text
    assert machine()["processor"] in text
    assert "3.0 &lt;new&gt; (1)" in text


def looks_of(count):
    methods = {f"m{number}": {} for number in range(count)}
    return _looks(Results(suite(methods=methods), ()))


def test_no_two_methods_look_the_same_and_the_default_is_thickest():
    looks = looks_of(11)
    assert len({look["color"] for look in looks.values()}) == 11
    default, *others = looks.values()
    assert all(default["lw"] > look["lw"] and default["zorder"] > look["zorder"] for look in others)
    assert len({(look["color"], str(look["ls"])) for look in looks_of(40).values()}) == 40


def test_the_legend_is_inside_the_picture_and_the_default_above_the_others():
    pytest.importorskip("matplotlib")
    methods = {f"a-method-of-long-name-{number}": {} for number in range(11)}
    found = suite(methods=methods)
    runs = [run for run in expand(found) if run.regime.name == "4x5" and run.seed == 0]
    figure = draw(Results(found, tuple(result(run, 50.0 + 4 * k) for k, run in enumerate(runs))))
    width, height = (float(value) for value in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure).groups())
    assert width * 4 / 3 <= 701  # pixels
    legend = figure[figure.index('id="legend_1"') :]
    shown = re.findall(r'font-size: ([\d.]+)px.* x="([\d.]+)" y="([\d.]+)".*>([^<]+)</text>', legend)
    assert [name for *_, name in shown] == [*methods, "demonstrations", "95% of the way there"]
    for size, x, y, name in shown:
        assert float(size) >= 9
        assert 0 < float(x) < float(x) + 0.55 * float(size) * len(name) < width
        assert 0 < float(y) < height
    panel = figure[figure.index('id="axes_1"') : figure.index('id="axes_2"')]
    assert panel.rindex("stroke-width: 2.8") > panel.rindex("stroke-width: 1.3")


def test_axes_end_where_the_lines_do(folders):
    matplotlib = pytest.importorskip("matplotlib.figure")
    regimes = content()["regimes"]
    regimes["4x5"]["steps"] = {"A": 300}
    found = Results.read(suite(regimes=regimes), folders)
    panel = matplotlib.Figure().subplots()
    _curves(panel, found, found.suite.tasks[0], _looks(found))
    assert panel.get_xlim() == (0, 300)  # the regime's steps
    low, high = panel.get_ylim()
    assert 30 < low < 40  # cloning's 40 is the lowest; random play is at 0
    assert 120 < high < 130  # the level of env, of far more steps, is the highest


def test_a_suite_of_which_next_to_nothing_was_run_is_reported():
    found = load_suite("experts")
    for wanted in ("1x1/Humanoid-rexd-seed0", "25x1/Door-rexd-seed0", "4x20/Walker2d-sac-bc-seed2"):
        run = next(run for run in expand(found) if run.id == wanted)
        results = Results(found, (result(run, 50.0, versions={}),))
        assert sections(results)["headline"].startswith("| 4x20 |")
        assert run.task.name in sections(results)["tables"]
    assert "Regimes not run: 4x1, 1x1, 25x1." in page_of(results)


RECORDED = {
    name: Results.read(load_suite(name), Folders(ROOT / "benchmarks" / "results", ROOT / "runs"))
    for name in ("quick", "red")
}
MEND = "renew it: rexd benchmark {} --report --write"


@pytest.mark.parametrize(("name", "document"), [("red", DOCUMENTS[0]), ("red", DOCUMENTS[1]), ("quick", DOCUMENTS[1])])
def test_documents_match_the_results(name, document):
    text = (ROOT / document).read_text("utf-8")
    assert f"<!-- rexd benchmark {name} " in text
    assert renewed(text, name, sections(RECORDED[name])) == text, MEND.format(name)


@pytest.mark.parametrize("name", RECORDED)
def test_the_figure_matches_the_results(name):
    assert digest(RECORDED[name]) in (ROOT / FIGURES / f"{name}.svg").read_text("utf-8"), MEND.format(name)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_results_belong_to_the_suite(name):
    runs = {run.id for run in expand(RECORDED[name].suite)}
    for found in RECORDED[name].results:
        run = f"{found['regime']}/{found['task']}-{found['method']}-seed{found['seed']}"
        assert run in runs
        assert (ROOT / "benchmarks" / "results" / name / f"{run}.json").is_file()
        assert found["suite"] == name
