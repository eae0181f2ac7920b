"""Distances to the nearest rows: exact for few rows, with faiss for many."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from circling import circling
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rexd.errors import DemonstrationError, MissingExtraError, RewardFileError
from rexd.reward.files import load_reward
from rexd.reward.registry import make_reward
from rexd.reward.rivals import neighbours
from rexd.reward.rivals.neighbours import distances, index_of
from rexd.reward.rows import Rows


def cloud(rows=400, columns=6, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32))


def brute(x, rows, k):
    return torch.cdist(x.double(), rows.double()).sort(dim=1).values[:, :k].float()


@pytest.mark.parametrize("k", [1, 3, 400])
def test_distances_are_those_of_a_comparison_of_all(k):
    rows, x = cloud(), cloud(50, seed=1)
    found = distances(index_of(rows, k, 0, approximate=False), x).sort(dim=1).values
    assert torch.allclose(found, brute(x, rows, k), atol=1e-5)


def test_an_equal_row_is_at_distance_zero_and_there_is_a_slope():
    rows = cloud()
    index = index_of(rows, 1, 0, approximate=False)
    assert distances(index, rows[:9]).abs().max() == 0.0
    x = cloud(5, seed=1).requires_grad_()
    distances(index, x).sum().backward()
    assert torch.allclose(torch.linalg.vector_norm(x.grad, dim=1), torch.ones(5), atol=1e-5)
    same = rows[:2].clone().requires_grad_()
    distances(index, same).sum().backward()
    assert same.grad.isfinite().all()


def test_searching_in_parts_changes_nothing(monkeypatch):
    rows, x = cloud(), cloud(50, seed=1)
    whole = distances(index_of(rows, 3, 0, approximate=False), x)
    monkeypatch.setattr(neighbours, "PRODUCTS", 900)
    assert torch.allclose(distances(index_of(rows, 3, 0, approximate=False), x), whole, atol=1e-6)


def test_the_error_is_the_mean_over_the_folds_of_the_distance_outside_each():
    model = make_reward("nearest-neighbour", k=3).fit(circling())
    t = circling().transitions()
    rows = Rows.of_transitions(t)
    encoder = model.encoder_
    x = encoder.standardise(encoder.raw(rows))
    fold = torch.from_numpy(t.trajectory % 4)
    by_fold = [brute(x, x[fold != number], 3).mean(dim=1) for number in range(4)]
    assert np.allclose(model.novelty_of(rows), torch.stack(by_fold).mean(dim=0), atol=1e-5)
    held_out = torch.stack(by_fold)[fold, torch.arange(len(x))]
    assert np.allclose(model.held_out_novelty_, held_out, atol=1e-5)


def test_more_neighbours_than_rows_outside_a_fold():
    with pytest.raises(DemonstrationError, match="k is 121, and only 120 demonstrated rows lie outside"):
        make_reward("nearest-neighbour", k=121).fit(circling())
    assert make_reward("nearest-neighbour", k=120).fit(circling()).fitted


@pytest.fixture
def many(monkeypatch):
    """What counts as many rows is less, so that an index is made."""
    pytest.importorskip("faiss")
    monkeypatch.setattr("rexd.reward.rivals.nearest_neighbour.EXACT_ROWS", 500)


def test_an_index_finds_nearly_the_same(many, tmp_path):
    exact, fresh = make_reward("nearest-neighbour", k=2), Rows.of_transitions(circling(1, 200, seed=9).transitions())
    fitted = make_reward("nearest-neighbour", k=2).fit(circling(6, 200))
    assert fitted.fitted_.learnt.indices[0].file is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rexd.reward.rivals.nearest_neighbour.EXACT_ROWS", 10**9)
        exact.fit(circling(6, 200))
    near, same = fitted.novelty_of(fresh), exact.novelty_of(fresh)
    assert (near >= same - 1e-5).all()
    assert np.isclose(near, same, rtol=1e-3).mean() > 0.9
    loaded = load_reward(fitted.save(tmp_path / "r.safetensors"))
    assert loaded.novelty_of(fresh).tobytes() == near.tobytes()
    again = make_reward("nearest-neighbour", k=2).fit(circling(6, 200))
    assert again.novelty_of(fresh).tobytes() == near.tobytes()


@pytest.fixture(scope="module")
def large():
    """An inverted file of rows without any structure, for which it is at its worst."""
    pytest.importorskip("faiss")
    return index_of(cloud(20_000, 14), 1, 0, approximate=True)


def test_an_index_finds_the_nearest_of_nine_rows_in_ten_at_worst(large):
    x = cloud(500, 14, seed=1)
    found = distances(large, x)
    nearest = distances(index_of(large.rows, 1, 0, approximate=False), x)
    excess = found / nearest - 1.0
    assert excess.min() > -1e-5  # no distance is too small
    assert (excess < 1e-5).float().mean() > 0.85
    assert excess.mean() < 0.02


def test_threads_share_an_index(large):
    x = cloud(2000, 14, seed=2)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(large.search, torch.split(x, 100)))
    assert torch.equal(torch.cat(parts), large.search(x))


def test_lists_that_hold_too_few_rows_are_made_up_for(many):
    index = index_of(cloud(600), 300, 0, approximate=True)
    found = distances(index, cloud(4, seed=1)).sort(dim=1).values
    assert torch.allclose(found, brute(cloud(4, seed=1), cloud(600), 300), atol=1e-5)


@pytest.mark.parametrize(("change", "expected"), [(None, "is missing"), (torch.zeros(3, 7), "has shape")])
def test_centres_that_are_wrong_are_refused(many, tmp_path, change, expected):
    path = make_reward("nearest-neighbour").fit(circling(6, 200)).save(tmp_path / "r.safetensors")
    with safe_open(path, framework="pt") as file:
        content = json.loads(file.metadata()["rexd-reward"])
    del content["sha256"]  # it would tell first that the file was changed
    metadata = {"rexd-reward": json.dumps(content)}
    tensors = load_file(path)
    tensors.pop("neighbours.centres")
    save_file(tensors if change is None else {**tensors, "neighbours.centres": change}, path, metadata=metadata)
    with pytest.raises(RewardFileError, match=rf"tensor 'neighbours\.centres' {expected}"):
        load_reward(path)


def test_many_rows_without_faiss_name_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr("rexd.reward.rivals.nearest_neighbour.EXACT_ROWS", 100)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[neighbours\]'"):
        make_reward("nearest-neighbour").fit(circling())


def test_few_rows_need_no_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    model = make_reward("nearest-neighbour").fit(circling())
    rows = Rows.of_transitions(circling().transitions())
    assert (model.novelty_of(replace(rows, obs=rows.obs + np.float32(1.0))) > 0.0).all()
