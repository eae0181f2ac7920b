"""The machine that a run or a report is made on: its processor and its cores."""

from __future__ import annotations

import os
from typing import Any

from rexd.rl.training.provenance import processor


def machine() -> dict[str, Any]:
    """Return the name of the processor and the number of cores that the system has, as plain JSON types."""
    return {"processor": processor(), "cores": os.cpu_count() or 1}
