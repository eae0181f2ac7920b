import pytest

from rexd.cli.options import (
    DataOptions,
    chosen_environment,
    column_numbers,
    environment_arguments,
    load,
    parse_columns,
    parse_lengths,
)
from rexd.errors import RexdError


@pytest.mark.parametrize(
    ("text", "columns"),
    [("0:27", slice(0, 27)), ("5", slice(5, 6)), ("0,1,5:9", [0, 1, 5, 6, 7, 8]), ("3, 1", [3, 1])],
)
def test_columns(text, columns):
    assert parse_columns(text) == columns


@pytest.mark.parametrize("text", ["", "a", "0-27", "5:5", "9:2", "1,,2", ":3", "-1", "0:9,9999999999", "1:900000000,2"])
def test_columns_that_are_not_understood(text):
    with pytest.raises(RexdError, match=r"columns '.*' are (not understood; write 0:27|more than a million)"):
        parse_columns(text)


def test_columns_beyond_the_observation():
    assert column_numbers("1:3", 3) == [1, 2]
    with pytest.raises(RexdError, match="columns 0 to 2"):
        column_numbers("1:4", 3)


def test_environment_arguments():
    words = ("a=1", "b=false", "c=None", "d=text", "e=[1, 2]", "f=", "g=x=y", '{"h": {"i": 2.5}}')
    expected = {"a": 1, "b": False, "c": None, "d": "text", "e": [1, 2], "f": "", "g": "x=y", "h": {"i": 2.5}}
    assert environment_arguments(words) == expected


@pytest.mark.parametrize("word", ["demos.npz", "=1", "1a=2", '{"a": }'])
def test_environment_arguments_that_are_not_understood(word):
    with pytest.raises(RexdError, match="--env-kwargs"):
        environment_arguments((word,))


def test_a_data_file_may_not_choose_a_module_to_import():
    class Named:
        env_id = "os:Evil-v0"

    assert chosen_environment("mine:Id-v0", Named()) == "mine:Id-v0"
    with pytest.raises(RexdError, match="if you trust that, give it with --env"):
        chosen_environment(None, Named())


def test_no_environment_is_named():
    with pytest.raises(RexdError, match="--env Hopper-v5"):
        chosen_environment(None, None)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [(None, None), ("12,9,15,9", (12, 9, 15, 9)), ("12, 9", (12, 9)), ("40", (40,)), ("traj_lens", "traj_lens")],
)
def test_lengths(text, lengths):
    assert parse_lengths(text) == lengths


def test_bundled_demonstrations_take_no_lengths():
    for options in (DataOptions(lengths="5,5"), DataOptions(episode_length=5)):
        with pytest.raises(RexdError, match=r"record where trajectories begin; leave --(lengths|episode-length) out"):
            load(("bundled",), options)
