"""The README's Python examples run as they are written, in order, in one folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_python_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sbx")
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 4
    for example in EXAMPLES:
        exec(compile(example, str(README), "exec"), {"__name__": "readme"})
    assert (tmp_path / "reward.safetensors").is_file()
