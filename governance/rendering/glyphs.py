"""Which characters a PDF can show: those that the fonts inside the typst package have, and that a test prints.

Without a glyph Typst ends with an error, and odd marks have made it crash. So every character outside the lists is
printed as its escape: Chinese, Japanese, Korean, Thai and the scripts of India have no font there that can be used.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from governance.display import escaped, visible

Ranges = Sequence[tuple[int, int]]
# First and last code point of what is printed as it is; a test prints them all. Latin, Greek and Cyrillic letters,
# punctuation, currencies, arrows, mathematics, shapes, and the marks of verdicts.
PRINTED: Ranges = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x2FF),
    (0x384, 0x38A),
    (0x38E, 0x3A1),
    (0x3A3, 0x482),
    (0x48A, 0x4FF),
    (0x1E00, 0x1EFF),
    (0x2009, 0x200A),
    (0x2010, 0x2027),
    (0x202F, 0x205E),
    (0x2070, 0x2071),
    (0x2074, 0x208E),
    (0x20A0, 0x20BF),
    (0x2100, 0x211E),
    (0x2126, 0x214F),
    (0x2190, 0x22FF),
    (0x25A0, 0x25FF),
    (0x2713, 0x2717),
)
UNPRINTED = frozenset({0x2028, 0x2029, 0x2041, 0x2043, 0x2053})
# Further letters of text, from DejaVu Sans Mono and New Computer Modern: Armenian, Hebrew, Arabic with those of Persian
# and Urdu, Georgian, Greek of old. No marks that stand on letters: with them Typst cannot be sure of a glyph.
FURTHER: Ranges = (
    (0x531, 0x556),
    (0x559, 0x58A),
    (0x5D0, 0x5EA),
    (0x5F0, 0x5F4),
    (0x60C, 0x60C),
    (0x61B, 0x61B),
    (0x61F, 0x61F),
    (0x621, 0x63A),
    (0x640, 0x64A),
    (0x660, 0x66D),
    (0x679, 0x67B),
    (0x67E, 0x680),
    (0x686, 0x687),
    (0x691, 0x691),
    (0x698, 0x698),
    (0x6A4, 0x6A4),
    (0x6A9, 0x6A9),
    (0x6AF, 0x6AF),
    (0x6CC, 0x6CC),
    (0x6F0, 0x6F9),
    (0x10D0, 0x10FF),
    (0x1F00, 0x1F15),
    (0x1F18, 0x1F1D),
    (0x1F20, 0x1F45),
    (0x1F48, 0x1F4D),
    (0x1F50, 0x1F57),
    (0x1F5F, 0x1F7D),
    (0x1F80, 0x1FB4),
    (0x1FB6, 0x1FBC),
)
# What Libertinus Serif has itself: for all the letters that a line of a picture lacks Typst takes one other font, and
# ends with an error where that does not have them.
DRAWN: Ranges = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x2E4),
    (0x384, 0x38A),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x400, 0x45F),
    (0x490, 0x4C4),
    (0x4D0, 0x4F9),
    (0x1E00, 0x1E9B),
    (0x1EA0, 0x1EF9),
    (0x2009, 0x200A),
    (0x2010, 0x2027),
    (0x202F, 0x2037),
    (0x2039, 0x203E),
    (0x2070, 0x2071),
    (0x2074, 0x208E),
    (0x20AC, 0x20AC),
    (0x2190, 0x219B),
    (0x2200, 0x220D),
    (0x220F, 0x221C),
    (0x221E, 0x221F),
    (0x2223, 0x222B),
    (0x2260, 0x2262),
    (0x2264, 0x2265),
)
MOST_SCRIPTS = 4  # chosen here: how many are named where text is printed as escapes


def printable(text: str) -> str:
    """Visible text whose every character has a glyph; letters with accents are composed first."""
    return text if text.isascii() and text.isprintable() else _shown(text, (*PRINTED, *FURTHER))


def drawable(text: str) -> str:
    """The same for a chart, which has fewer letters."""
    return text if text.isascii() and text.isprintable() else _shown(text, DRAWN)


def unprinted(texts: Iterable[str]) -> str:
    """The scripts of which some characters are printed as escapes, by name; empty if there are none."""
    strange = {one for text in texts if not text.isascii() for one in _composed(text) if not _is_in(one, _ALL)}
    scripts = sorted({_script(one) for one in strange})
    more = f" and {len(scripts) - MOST_SCRIPTS} more" if len(scripts) > MOST_SCRIPTS else ""
    return ", ".join(scripts[:MOST_SCRIPTS]) + more


def _script(character: str) -> str:
    """The script that a letter belongs to, by the first word of its name."""
    if unicodedata.category(character)[0] not in "LMN":
        return "symbols"
    first = unicodedata.name(character, "unnamed").split()[0]
    return first if first == "CJK" else first.capitalize()


_ALL = (*PRINTED, *FURTHER)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", visible(text))


def _shown(text: str, ranges: Ranges) -> str:
    return "".join(one if _is_in(one, ranges) else escaped(one) for one in _composed(text))


def _is_in(character: str, ranges: Ranges) -> bool:
    code = ord(character)
    return code not in UNPRINTED and any(first <= code <= last for first, last in ranges)
