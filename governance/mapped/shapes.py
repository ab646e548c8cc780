"""Which keys the objects of a log have, and which of those hold objects themselves: learnt from some lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from governance.engines.duckdb import identifier

MAX_NAMES = 500  # keys; a log with more writes data as keys


class Shape:
    """The keys of an object.

    Attributes:
        members: Key -> its own keys where it holds an object, else None.
    """

    def __init__(self) -> None:
        self.members: dict[str, Shape | None] = {}
        self._untold: set[str] = set()  # keys that held nothing yet but null and {}

    def __len__(self) -> int:
        return sum(1 + len(member or ()) for member in self.members.values())

    def learn(self, values: Sequence[Mapping[str, Any]]) -> bool:
        """Adds the keys of some objects; whether there were new ones.

        Whether a key holds an object is decided by most of the first values. Keys beyond `MAX_NAMES` are not learnt.
        """
        known, before = len(self), deepcopy(self.__dict__)
        self._add(values)
        if len(self) > MAX_NAMES:
            self.__dict__.update(before)
        return len(self) > known

    def _add(self, values: Sequence[Mapping[str, Any]]) -> None:
        folded = {name.lower(): name for name in self.members}
        for name in dict.fromkeys(name for value in values for name in value):
            if not name or "\0" in name or folded.setdefault(name.lower(), name) != name:
                continue  # the engine's names ignore case
            told = [value[name] for value in values if value.get(name) not in (None, {})]
            own = [value for value in told if isinstance(value, dict)]
            if name not in self.members or (name in self._untold and told):
                self.members[name] = Shape() if 2 * len(own) > len(told) else None
                (self._untold.discard if told else self._untold.add)(name)
            member = self.members[name]
            if member is not None:
                member._add(own)  # noqa: SLF001 - of the same class
                if not member.members:  # none of its keys has a name that the engine can tell
                    self.members[name] = None

    def type(self) -> str:
        """The engine's type."""
        members = [
            f"{identifier(name)} {'VARCHAR' if member is None else member.type()}"
            for name, member in self.members.items()
        ]
        return f"STRUCT({', '.join(members)})"

    def structure(self) -> str:
        """The same as JSON, as the engine's functions want it."""
        members = [
            f"{json.dumps(name)}: {json.dumps('VARCHAR') if member is None else member.structure()}"
            for name, member in self.members.items()
        ]
        return f"{{{', '.join(members)}}}"
