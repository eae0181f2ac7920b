"""The pages of the API reference name every public name, and no other."""

import re
from importlib import import_module
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(("page", "module"), [("rexd", "rexd"), ("rl", "rexd.rl"), ("ding", "rexd.ding")])
def test_a_page_names_what_its_module_offers(page, module):
    named = re.findall(r"^::: (\S+)$", (REFERENCE / f"{page}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == {f"{module}.{name}" for name in import_module(module).__all__}
