"""What the compiled loops are told: the kinds of values, and a grammar as numbers. Nothing here is compiled."""

from __future__ import annotations

TEXT, BARE, LIST = 0, 1, 2  # kinds of values: in quotes, a number or one of the three words, in brackets
FROM, TO, COLUMN, KIND, NEXT = range(5)  # of a way: where its literal begins and ends, the value behind it, its node
FIELDS = 5
END = -1  # the column, kind and node behind the last literal of a line
