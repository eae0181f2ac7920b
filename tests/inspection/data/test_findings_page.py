"""Every finding is explained: those of data in docs/inspect.md, those of rewards in docs/diagnose.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def codes(of_rewards):
    """The codes that the source gives findings, with the severities that are written beside them."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "src/rexd").rglob("*.py"):
        if ("diagnosis" in file.parts) != of_rewards:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Finding":
                severity, code = node.args[:2]
                if ast.unparse(code) == "note.code":  # the code of a doubt, which is read below
                    continue
                assert isinstance(code, ast.Constant), ast.unparse(node)
                named = {n.value for n in ast.walk(severity) if isinstance(n, ast.Constant)} & set(SEVERITIES)
                found.setdefault(str(code.value), set()).update(map(str, named))
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Doubt" and len(node.args) == 3:
                assert isinstance(node.args[1], ast.Constant), ast.unparse(node)
                found.setdefault(str(node.args[1].value), set()).add("warning")
    return found


PAGES = pytest.mark.parametrize(("page", "of_rewards"), [("inspect.md", False), ("diagnose.md", True)])
SEVERITIES = ("error", "warning", "info")


def rows(page):
    table: dict[str, str] = {}
    for line in (ROOT / "docs" / page).read_text().splitlines():
        if match := re.match(r"\| `([a-z-]+)` \| ([^|]*) \|", line):
            table[match[1]] = table.get(match[1], "") + match[2]
    return table


@PAGES
def test_every_code_has_its_row(page, of_rewards):
    told_by_data = {"stride-meets-period"} if of_rewards else set()  # the doctor passes this finding on
    assert set(codes(of_rewards)) | told_by_data == set(rows(page))


@PAGES
def test_every_severity_is_told(page, of_rewards):
    table = rows(page)
    for code, severities in codes(of_rewards).items():
        assert severities, code
        for severity in severities:
            assert severity in table[code], (code, severity)
