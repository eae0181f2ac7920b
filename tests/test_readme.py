"""The README: its Python examples run as they are written, in order, in one folder, and it stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
MOST_WORDS = 700  # code, generated tables and the descriptions of pictures are not counted


def test_python_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 1
    for example in EXAMPLES:
        exec(compile(example, str(README), "exec"), {"__name__": "readme"})
    assert (tmp_path / "reward.safetensors").is_file()


def test_it_is_read_in_a_few_minutes() -> None:
    not_counted = (r"```.*?```", r"<!-- rexd.*?<!-- end -->", r"!\[.*?\]\(.*?\)")
    text = README.read_text()
    for part in not_counted:
        text = re.sub(part, "", text, flags=re.DOTALL)
    assert len(text.split()) <= MOST_WORDS
