"""The spool: readings of explanations, each a small file, until the next writer seals them into the ledger.

A reader never waits for the lock, and may read a store that it cannot write; then the reading is not recorded.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from governance.moments import stamp
from governance.storage.store import SPOOL


def note_reading(store: Path, requests: Sequence[str], reader: str, now: datetime) -> None:
    """Leaves a note that explanations were read, where the store can be written."""
    event = {
        "at": stamp(now),
        "by": _account(),
        "for": reader,
        "process": os.getpid(),
        "requests": sorted(set(requests)),
    }
    content = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    folder = store / SPOOL
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        temporary = folder / f".tmp-{os.getpid()}-{hashlib.sha256(content).hexdigest()[:8]}"
        temporary.write_bytes(content)
        temporary.rename(folder / f"{hashlib.sha256(content).hexdigest()}.json")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
