"""JSON files that would exhaust memory or the stack, or say one thing twice."""

from __future__ import annotations

from pathlib import Path

from corpus import Make, add

ROW = b'{"obs": [0.5, 0.25], "action": [1.0]}'


def _json(content: bytes) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        (folder / "demos.json").write_bytes(content)
        return folder / "demos.json"

    return make


for _name, _content, _refusal in (
    ("a million lists within one another", b"[" * 10**6, "too many deep|is no whole JSON"),
    ("a hundred thousand lists within one another", b"[" * 10**5 + b"]" * 10**5, "too many deep|is a JSON file of"),
    ("objects within one another", b'{"obs":' * 10**5 + b"1" + b"}" * 10**5, "too many deep"),
    ("millions of empty lists", b"[" + b"[]," * 4 * 10**6 + b"[]]", "would take 4.* bytes in memory; expected at most"),
    ("a million empty objects", b"[" + b"{}," * 2 * 10**6 + b"{}]", "would take .* bytes in memory"),
    ("a number of a million digits", b'[{"obs": [' + b"9" * 10**6 + b'], "action": [1]}]', "cannot be read as JSON"),
    ("a number beyond floating point", b'[{"obs": [1e999], "action": [1.0]}]', "jump|NaN|infinite|begin"),
    ("a key that is there twice", b'[{"obs": [1.0], "obs": [2.0], "action": [1.0]}]', "has the key 'obs' twice"),
    ("a file cut short", b"[" + ROW + b",\n" + ROW[:-3], "is no whole JSON: .* at line 2, column"),
    ("lines cut short", ROW + b"\n" + ROW + b"\n" + ROW[:-3], "is no whole JSON: .* at line 3, column"),
    ("bytes that are no text", b'[{"obs": "\xff\xfe\x00\x80"}]', "cannot be read as JSON"),
    (
        "code in place of numbers",
        b'[{"obs": "__import__(\'os\').system(\'touch mark\')", "action": [1.0]}]',
        "expected",
    ),
):
    add(f"json: {_name}", _json(_content), rf"demos\.json: .*({_refusal})", unsafe=False)
