"""The configuration object of DI-engine's interface: a dict whose items are attributes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Config(dict[str, Any]):
    """A dict whose items are attributes too, as in the package easydict that DI-engine uses.

    Mappings that are set as values, also inside lists and tuples, become ``Config``.
    """

    def __init__(self, *args: Any, **items: Any) -> None:
        """Create the config from the arguments of ``dict``."""
        super().__init__()
        self.update(*args, **items)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set an item, and with it an attribute."""
        super().__setitem__(key, _nested(value))

    def update(self, *args: Any, **items: Any) -> None:
        """Set several items; the arguments are those of ``dict.update``."""
        for key, value in dict(*args, **items).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Set an item if it is missing, and return it."""
        if key not in self:
            self[key] = default
        return self[key]

    def __getattr__(self, name: str) -> Any:
        """Return the item of that name."""
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, self)) or "nothing"
            raise AttributeError(f"the config has no {name!r}; it has {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the item of that name."""
        self[name] = value

    def __delattr__(self, name: str) -> None:
        """Delete the item of that name."""
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the config has no {name!r}") from None


def section_of(cfg: Mapping[str, Any]) -> Config:
    """Return a copy of the settings of a reward model.

    They are the section ``reward_model`` of an experiment's config, with the experiment's ``exp_name`` where the
    section has none, or all of a config without such a section.
    """
    section = cfg.get("reward_model")
    if not isinstance(section, Mapping):
        return Config(cfg)
    return Config({**{name: cfg[name] for name in ("exp_name",) if name in cfg}, **section})


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping) and not isinstance(value, Config):
        return Config(value)
    if type(value) in (list, tuple):
        return type(value)(_nested(item) for item in value)
    return value
