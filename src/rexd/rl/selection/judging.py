"""When a policy is judged: at once, or beside the training on another core, with the same verdict bit for bit.

Playing the evaluations takes up to a quarter of a run. A process that plays them on a core of its own takes seconds to
start, and is worth it where that much playing is left. An environment may be another one in another process: it may be
registered differently there, or depend on what happened before. The first policy is therefore judged in both, and the
process is used only if its verdict is the same to the last bit.
"""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Self

from rexd.cluster import cores
from rexd.rl.policies.policy import Policy
from rexd.rl.selection.judge import Judge, Standing, Verdict
from rexd.rl.selection.process import JudgingProcess

WORTH = 10.0  # seconds of playing that are left


class Judging:
    """Judges the policies of a run, one at a time.

    Attributes:
        judge: Judges a policy in this process.
    """

    def __init__(self, judge: Judge) -> None:
        """Begin in this process."""
        self.judge, self._alone = judge, not _may_use_two_cores()
        self._process: JudgingProcess | None = None
        self._proof: Verdict | None = None  # what the process has to repeat before it is used
        self._asked: tuple[Policy, Standing] | None = None  # what it is judging
        self._found: Verdict | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process beside, if there is one."""
        self._close()

    def begin(self, policy: Policy, standing: Standing, *, left: int) -> bool:
        """Begin to judge a policy.

        Args:
            policy: The policy; it must not change.
            standing: What it is compared with.
            left: The number of policies that are still to come.

        Returns:
            Whether the verdict is there; else it is being found beside.
        """
        if self._process is not None and self._proven():
            self._process.begin(policy, standing)
            self._asked = (policy, standing)
            return False
        started = time.monotonic()
        self._found = self.judge(policy, standing)
        if not self._alone and self._process is None and left * (time.monotonic() - started) > WORTH:
            self._process = JudgingProcess.start(self.judge)
            self._alone = self._process is None
            if self._process is not None:
                self._process.begin(policy, standing)
                self._proof = self._found
        return True

    def ready(self) -> bool:
        """Whether ``verdict`` returns at once a verdict that was found beside."""
        return self._asked is not None and self._process is not None and self._process.ready()

    def verdict(self) -> Verdict:
        """Return the verdict on the policy of the last ``begin``, once; wait for it where that is needed."""
        if self._asked is not None and self._process is not None:
            asked, self._asked = self._asked, None
            try:
                return self._process.verdict()
            except (EOFError, OSError):  # it was killed, or the environment failed, which this process then says
                self._close()
                return self.judge(*asked)
        assert self._found is not None
        found, self._found = self._found, None
        return found

    def _proven(self) -> bool:
        """Whether there is a process that has repeated the first verdict; one that has not is ended."""
        if self._process is None or self._proof is None:
            return self._process is not None
        if not self._process.ready():
            return False
        proof, self._proof = self._proof, None
        try:
            same = self._process.verdict() == proof
        except (EOFError, OSError):
            same = False
        if not same:
            self._close()
        return same

    def _close(self) -> None:
        """End the process; from now on policies are judged in this one."""
        if self._process is not None:
            self._process.close()
        self._process, self._proof, self._alone = None, None, True


def _may_use_two_cores() -> bool:
    """Whether there is a core to spare: a benchmark and Ray give each run one core, and say so by this variable."""
    return cores() > 1 and os.environ.get("OMP_NUM_THREADS") != "1"
