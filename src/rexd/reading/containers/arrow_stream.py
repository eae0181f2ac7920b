"""Record batches that arrive in a pipe as an Arrow IPC stream, one after another, each checked before it is read.

A message is a marker, the length of its metadata, the metadata and the body, whose length the metadata tells
(https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.arrow import field_at, is_compressed
from rexd.reading.containers.guards import naming_damage

MARKER = b"\xff\xff\xff\xff"
"""The first bytes of each message."""

_BODY_LENGTH = 3  # field of the Message table (format/Message.fbs)
_MOST_METADATA, _MOST_BODY = 2**24, 2**30


def record_batches(stream: IO[bytes], name: str, head: bytes = b"") -> Iterator[Any]:
    """Yield the ``pyarrow.RecordBatch`` of each message, as it arrives.

    Args:
        stream: The pipe.
        name: What it is called in messages.
        head: Bytes that were read from it already.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The stream is damaged, compressed or dictionary-encoded, or claims a batch of over 1 GiB.
    """
    import_extra("pyarrow", "arrow", to_read=name)
    ipc = import_extra("pyarrow.ipc", "arrow")
    reader, schema = _Reader(stream, name, head), None
    with naming_damage(name, "the Arrow stream"):
        while (content := reader.message()) is not None:
            message = ipc.read_message(content)
            if schema is None:
                schema = ipc.read_schema(message)
                continue
            if message.type != "record batch" or is_compressed(message):
                raise DemonstrationError(
                    f"{name}: is compressed or dictionary-encoded, so that its size is not known beforehand; expected "
                    "plain Arrow. Write it without compression"
                )
            batch = ipc.read_record_batch(message, schema)
            batch.validate(full=True)
            yield batch


class _Reader:
    def __init__(self, stream: IO[bytes], name: str, head: bytes) -> None:
        self._stream, self._name, self._head = stream, name, head

    def message(self) -> bytes | None:
        """Return the next message, its marker included; None at the end."""
        start = self._take(8, last=True)
        if not start or start == MARKER + bytes(4):  # a writer may leave the mark of the end out
            return None
        if len(start) < 8 or start[:4] != MARKER:
            raise ValueError("the stream ends within a message, or has no marker before one")
        size = self._bounded(struct.unpack("<i", start[4:])[0], _MOST_METADATA)
        metadata = self._take(size)
        place = field_at(metadata, struct.unpack_from("<I", metadata)[0], _BODY_LENGTH)
        body = 0 if place is None else self._bounded(struct.unpack_from("<q", metadata, place)[0], _MOST_BODY)
        return start + metadata + self._take(body)

    def _bounded(self, claimed: int, most: int) -> int:
        if not 0 <= claimed <= most:
            raise DemonstrationError(
                f"{self._name}: a message claims {claimed} bytes; expected at most {most}. Write smaller batches"
            )
        return claimed

    def _take(self, count: int, *, last: bool = False) -> bytes:
        parts, left = [self._head[:count]], count - len(self._head[:count])
        self._head = self._head[count:]
        while left and (part := self._stream.read(min(left, 2**20))):
            parts.append(part)
            left -= len(part)
        if left and not last:
            raise ValueError("the stream ends within a message")
        return b"".join(parts)
