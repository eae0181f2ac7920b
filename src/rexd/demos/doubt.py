"""Notes that say that something may have been read wrongly; ``rexd inspect`` shows them as warnings."""

from __future__ import annotations


class Doubt(str):
    """A note which says that the data may be read wrongly, and how the user can tell or mend it.

    Attributes:
        code: A short name that never changes, for scripts and for the tables in docs/inspect.md.
        mend: The option or the action that mends it.
    """

    code: str
    mend: str

    def __new__(cls, message: str, code: str, mend: str) -> Doubt:
        """Take the message, which is the note itself, its code and its mend."""
        made = super().__new__(cls, message)
        made.code, made.mend = code, mend
        return made

    def __reduce__(self) -> tuple[type[Doubt], tuple[str, str, str]]:
        """Return what makes a copy, for other processes."""
        return Doubt, (str(self), self.code, self.mend)
