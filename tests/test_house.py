"""The house keeps its plan: every module says what lives there, and no file and no folder grows beyond a view."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import rexd

HOUSE = Path(rexd.__file__).parent
MODULES = sorted(HOUSE.rglob("*.py"))
MOST_LINES, MOST_MODULES = 400, 15
CROWDED = {"reading/formats"}  # one module for each format


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_module_says_what_lives_there(module):
    said = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    first = said.splitlines()[0] if said else ""
    assert len(first.split()) >= 4, f"{module}: its docstring is {first!r}; expected a line that says what lives there"
    assert first.endswith((".", ":")), f"{module}: {first!r} is no whole sentence"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_file_has_room_for_one_idea(module):
    assert len(module.read_text("utf-8").splitlines()) <= MOST_LINES


def test_a_folder_can_be_taken_in_at_once():
    folders = {module.parent for module in MODULES}
    counts = {str(folder.relative_to(HOUSE)): len(list(folder.glob("*.py"))) - 1 for folder in folders}  # less __init__
    assert {name for name, count in counts.items() if count > MOST_MODULES} == CROWDED


def test_the_page_on_design_names_the_rooms_of_the_contracts():
    root = Path(__file__).parents[1]
    contracts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["containers"] == ["rexd"])
    rooms = {room for floor in layers for room in floor.split(" | ")} - {"__main__"}
    table = (root / "docs/design.md").read_text("utf-8").partition("| room |")[2].partition("\n\n")[0]
    named = {name.rstrip("/") for row in table.splitlines() for name in re.findall(r"`([a-z]+)/?`", row.split("|")[1])}
    assert named == rooms
    picture = (root / "docs/figures/house.svg").read_text("utf-8")
    drawn = set(re.findall(r"[a-z]+", " ".join(re.findall(r">([^<]+)</text>", picture))))
    assert rooms <= drawn
