"""Objects of `s3://`, `gs://` and `abfs://` stores: which there are, and their bytes in a private file.

The only file that imports fsspec. Whatever a store asks for (keys, region, address) its own library finds where it
always does, in the environment or its files; nothing of that is logged, stored or shown.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

from governance.errors import GovernanceError, MissingExtraError, NotFoundError, SourceError

BLOCK = 8 << 20  # bytes in one request; chosen here: few requests, little memory
HEAD = 256 << 10  # bytes of an object that tell what it is; chosen here: a hundred long records
_AT_ONCE = 64  # heads that are asked for side by side
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_TALKATIVE = ("adlfs", "aiobotocore", "azure", "boto3", "botocore", "fsspec", "gcsfs", "google", "s3fs", "urllib3")


class _Store(NamedTuple):
    """A kind of object store.

    Attributes:
        protocol: As fsspec calls it.
        library: What reads it.
        extra: What brings the library.
        errors: What the library raises, beside OSError and ValueError, as `module:name`.
        access: How it is told who asks.
    """

    protocol: str
    library: str
    extra: str
    errors: tuple[str, ...]
    access: str


_S3 = _Store(
    "s3",
    "s3fs",
    "s3",
    ("botocore.exceptions:BotoCoreError", "botocore.exceptions:ClientError", "aiohttp:ClientError"),
    "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_ENDPOINT_URL for other stores than Amazon's",
)
_GS = _Store(
    "gs",
    "gcsfs",
    "gs",
    ("gcsfs.retry:HttpError", "google.auth.exceptions:GoogleAuthError", "aiohttp:ClientError"),
    "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
)
_ABFS = _Store(
    "abfs",
    "adlfs",
    "abfs",
    ("azure.core.exceptions:AzureError", "aiohttp:ClientError"),
    "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY",
)
STORES = {"s3": _S3, "s3a": _S3, "gs": _GS, "gcs": _GS, "abfs": _ABFS, "abfss": _ABFS, "az": _ABFS}


@dataclass(frozen=True, slots=True)
class Remote:
    """An object.

    Attributes:
        name: Its address.
        bytes: How many it has.
        state: What tells one state of it from another, as far as its store says: `etag`, `version`.
    """

    name: str
    bytes: int
    state: dict[str, str]


def is_address(path: str) -> bool:
    """Whether a path begins with a scheme."""
    return _ADDRESS.match(path) is not None


def objects(address: str) -> list[Remote]:
    """The objects that an address names, in order of name: one, those of a folder, or those that fit a pattern.

    Raises:
        NotFoundError: There is none.
        SourceError: The address cannot be used, or the store refuses or does not answer.
        MissingExtraError: What reads such a store is not installed.
    """
    store = _store(address)
    with _told(store, address):
        system = _system(store, address)
        found = _listed(system, system._strip_protocol(address))  # noqa: SLF001 - the only way to a path
    if not found:
        what = "no object fits the pattern" if has_magic(address) else "there is no such object or folder"
        raise NotFoundError(what, where=address, hint="check bucket and path")
    return [Remote(_named(address, path), int(found[path]["size"]), _state(found[path])) for path in sorted(found)]


def _named(address: str, path: str) -> str:
    """The address of one object; that of Azure may name the account behind the container."""
    scheme, _, rest = address.partition("://")
    container, _, inside = path.partition("/")
    host = rest.partition("/")[0]
    return f"{scheme}://{host if host.startswith(f'{container}@') else container}/{inside}"


def fetch(remote: Remote, path: Path, told: Callable[[int], None]) -> dict[str, str]:
    """Copies an object to a file; returns the state in which it was read.

    Args:
        remote: The object.
        path: The file, which exists.
        told: Told how many bytes have come.

    Raises:
        NotFoundError: It is gone.
        SourceError: It changed meanwhile, or the store refuses or does not answer.
    """
    store = _store(remote.name)
    with _told(store, remote.name):
        system = _system(store, remote.name)
        place = system._strip_protocol(remote.name)  # noqa: SLF001
        before = _fresh(system, place)
        seen = 0
        with system.open(place, "rb", cache_type="none", block_size=BLOCK) as source, path.open("wb") as target:
            while block := source.read(BLOCK):
                target.write(block)
                seen += len(block)
                told(seen)
        after = before if seen <= BLOCK else _fresh(system, place)  # one request brings one state
    if _state(before) != _state(after) or seen != int(before["size"]):
        raise SourceError("the object changed while it was read", where=remote.name, hint="run the command again")
    return _state(before)


def heads(found: Sequence[Remote]) -> Iterator[bytes]:
    """The first bytes of each object of one address, at most `HEAD` of them.

    Raises:
        NotFoundError: One is gone.
        SourceError: The store refuses or does not answer.
    """
    for start in range(0, len(found), _AT_ONCE):
        some = found[start : start + _AT_ONCE]
        store = _store(some[0].name)
        with _told(store, some[0].name):
            system = _system(store, some[0].name)
            places = [system._strip_protocol(remote.name) for remote in some]  # noqa: SLF001
            ends = [min(remote.bytes, HEAD) for remote in some]
            yield from system.cat_ranges(places, [0] * len(some), ends, on_error="raise")


def ranges(remote: Remote, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
    """Some bytes of an object, each from a first one to before a last one.

    Raises:
        NotFoundError: It is gone.
        SourceError: The store refuses or does not answer.
    """
    store = _store(remote.name)
    with _told(store, remote.name):
        system = _system(store, remote.name)
        places = [system._strip_protocol(remote.name)] * len(wanted)  # noqa: SLF001
        starts, ends = [list(each) for each in zip(*wanted, strict=True)]
        found: list[bytes] = system.cat_ranges(places, starts, ends, on_error="raise")
    return found


def _fresh(system: Any, place: str) -> dict[str, Any]:
    system.invalidate_cache()
    found: dict[str, Any] = system.info(place)
    return found


def _store(address: str) -> _Store:
    match = _ADDRESS.match(address)
    scheme = match[1].lower() if match else ""
    store = STORES.get(scheme)
    if store is None:
        hint = (
            f"known are {', '.join(f'{known}://' for known in STORES)}; anything else can come through a pipe, as `-`"
        )
        raise SourceError(f"{scheme}:// cannot be read", where=_without_secrets(address), hint=hint)
    if _without_secrets(address) != address:
        what = "an address must not hold a key, a password or a signature"
        raise SourceError(what, where=_without_secrets(address), hint=f"give {store.access}")
    return store


def _without_secrets(address: str) -> str:
    """The address without what stands before an @ (but for a container of Azure) and without a signature."""
    shown = re.sub(r"(://[^/@:]*):[^/]*@", r"\1@", address)
    if not shown.lower().startswith(("abfs", "az:")):
        shown = re.sub(r"://[^/@]*@", "://", shown)
    return re.sub(r"[?&](?=[^/]*(sig|signature|token|credential|key)[^/]*=).*", "", shown, flags=re.IGNORECASE)


def _system(store: _Store, address: str) -> Any:
    """The file system of fsspec, new for each address: what it remembers of a listing may be old."""
    for name in _TALKATIVE:  # what they raise is said once, and what signs a request is never printed
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        import fsspec  # noqa: PLC0415 - an extra

        kind = fsspec.get_filesystem_class(store.protocol)
    except ImportError as error:
        raise MissingExtraError(store.library, store.extra, f"reading {store.protocol}://") from error
    return kind(**kind._get_kwargs_from_urls(address), skip_instance_cache=True)  # noqa: SLF001 - as url_to_fs does


def _listed(system: Any, path: str) -> dict[str, dict[str, Any]]:
    """Path -> what the store says of it."""
    try:
        info = system.info(path)
    except FileNotFoundError:
        if not has_magic(path):
            raise
        matched: dict[str, dict[str, Any]] = system.glob(path, detail=True)
    else:  # also where the name of an object looks like a pattern
        matched = {str(info["name"]): info}
    found: dict[str, dict[str, Any]] = {}
    for name, info in matched.items():
        if info["type"] != "directory":
            found[name] = info
            continue
        inside = system.find(name, detail=True)
        shown = {own: each for own, each in inside.items() if not _is_hidden(own[len(name) :])}
        found.update(shown)
    return {name: info for name, info in found.items() if not name.endswith("/") and info["type"] == "file"}


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _state(info: dict[str, Any]) -> dict[str, str]:
    etag = info.get("ETag") or info.get("etag")
    version = info.get("VersionId") or info.get("version_id") or info.get("generation")
    return {name: str(value).strip('"') for name, value in (("etag", etag), ("version", version)) if value}


@contextmanager
def _told(store: _Store, address: str) -> Iterator[None]:
    """What a store's library raises, as an error that says what to do."""
    try:
        yield
    except GovernanceError:
        raise
    except FileNotFoundError as error:
        what = "there is no such bucket, folder or object"
        raise NotFoundError(what, where=address, hint="check bucket and path") from error
    except PermissionError as error:
        what = "the store refuses access"
        raise SourceError(what, where=address, hint=f"who asks is told by {store.access}") from error
    except _errors(store) as error:
        line = str(error).split("\n", 1)[0][:200]
        hint = f"is the address right, and the network up? who asks is told by {store.access}"
        raise SourceError(f"the store cannot be read ({line})", where=address, hint=hint) from error


def _errors(store: _Store) -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [OSError, ValueError]
    for name in store.errors:
        module, _, attribute = name.partition(":")
        found.append(getattr(importlib.import_module(module), attribute))
    return tuple(found)
