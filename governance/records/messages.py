"""Files of messages with their length before each, as OpenTelemetry's collector writes compressed ones.

    length       4 bytes, big-endian
    message      JSON, or a zstd frame of it: one line of the file that is read

Source: open-telemetry/opentelemetry-collector-contrib exporter/fileexporter, README and `exportMessageAsBuffer`.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any, Self

ZSTD = b"\x28\xb5\x2f\xfd"
_LENGTH = 4
_MAX_MESSAGE = 1 << 24  # a longer one has no zero in front, by which such files are told; collectors send megabytes


def is_messages(head: bytes) -> bool:
    """Whether a file begins with the length of a message of JSON, plain or compressed; no text begins with a zero."""
    return head[:1] == b"\0" and (head[_LENGTH : _LENGTH + 1] == b"{" or head[_LENGTH : _LENGTH + 4] == ZSTD)


class Messages:
    """The messages of a file as lines.

    Args:
        raw: The open file.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._message: Any = None
        self._broken = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the file open: it belongs to who opened it."""

    def read1(self, size: int) -> bytes:
        """Some of the bytes that follow, none at the end.

        Args:
            size: At most so many.

        Raises:
            EOFError: A message breaks off, or its length is none.
            OSError: What is compressed is broken.
        """
        while True:
            if self._message is None and not self._begin():
                return b""
            found: bytes = self._message.read(size)
            if found:
                return found
            if self._broken:
                raise EOFError(self._broken)
            self._message = None
            return b"\n"

    def _begin(self) -> bool:
        """Opens the next message; false at the end of the file."""
        prefix = self._raw.read(_LENGTH)
        if not prefix:
            return False
        length = int.from_bytes(prefix, "big")
        if len(prefix) < _LENGTH or length >= _MAX_MESSAGE:
            raise EOFError("the length of a message is missing or no length")
        body = self._raw.read(length)
        if len(body) < length:
            self._broken = f"a message of {length} bytes has {len(body)}"
        self._message = _opened(body)
        return True


def _opened(body: bytes) -> Any:
    if not body.startswith(ZSTD):
        return BytesIO(body)
    import pyarrow as pa  # noqa: PLC0415 - the standard library of 3.11 has no zstd

    return pa.input_stream(pa.BufferReader(body), compression="zstd")
