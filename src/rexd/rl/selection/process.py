"""The process that judges policies beside a training: ``python -m rexd.rl.selection.process SOCKET``.

What travels through the socket are pickles between a process and its own child: no other process can reach it.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Self

import torch

from rexd.rl.policies.policy import Policy
from rexd.rl.selection.judge import Judge, Standing, Verdict


class JudgingProcess:
    """A process of its own that judges one policy at a time. It ends when its parent does."""

    def __init__(self, connection: Connection, process: subprocess.Popen[bytes]) -> None:
        """Take a process that was started, and the connection to it."""
        self._connection, self._process = connection, process
        # A thread of its own: what is sent waits for the process, which takes seconds to start, and training must not.
        self._sender = ThreadPoolExecutor(1)

    @classmethod
    def start(cls, judge: Judge) -> Self | None:
        """Start the process; None where this judge cannot be sent to one, or the system cannot pass sockets on."""
        if os.name != "posix":
            return None
        try:
            told = pickle.dumps((sys.path, torch.get_num_threads(), pickle.dumps(judge)))
        except Exception:  # whatever the environment or reward of a user raises: it is judged in this process, then
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", __spec__.name, str(theirs.fileno())]
            quiet = subprocess.DEVNULL
            process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=quiet, stdout=quiet, stderr=quiet)
        made = cls(Connection(ours.detach()), process)
        made._send(told)
        return made

    def begin(self, policy: Policy, standing: Standing) -> None:
        """Hand a policy over; where the process has ended, ``verdict`` says so."""
        self._send(pickle.dumps((policy, standing)))  # the connection's own ``send`` would share tensors by descriptors

    def _send(self, told: bytes) -> None:
        self._sender.submit(self._connection.send_bytes, told)

    def ready(self) -> bool:
        """Whether ``verdict`` would return, or raise, at once."""
        with suppress(OSError):
            return self._connection.poll()
        return True

    def verdict(self) -> Verdict:
        """Wait for the verdict on the policy that was handed over.

        Raises:
            EOFError: The process has ended, for example as the environment raised an error.
            OSError: Likewise.
        """
        found = pickle.loads(self._connection.recv_bytes())
        assert isinstance(found, Verdict)
        return found

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()  # which ends a send that waits for it
        self._process.wait()
        self._sender.shutdown()
        self._connection.close()


def main(words: list[str]) -> int:
    """Judge what comes through the socket until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the parent ends this one
    with Connection(int(words[0])) as connection, suppress(EOFError, OSError):
        sys.path[:], threads, judging = pickle.loads(connection.recv_bytes())
        torch.set_num_threads(threads)  # their number changes the last bits of sums
        judge = pickle.loads(judging)  # by now modules beside the user's script are found
        while True:
            connection.send_bytes(pickle.dumps(judge(*pickle.loads(connection.recv_bytes()))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
