import pytest

from rexd.cli.seeds.words import parse_seeds, words_of_seed
from rexd.errors import RexdError


@pytest.mark.parametrize(("text", "seeds"), [("0-4", [0, 1, 2, 3, 4]), ("7", [7]), ("3,0, 8-9", [3, 0, 8, 9])])
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4-0", "0-", "-1", "0-4,2", "1,1", "0-99999999", "1.5"])
def test_what_is_no_list_of_seeds(text):
    with pytest.raises(RexdError, match="--seeds"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("train d.npz --seeds 0-4 --env E --jobs 2 --json", "train d.npz --env E"),
        ("train --out=runs/x --seeds=0-4 --resume d.npz --steps 5", "train --resume d.npz --steps 5"),
        ("train d.npz --seeds 0,1 --ray", "train d.npz"),
        ("train d.npz --ray --seeds 0,1", "train d.npz"),
        ("train d.npz --seeds 0,1 --ray 10.0.0.1:6379", "train d.npz"),
        ("train d.npz --ray=auto --seeds 0 --reward.shape rational", "train d.npz --reward.shape rational"),
    ],
)
def test_the_words_of_one_seed(words, kept):
    assert words_of_seed(words.split(), 3, "runs/x/seed3") == [*kept.split(), "--seed", "3", "--out", "runs/x/seed3"]
