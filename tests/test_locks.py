"""One process at a time holds a lock, which ends with it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from rexd.errors import RexdError
from rexd.locks import locked

pytest.importorskip("fcntl")
HOLD = (
    "import sys, time, pathlib\nfrom rexd.locks import locked\n"
    "with locked(pathlib.Path(sys.argv[1]), 'it'):\n    print('held', flush=True)\n    time.sleep(600)"
)


def test_another_process_is_told_who_holds_it_until_that_one_is_killed(tmp_path):
    path = tmp_path / "made" / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = rf"the folder is in use by another process \(process {holder.pid} on .+, since 20.+\)\. Wait"
        with pytest.raises(RexdError, match=said), locked(path, "the folder"):
            pytest.fail("two hold it")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert path.exists()
    with locked(path, "the folder"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{", "[" * 5000, '{"pid": "no"}', "\x1b[31m"])
def test_a_lock_that_does_not_say_who_holds_it_is_held_all_the_same(tmp_path, content):
    path = tmp_path / ".lock"
    with locked(path, "it"):
        path.write_text(content)
        with pytest.raises(RexdError, match=r"it is in use by another process\. Wait"), locked(path, "it"):
            pytest.fail("two hold it")


def test_an_error_gives_it_back(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), locked(tmp_path / ".lock", "it"):
            raise ValueError("inside")
    assert not list(tmp_path.iterdir())
