"""Where values stand -> their texts."""

from __future__ import annotations

from governance.compiled.characters import unescaped
from governance.compiled.jit import WORD, Bytes, Spans, Words, kernel
from governance.compiled.tree import TEXT


@kernel
def texts(
    data: Bytes,
    words: Words,
    first: Spans,
    last: Spans,
    kind: int,
    edges: Spans,
    to: int,
    made: Bytes,
    made_words: Words,
) -> int:
    """The values of one column as they are written, escapes in texts resolved; where there is none, an empty one.

    Args:
        data: What was matched.
        words: The word at each byte.
        first: Row of `first` of `match`.
        last: The same of `last`.
        kind: What the values are.
        edges: Gets where each text ends, shape (lines,).
        to: Where the first one begins.
        made: Gets their bytes; WORD more than they take.
        made_words: The word at each of those.

    Returns:
        Where the last one ends.
    """
    for row in range(len(first)):
        begin, end = first[row], last[row]
        if begin >= 0 and end < 0 and kind == TEXT:
            to = unescaped(data, begin, ~end, made, to)
        elif begin >= 0:
            size = (end if end >= 0 else ~end) - begin
            for place in range(0, size, WORD):
                made_words[to + place] = words[begin + place]  # what is behind the end is written over
            to += size
        edges[row] = to
    return to
