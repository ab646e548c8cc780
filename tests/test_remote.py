"""Objects of a store are read like files: from a local S3 server, and from a file system in memory."""

from __future__ import annotations

import gzip
import json
import logging
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import ingestion
from governance.arrivals import remote
from governance.arrivals.scratch import scratch_file
from governance.errors import GovernanceError, MissingExtraError, NotFoundError, SourceError
from tests.logbooks import MAPPING, NOW, Logbook, logbook

BUCKET = "request-logs"
KNOWN = '{"decision_id": "d1", "timestamp": "2026-07-01T10:00:00Z", "path": "a/b", "input": {}, "result": true}\n'
SECRET = "do-not-print-this"  # noqa: S105 - of nobody


def line(name: str) -> str:
    return json.dumps({"id": name, "at": "2026-07-01T10:00:00Z", "score": 0.5, "decision": "approved"}) + "\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


def tell(server: str, command: str, content: bytes = b"") -> None:
    """Tells the server itself something."""
    request = urllib.request.Request(f"{server}/moto-api/{command}", content, {"Content-Type": "text/plain"})  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310 - this machine


@pytest.fixture
def put(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stores an object; the environment says where and who."""
    settings = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    import boto3

    tell(server, "reset")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)

    def stored(key: str, content: str | bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=content.encode() if isinstance(content, str) else content)

    return stored


def parquet(book: Logbook, columns: dict[str, list[Any]]) -> bytes:
    """A table with a group for each 2,000 rows."""
    path = book.folder / "table.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=2_000)
    return path.read_bytes()


DATABRICKS = {
    "databricks_request_id": "",
    "timestamp_ms": 1_782_000_000_000,
    "status_code": 200,
    "request": '{"messages": []}',
    "response": "{}",
}


def ingest(book: Logbook, *addresses: str) -> ingestion.Ingestion:
    mapping = book.write("mapping.yaml", MAPPING)
    return ingestion.ingest(book.workspace, addresses, now=NOW, mapping=mapping)


def stored(book: Logbook, *addresses: str) -> list[tuple[str, int, int]]:
    return [(report.path, report.stored, report.duplicates) for report in ingest(book, *addresses).files]


class TestS3:
    def test_an_object_and_its_state_in_the_ledger(self, book: Logbook, put: Callable[..., None]) -> None:
        put("logs/a.jsonl", line("a1") + line("a2") + "{broken}\n")
        (report,) = ingest(book, f"s3://{BUCKET}/logs/a.jsonl").files
        assert (report.path, report.stored, report.quarantined) == (f"s3://{BUCKET}/logs/a.jsonl", 2, 1)
        for entry in [*book.snapshot.of_kind("file"), *book.snapshot.of_kind("ingest")]:
            assert len(entry.facts["object"]["etag"]) == 32
            assert entry.facts["file"] == f"s3://{BUCKET}/logs/a.jsonl"
        assert list((book.workspace.store / "cache").glob(".tmp*")) == []
        assert not any(SECRET.encode() in content for content in book.digest().values())
        assert book.verifies()

    def test_folders_patterns_and_odd_names(self, book: Logbook, put: Callable[..., None]) -> None:
        put("2026-07-01/a.jsonl", line("a"))
        put("2026-07-01/sub/b.jsonl.gz", gzip.compress(line("b").encode()))
        put("2026-07-01/.hidden", "nonsense")
        put("2026-07-01/", "")  # as a console makes folders
        put("2026-07-02/c.csv", "id,at,score,decision\nc,2026-07-01T10:00:00Z,0.5,approved\n")
        put("2026-08/d [1].jsonl", line("d"))
        root = f"s3://{BUCKET}/"
        assert stored(book, f"{root}2026-07-01") == [
            (f"{root}2026-07-01/a.jsonl", 1, 0),
            (f"{root}2026-07-01/sub/b.jsonl.gz", 1, 0),
        ]
        assert stored(book, f"{root}2026-07-*/*.csv") == [(f"{root}2026-07-02/c.csv", 1, 0)]
        assert stored(book, f"{root}2026-08/d [1].jsonl") == [(f"{root}2026-08/d [1].jsonl", 1, 0)]
        assert [known for _, known, _ in stored(book, f"{root}2026-*/")] == [0, 0, 0, 0]
        assert len(stored(book, f"s3://{BUCKET}")) == 4

    def test_what_is_in_is_not_fetched_again(
        self, book: Logbook, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put("a.jsonl", line("a"))
        address = f"s3://{BUCKET}/a.jsonl"
        assert stored(book, address) == [(address, 1, 0)]

        def refused(*_: Any) -> None:
            raise AssertionError("fetched")

        monkeypatch.setattr("governance.arrivals.intake.fetch", refused)
        assert stored(book, address) == [(address, 0, 1)]
        put("a.jsonl", line("b"))
        with pytest.raises(AssertionError, match="fetched"):
            ingest(book, address)

    def test_an_object_that_grew_is_read_on(self, book: Logbook, put: Callable[..., None]) -> None:
        put("a.jsonl", line("a"))
        ingest(book, f"s3://{BUCKET}/a.jsonl")
        put("a.jsonl", line("a") + line("b"))
        (report,) = ingest(book, f"s3://{BUCKET}/a.jsonl").files
        assert (report.from_byte, report.stored, report.duplicates) == (len(line("a")), 1, 0)

    def test_more_than_one_request(
        self, book: Logbook, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "BLOCK", 1_000)
        put("a.jsonl", "".join(line(f"r{n}") for n in range(100)))
        address = f"s3://{BUCKET}/a.jsonl"
        assert stored(book, address) == [(address, 100, 0)]
        states = iter([{"size": 7_700, "etag": "1"}, {"size": 7_700, "etag": "2"}])
        with monkeypatch.context() as patch:
            patch.setattr(remote, "_fresh", lambda *_: next(states))
            put("b.jsonl", line("b").ljust(7_700))
            with pytest.raises(SourceError, match="changed while it was read"):
                ingest(book, f"s3://{BUCKET}/b.jsonl")

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("s3://no-such-bucket/a.jsonl", "no such bucket, folder or object"),
            ("s3://no-such-bucket/*.jsonl", "no object fits the pattern|no such bucket"),
            (f"s3://{BUCKET}/none.jsonl", "no such bucket, folder or object"),
            (f"s3://{BUCKET}/none-*.jsonl", "no object fits the pattern"),
            ("s3://", "cannot be read"),
            (f"s3://{BUCKET}/empty.jsonl", "is empty"),
            (f"s3://{BUCKET}/odd.jsonl", "named as JSON"),
            (f"s3://{BUCKET}/cut.gz", "cannot be opened"),
        ],
    )
    def test_mistakes(self, book: Logbook, put: Callable[..., None], address: str, said: str) -> None:
        put("empty.jsonl", "")
        put("odd.jsonl", "a,b\n1,2\n")
        put("cut.gz", gzip.compress(line("a").encode())[:9])
        before = book.digest()
        with pytest.raises(GovernanceError, match=said) as caught:
            ingest(book, address)
        assert caught.value.where == address
        assert caught.value.exit_code == 2
        assert book.digest() == before

    def test_nothing_is_stored_where_one_address_is_wrong(self, book: Logbook, put: Callable[..., None]) -> None:
        put("a.jsonl", line("a"))
        before = book.digest()
        with pytest.raises(NotFoundError):
            ingest(book, f"s3://{BUCKET}/a.jsonl", f"s3://{BUCKET}/none.jsonl")
        assert book.digest() == before

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("z.jsonl", '{"run": 1}\n'),
            ("z.csv", "a,b\n1,2\n"),
            ("z.json.gz", gzip.compress(b'[{"level": "info"}]', mtime=0)),
            ("z.log", '{"level": "info", "msg": "x"}\n' * 40_000),  # longer than what is looked at
        ],
    )
    def test_nothing_is_stored_where_an_object_is_of_no_known_format(
        self, book: Logbook, put: Callable[..., None], name: str, content: str | bytes
    ) -> None:
        put("logs/a.jsonl", KNOWN)
        put(f"logs/{name}", content)
        before = book.digest()
        with pytest.raises(SourceError, match="format of this file is not recognised") as caught:
            ingestion.ingest(book.workspace, [f"s3://{BUCKET}/logs"], now=NOW)
        assert caught.value.where == f"s3://{BUCKET}/logs/{name}"
        assert book.digest() == before
        assert list((book.workspace.store / "cache").glob(".tmp-scratch*")) == []

    def test_what_the_first_bytes_do_not_tell_is_told_by_the_whole(
        self, book: Logbook, put: Callable[..., None]
    ) -> None:
        """One long record, of which the first bytes hold no whole one."""
        long = json.loads(KNOWN) | {"decision_id": "d2", "input": {"text": "x" * 2 * remote.HEAD}}
        put("logs/long.json", json.dumps(long))
        done = ingestion.ingest(book.workspace, [f"s3://{BUCKET}/logs"], now=NOW)
        assert [(report.source, report.stored) for report in done.files] == [("opa", 1)]

    @pytest.mark.parametrize("rows", [1, 50_000])
    def test_a_table_of_no_known_format_is_refused_before_anything_is_stored(
        self, book: Logbook, put: Callable[..., None], rows: int
    ) -> None:
        put("logs/a.jsonl", KNOWN)
        put("logs/t.parquet", parquet(book, {"a": list(range(rows)), "b": [f"{row:x}" * 3 for row in range(rows)]}))
        before = book.digest()
        with pytest.raises(SourceError, match="format of this file is not recognised") as caught:
            ingestion.ingest(book.workspace, [f"s3://{BUCKET}/logs"], now=NOW)
        assert caught.value.where == f"s3://{BUCKET}/logs/t.parquet"
        assert book.digest() == before

    def test_a_table_is_told_by_its_footer_and_its_first_rows(self, book: Logbook, put: Callable[..., None]) -> None:
        columns = {name: [value] * 30_000 for name, value in DATABRICKS.items()}
        columns["databricks_request_id"] = [f"{row * 2654435761:032x}" for row in range(30_000)]
        content = parquet(book, columns)
        assert len(content) > remote.HEAD
        put("logs/t.parquet", content)
        done = ingestion.ingest(book.workspace, [f"s3://{BUCKET}/logs"], now=NOW)
        assert [(report.source, report.stored) for report in done.files] == [("databricks", 30_000)]
        put("cut/t.parquet", content[:-100])
        with pytest.raises(SourceError, match="the Parquet file cannot be read"):
            ingestion.ingest(book.workspace, [f"s3://{BUCKET}/cut"], now=NOW)

    @pytest.mark.parametrize("rows", [1, 50_000])
    def test_a_table_without_a_column_of_the_mapping_is_refused_before_anything_is_stored(
        self, book: Logbook, put: Callable[..., None], rows: int
    ) -> None:
        put("logs/a.jsonl", line("a"))
        put("logs/t.parquet", parquet(book, {"id": [f"{row:x}" * 3 for row in range(rows)], "at": [1] * rows}))
        before = book.digest()
        with pytest.raises(SourceError, match=r"'decision'|'score'") as caught:
            ingest(book, f"s3://{BUCKET}/logs")
        assert caught.value.where == f"s3://{BUCKET}/logs/t.parquet"
        assert book.digest() == before

    def test_refused(
        self, book: Logbook, put: Callable[..., None], server: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        put("a.jsonl", line("a"))
        tell(server, "reset-auth", b"0")
        try:
            with pytest.raises(SourceError) as caught:
                ingest(book, f"s3://{BUCKET}/a.jsonl")
        finally:
            tell(server, "reset-auth", b"1000000")
        assert "refuses access" in str(caught.value)
        assert "AWS_ACCESS_KEY_ID" in str(caught.value.hint)
        assert SECRET not in f"{caught.value} {caught.value.hint} {capfd.readouterr()}"

    @pytest.mark.slow
    def test_nobody_answers(self, book: Logbook, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
        del put
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        with pytest.raises(SourceError, match="Could not connect") as caught:
            ingest(book, f"s3://{BUCKET}/a.jsonl")
        assert caught.value.where == f"s3://{BUCKET}/a.jsonl"

    def test_stopped_while_fetching(
        self, book: Logbook, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put("a.jsonl", line("a"))
        monkeypatch.setattr("governance.arrivals.remote._fresh", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ingest(book, f"s3://{BUCKET}/a.jsonl")
        assert list((book.workspace.store / "cache").glob(".tmp-scratch*")) == []


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("s3://key:secret@bucket/a", "s3://bucket/a"),
            ("gs://secret@bucket/a", "gs://bucket/a"),
            ("abfs://box:secret@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a"),
            ("abfs://box@account.dfs.core.windows.net/a?sv=1&sig=secret", "abfs://box@account.dfs.core.windows.net/a"),
            ("s3://bucket/a?X-Amz-Credential=secret&X-Amz-Signature=secret", "s3://bucket/a"),
        ],
    )
    def test_secrets_do_not_belong_there(self, address: str, shown: str) -> None:
        with pytest.raises(SourceError, match="must not hold a key") as caught:
            remote.objects(address)
        assert caught.value.where == shown
        assert "secret" not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize("address", ["https://user:secret@host/a?sig=secret", "file:///etc/passwd", "C://x"])
    def test_other_schemes(self, address: str) -> None:
        with pytest.raises(SourceError, match=":// cannot be read") as caught:
            remote.objects(address)
        assert "secret" not in str(caught.value)
        assert "pipe" in str(caught.value.hint)

    def test_a_missing_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import fsspec

        def missing(_: str) -> None:
            raise ImportError

        monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
        with pytest.raises(MissingExtraError, match="reading gs:// needs gcsfs") as caught:
            remote.objects("gs://bucket/a.jsonl")
        assert caught.value.hint == "pip install 'governance[gs]'"

    def test_the_account_of_azure_stays_in_the_name(self) -> None:
        account = "abfss://box@account.dfs.core.windows.net/logs/*.jsonl"
        assert remote._named(account, "box/logs/a.jsonl") == "abfss://box@account.dfs.core.windows.net/logs/a.jsonl"
        assert remote._named("az://box/logs/*.jsonl", "box/logs/a.jsonl") == "az://box/logs/a.jsonl"


def test_another_store_of_fsspec(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What gs and abfs share with it: a store that tells no state is read again, and nothing is stored twice."""
    import fsspec

    kept = remote._Store("memory", "fsspec", "s3", (), "nothing")
    monkeypatch.setitem(remote.STORES, "memory", kept)
    fsspec.filesystem("memory").pipe("/logs/a.jsonl", line("a").encode())
    fsspec.filesystem("memory").pipe("/logs/sub/b.jsonl", line("b").encode())
    assert [known for _, known, _ in stored(book, "memory://logs/*")] == [1, 1]
    assert [known for _, known, _ in stored(book, "memory://logs")] == [0, 0]
    assert all("object" in entry.facts for entry in book.snapshot.of_kind("file"))
    fsspec.filesystem("memory").pipe("/other/a.jsonl", b'{"run": 1}\n')
    with pytest.raises(SourceError, match="not recognised"):
        ingestion.ingest(book.workspace, ["memory://other"], now=NOW)


def test_scratch_files_of_the_dead_are_removed(tmp_path: Path) -> None:
    dead = tmp_path / ".tmp-scratch-object-999999999"
    dead.write_text("left by a crash")
    with scratch_file(tmp_path, "stdin") as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert not dead.exists()
    assert list(tmp_path.iterdir()) == []
