"""Scoring in a pipe: what comes out is what ``predict`` says, row by row."""

import io
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from offline import Offline, bare_predict, small_reward

from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.relabel.pipe import score_stream
from rexd.reward.files import load_reward

DATA = Offline(lengths=(5, 700, 30))


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    return small_reward(tmp_path_factory.mktemp("reward") / "reward.safetensors")


@pytest.fixture(scope="module")
def model(reward):
    return load_reward(reward)


@pytest.fixture(scope="module")
def expected(reward):
    return bare_predict(reward, DATA)


def lines(**others):
    rows = zip(DATA.obs.tolist(), DATA.act.tolist(), *(values.tolist() for values in others.values()), strict=True)
    return "".join(json.dumps(dict(zip(("obs", "act", *others), row, strict=True))) + "\n" for row in rows).encode()


def of_lines(model, content):
    out = io.BytesIO()
    score_stream(model, io.BytesIO(content), out)
    return np.array([json.loads(line)["reward"] for line in out.getvalue().splitlines()], np.float32)


def arrow(columns, batch=100, **options):
    table, out = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=batch)
    return out.getvalue()


def columns(**others):
    return {"observation": list(DATA.obs), "action": list(DATA.act), **others}


def of_arrow(model, content):
    out = io.BytesIO()
    score_stream(model, io.BytesIO(content), out)
    return pa.ipc.open_stream(out.getvalue()).read_all()["reward"].to_numpy()


def test_the_time_is_given_or_counted(model, expected):
    ends = np.isin(np.arange(DATA.rows), DATA.stops - 1)
    for others in ({"step": DATA.step}, {"done": ends}, {"episode": DATA.episode}):
        assert np.allclose(of_lines(model, lines(**others)), expected, atol=1e-6)
        assert np.allclose(of_arrow(model, arrow(columns(**others))), expected, atol=1e-6)
    named = [f"ep{n}" for n in DATA.episode]
    assert np.allclose(of_arrow(model, arrow(columns(episode=named))), expected, atol=1e-6)
    assert not np.allclose(of_lines(model, lines()), expected, atol=1e-3)
    unknown = model.predict(DATA.obs, DATA.act)
    assert np.allclose(of_lines(model, lines()), unknown, atol=1e-6)


def test_batches_stay_batches(model):
    out = io.BytesIO()
    score_stream(model, io.BytesIO(arrow(columns(step=DATA.step), batch=300)), out)
    found = pa.ipc.open_stream(out.getvalue())
    assert [len(batch) for batch in found] == [300, 300, 135]
    assert found.schema == pa.schema([("reward", pa.float32())])


def test_a_float_survives_the_text(model):
    found = of_lines(model, lines(step=DATA.step))
    assert found.tobytes() == model.predict(DATA.obs, DATA.act, None, DATA.step).tobytes()


def test_rewards_come_while_the_pipe_is_open(reward):
    words = [sys.executable, "-m", "rexd", "score", str(reward), "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for line in lines(step=DATA.step).splitlines(keepends=True)[:3]:
            process.stdin.write(line)
            process.stdin.flush()
            assert 0.0 <= json.loads(process.stdout.readline())["reward"] <= 1.0
        process.stdin.close()
        assert process.wait() == 0


def test_nothing_in_nothing_out(model):
    assert of_lines(model, b"").size == 0
    assert of_lines(model, b"\n\n").size == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json\n", "line 1: is no JSON"),
        (b'{"obs": [1, 2, 3, 4], "act": [0, 0]}\n{"obs": [1, 2, 3, 4]}\n', "line 2: has .*as before"),
        (b'{"obs": [1, 2, 3, 4], "act": [0, 0]}\n[1]\n', "line 2: has list"),
        (b'{"obs": [1, 2, 3, 4], "act": [0, NaN]}\n', "NaN or infinite"),
        (b'{"a": 1}\n', r"has no observations \(found a\)"),
        (b'{"obs": [1, 2, 3, 4], "act": [0, 0]}\n{"obs": [1], "act": [0, 0]}\n', "'obs' is not one number"),
        (b'{"obs": [1, 2, 3, 4], "act": [0, 0], "step": -1}\n', "'step' holds"),
        (b'{"obs": "x", "act": [0, 0]}\n', "obs"),
        (b"[" * 100_000, "line 1: is no JSON"),
    ],
)
def test_broken_lines_are_told(model, content, message):
    with pytest.raises(DemonstrationError, match=message):
        of_lines(model, content)


def test_rows_of_another_task(model):
    with pytest.raises(SpaceMismatchError, match=r"fitted to \(batch, 4\)"):
        of_lines(model, b'{"obs": [1, 2, 3], "act": [0, 0]}\n')
    with pytest.raises(SpaceMismatchError, match="actions have shape None"):
        of_lines(model, b'{"obs": [1, 2, 3, 4]}\n')


def test_broken_streams_are_told(model):
    whole = arrow(columns(step=DATA.step))
    for cut in (6, 40, len(whole) // 2, len(whole) - 20):
        with pytest.raises(DemonstrationError, match="standard input: the Arrow stream"):
            of_arrow(model, whole[:cut])
    with pytest.raises(DemonstrationError, match="compressed or dictionary-encoded"):
        of_arrow(model, arrow(columns(), compression="zstd"))
    coded = pa.array(["a"] * DATA.rows).dictionary_encode()
    with pytest.raises(DemonstrationError, match="compressed or dictionary-encoded"):
        of_arrow(model, arrow(columns(episode=coded)))
    with pytest.raises(DemonstrationError, match="claims 2147483647 bytes; expected at most 16777216"):
        of_arrow(model, b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 1))


def test_flipped_bits_are_told_or_change_numbers_alone(model):
    whole, rng = bytearray(arrow(columns(step=DATA.step))), np.random.default_rng(0)
    for place in rng.integers(len(whole), size=200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            assert len(of_arrow(model, bytes(damaged))) <= DATA.rows
        except (DemonstrationError, SpaceMismatchError):
            continue


def test_other_options_are_refused(reward):
    words = [sys.executable, "-m", "rexd", "score", str(reward), "-", "--json"]
    done = subprocess.run(words, input=b"", capture_output=True, env=os.environ)
    assert done.returncode == 2
    assert b"leave the other options out" in done.stderr
