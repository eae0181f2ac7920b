"""What a pickle of another library's objects is, told by the name of the class alone, and the way to its arrays."""

from __future__ import annotations

_NETWORK = "a saved network, which holds weights and no demonstrations"
_FROM_POLICY = "Record what its policy does (rexd collect)"
_SB3_BUFFER = (
    "a saved replay buffer of Stable-Baselines3",
    "Load it with model.load_replay_buffer, and use rexd.to_demonstrations(model.replay_buffer)",
)
_TIANSHOU_ARRAYS = (
    "observations=buffer.obs, actions=buffer.act, terminated=buffer.terminated, truncated=buffer.truncated"
)

_KNOWN: dict[str, tuple[str, str]] = {
    "stable_baselines3.common.buffers.": _SB3_BUFFER,
    "stable_baselines3.her.": _SB3_BUFFER,
    "tianshou.data.": (
        "a saved replay buffer of Tianshou",
        f"Load it there, and save its arrays: numpy.savez(file, {_TIANSHOU_ARRAYS})",
    ),
    "imitation.data.": ("a recording of imitation", "Load it there, and use rexd.to_demonstrations(trajectories)"),
    "pandas.": ("a table of pandas", "Save it as text: table.to_csv('demos.csv', index=False)"),
    "torch.nn.": (_NETWORK, _FROM_POLICY),
    "torch.optim.": (_NETWORK, _FROM_POLICY),
    "stable_baselines3.": (_NETWORK, _FROM_POLICY),
    "flax.": (_NETWORK, _FROM_POLICY),
    "tensorflow.": (_NETWORK, _FROM_POLICY),
    "keras.": (_NETWORK, _FROM_POLICY),
    "sklearn.": ("a model of scikit-learn, which holds no demonstrations", _FROM_POLICY),
}
"""The first words of the names of classes, and what a file of such objects is; the longer of two comes first."""


def expected_instead(name: str) -> str:
    """Return sentences for the error about a class that is not read: what the file seems to be, and the next step."""
    for start, (what, step) in _KNOWN.items():
        if name.startswith(start):
            return f"It seems to be {what}. {step}"
    return (
        "Expected numpy arrays and torch tensors in builtin containers. If you trust the file, store its arrays as npz "
        "with a program of your own, and load the npz"
    )
