"""Files that are no model we read, known by their first bytes, and what to do instead."""

from __future__ import annotations

import re
from typing import NamedTuple

SAFE_FORMS = (
    "save it as LightGBM text (booster.save_model('model.txt')) or XGBoost JSON (booster.save_model('model.json'))"
)
_MAY_BE_PICKLE = f"joblib and pickle write such files, and loading one can run code; {SAFE_FORMS}"


class Signature(NamedTuple):
    """The first bytes of a kind of file."""

    start: bytes
    what: str
    hint: str


# Sources: the formats' own specifications (PKWARE APPNOTE 4.3.6, RFC 1952, RFC 1950, HDF5 format 3.0 and so on);
# pickle: opcode PROTO of CPython's pickletools.
SIGNATURES = (
    Signature(b"\x80", "looks like a Python pickle, which can run code when loaded", SAFE_FORMS),
    Signature(b"PK", "looks like a zip archive (PyTorch, NumPy, skops or Keras), which may hold pickles", SAFE_FORMS),
    Signature(b"\x1f\x8b", "is compressed with gzip", _MAY_BE_PICKLE),
    Signature(b"BZh", "is compressed with bzip2", _MAY_BE_PICKLE),
    Signature(b"\xfd7zXZ\x00", "is compressed with xz", _MAY_BE_PICKLE),
    Signature(b"\x5d\x00\x00", "is compressed with lzma", _MAY_BE_PICKLE),
    Signature(b"\x28\xb5\x2f\xfd", "is compressed with zstd", _MAY_BE_PICKLE),
    Signature(b"\x04\x22\x4d\x18", "is compressed with lz4", _MAY_BE_PICKLE),
    Signature(b"x\x01", "is compressed with zlib", _MAY_BE_PICKLE),
    Signature(b"x\x5e", "is compressed with zlib", _MAY_BE_PICKLE),
    Signature(b"x\x9c", "is compressed with zlib", _MAY_BE_PICKLE),
    Signature(b"x\xda", "is compressed with zlib", _MAY_BE_PICKLE),
    Signature(b"\x93NUMPY", "is a NumPy array", SAFE_FORMS),
    Signature(b"\x89HDF", "is an HDF5 file (Keras)", SAFE_FORMS),
    Signature(b"CBM1", "is a CatBoost model, which is not read yet", SAFE_FORMS),
    Signature(b"binf", "is an XGBoost model in its old binary form", "load it and save it as JSON: model.json"),
    Signature(b"{L", "is an XGBoost model in binary JSON (UBJ)", "load it and save it as JSON: model.json"),
    Signature(b"PAR1", "is a Parquet file", "name the model file"),
    Signature(b"%PDF", "is a PDF", "name the model file"),
)

# Protocols 0 and 1 have no magic number. Opcodes: GLOBAL (c), MARK (() followed by a container, and memo (p0).
_OLD_PICKLE = re.compile(rb"c[\w.]+\r?\n[\w.]+\r?\n|\((?:[dlt]p\d|[dlt]q|i[\w.]+\r?\n)|[]})]q\x00")


def explain_unreadable(head: bytes) -> tuple[str, str]:
    """What a file that no format recognises seems to be, and what to do about it."""
    if not head:
        return "the file is empty", "save the model again and check its size"
    for signature in SIGNATURES:
        if head.startswith(signature.start):
            return f"the file {signature.what}", signature.hint
    if _OLD_PICKLE.match(head):
        return "the file looks like a Python pickle, which can run code when loaded", SAFE_FORMS
    if head.lstrip()[:1] == b"{" and b'"tree_info"' in head:
        return "the file is a LightGBM dump, which cannot be loaded again", SAFE_FORMS
    return "the file is no model in a format that is read here", SAFE_FORMS
