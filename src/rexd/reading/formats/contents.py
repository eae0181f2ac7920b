"""The formats of saved objects, which are read from pickles, JSON, members of an npz, and memory."""

from __future__ import annotations

from collections.abc import Mapping

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.advice.key_guesses import expected_names
from rexd.reading.containers.held import Held
from rexd.reading.formats import (
    array_dict,
    dict_parts,
    named_states,
    plain_array,
    red_pickle,
    trajectory_dicts,
    transition_dicts,
    tuples,
)
from rexd.reading.formats.format import Format
from rexd.reading.rows.dict_observations import has_parts
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import has_needed
from rexd.reading.rows.stacking import names

CONTENT_FORMATS: tuple[Format, ...] = (
    dict_parts.FORMAT,
    transition_dicts.FORMAT,
    trajectory_dicts.FORMAT,
    tuples.FORMAT,
    array_dict.FORMAT,
    named_states.FORMAT,
    plain_array.FORMAT,
    red_pickle.FORMAT,
)
"""The formats that ask a source for its ``content`` alone, in the order in which they are tried."""


def content_format(source: Held) -> Format | None:
    """Return the format of a content, or None if no format recognises it."""
    return next((item for item in CONTENT_FORMATS if item.sniff(source)), None)


def read_content(source: Held, hints: Hints) -> Demonstrations:
    """Read demonstrations from a content of any of these formats, with the columns that the hints ask for.

    Raises:
        DemonstrationError: No format recognises the content, or it cannot be used; the message says what to do.
    """
    # a tuple may be an observation or a list of them, which only the environment tells
    item = dict_parts.FORMAT if has_parts(source.content, hints.flattening) else content_format(source)
    if item is None:
        kind = f"{source.name}: is a {type(source.content).__name__}"
        if isinstance(source.content, Mapping) and not has_needed(source.content):
            raise DemonstrationError(f"{kind} of {names(source.content)}; {expected_names(source.content)}")
        raise DemonstrationError(
            f"{kind}; expected a dict of arrays, or a list of trajectories or transitions "
            "(help(rexd.to_demonstrations) describes them)"
        )
    demos = item.load(source, hints)
    return demos if hints.columns is None or item.takes_columns else demos.select_columns(hints.columns)
