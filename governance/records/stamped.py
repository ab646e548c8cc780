"""Lines that a time stands before: of Kubernetes' container runtimes (CRI), and of `kubectl logs --timestamps`.

    2026-07-01T10:00:00.000000000Z stdout F {"id": ...}     a whole line
    2026-07-01T10:00:00.000000000Z stdout P {"id": ...      its first part; runtimes cut lines at 16 KiB
    2026-07-01T10:00:00.000000000Z stdout F ...}            its last part

The parts of a line become one again. Its bytes are those of all of them, as they stand in the file.

Source: kubernetes/community, kubelet-cri-logging.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from governance.records.record import MAX_RECORD_BYTES, Line

_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) "
_STAMP = re.compile(_TIME + rb"(?:(stdout|stderr) ([FP]) )?")
_OF_OBJECT = re.compile(_STAMP.pattern + rb"(?=\{)")


def is_stamped(text: bytes) -> bool:
    """Whether a log begins with an object that a time stands before."""
    return _OF_OBJECT.match(text) is not None


def is_part(raw: bytes) -> bool:
    """Whether a line is a part of one that goes on."""
    stamp = _STAMP.match(raw)
    return stamp is not None and stamp[2] == b"P"


def unstamped(raw: bytes) -> bytes:
    """What a record says without the times before its lines; the same bytes where it has none."""
    if raw.startswith(b"{") or not is_stamped(raw):
        return raw
    return b"".join(_STAMP.sub(b"", line, count=1) for line in raw.splitlines())


def whole_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of a log, parts of one line together; what is cut at the end of the file stays as it is."""
    begun: dict[bytes, Line] = {}  # by stream, which may take turns
    for line in lines:
        stamp = _STAMP.match(line.raw) if line.raw[:1].isdigit() and not line.reason else None
        if stamp is None or stamp[1] is None or not (stamp[2] == b"P" or stamp[1] in begun):
            yield line
            continue
        before = begun.pop(stamp[1], None)
        if before is not None and len(before.raw) + len(line.raw) > MAX_RECORD_BYTES:
            yield before
            before = None
        whole = line if before is None else before._replace(raw=before.raw + line.raw)
        if stamp[2] == b"P":
            begun[stamp[1]] = whole
        else:
            yield whole
    yield from begun.values()
