import pytest
import torch

from rexd.rl.learners.sbx.threads import one_torch_thread


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_come_back(three_threads):
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_they_come_back_after_an_error(three_threads):
    with pytest.raises(KeyboardInterrupt), one_torch_thread():
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 3
