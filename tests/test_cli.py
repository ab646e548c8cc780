"""The command line: one clear message and the right exit code for each mistake, one JSON document when asked."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from governance.cli import main
from governance.extensions import checks
from tests.logbooks import MAPPING, Logbook, logbook

CSV = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\nr2,2026-07-02T10:00:00Z,0.7,no\nr3,soon,1,yes\n"


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture(name="book")
def _book(tmp_path: Path) -> Logbook:
    book = logbook(tmp_path)
    book.write("mapping.yaml", MAPPING)
    return book


@pytest.fixture(name="run")
def _run(book: Logbook, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, in the folder of the workspace."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> Said:
        monkeypatch.chdir(cwd or book.workspace.root)
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert isinstance(left.value.code, int)
        return Said(left.value.code, out, err)

    return run


def test_ingest_says_what_became_of_each_record(book: Logbook, run: Run) -> None:
    path = book.write("log.csv", CSV)
    said = run("ingest", path, "--mapping", "../mapping.yaml")
    assert said.code == 0
    assert "1 bad_time" in said.out
    assert said.err == ""
    again = run("ingest", path, "--mapping", "../mapping.yaml", "--json")
    document = again.document
    (report,) = document["files"]
    assert (report["records"], report["stored"], report["duplicates"], report["quarantined"]) == (3, 0, 2, 1)
    assert document["ledger"]["size"] == book.snapshot.checkpoint.size
    assert run("ingest", path, "--mapping", "../mapping.yaml", "--max-quarantined", "0.5").code == 0
    refused = run("ingest", path, "--mapping", "../mapping.yaml", "--max-quarantined", "0.1")
    assert refused.code == 2
    assert "33.33%" in refused.err


@pytest.mark.parametrize("form", ["before", "after", "middle", "equals"])
def test_the_shared_options_stand_anywhere(book: Logbook, run: Run, form: str, tmp_path: Path) -> None:
    space = str(book.workspace.root)
    arguments = {
        "before": ["--workspace", space, "--json", "status"],
        "after": ["status", "--json", "--workspace", space],
        "middle": ["--json", "status", "--workspace", space],
        "equals": ["status", f"--workspace={space}", "--json"],
    }[form]
    said = run(*arguments, cwd=tmp_path)
    assert said.code == 0
    assert said.document["ledger"]["size"] == 1


MISTAKES = [
    (("ingest", "none.csv", "--mapping", "../mapping.yaml"), "there is no such file"),
    (("ingest", "../empty.csv", "--mapping", "../mapping.yaml"), "the file is empty"),
    (("ingest", "../table.jsonl", "--mapping", "../mapping.yaml"), "named as JSON"),
    (("ingest", "../log.csv"), "not recognised"),
    (("ingest", "../log.csv", "--source", "otpl"), "no source is called 'otpl'"),
    (("ingest", "../log.csv", "--mapping", "../none.yaml"), "mapping cannot be read"),
    (("ingest", "../log.csv", "--mapping", "../log.csv"), "mapping"),
    (("ingest",), "PATH"),
    (("ingest", "../log.csv", "--maping", "x"), "--maping"),
    (("ingest", "../log.csv", "--max-quarantined", "2"), "--max-quarantined"),
    (("ingets", "../log.csv"), "ingets"),
    (("explain", "nobody"), "no request has this id"),
    (("explain",), "either an ID or --window"),
    (("explain", "--window", "sometime", "--adverse"), "is not a window"),
    (("check", "--window", "2026-Q9"), "is not a window"),
    (("check", "nothing", "--window", "2026-Q3"), "no policy is called 'nothing'"),
    (("policy", "show", "latency-solo"), "latency-slo"),
    (("status", "--as-of", "99"), "no state as of 99"),
    (("verify", "/nowhere"), "nowhere"),
    (("--workspace", "/nowhere", "status"), "this folder is no workspace"),
    (("--workspace",), "--workspace"),
    (("model", "register", "../none.yaml"), "none.yaml"),
    (("init", "."), "there is a workspace here already"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_a_mistake_is_one_message_exit_2_and_nothing_is_stored(
    book: Logbook, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    book.write("log.csv", CSV)
    book.write("empty.csv", "")
    book.write("table.jsonl", CSV)
    before = book.digest()
    text = run(*arguments)
    assert text.code == 2
    assert said in text.err
    assert text.out == ""
    assert text.err.count("error:") == 1
    assert "Traceback" not in text.err
    found = run(*arguments, "--json") if arguments != ("--workspace",) else run("--json", *arguments)
    assert found.code == 2
    assert found.err == ""
    assert set(found.document) == {"error"} or "mistakes" in found.document["error"]
    assert {"what", "where", "hint"} <= set(found.document["error"])
    assert said in str(found.document["error"])
    assert book.digest() == before


def test_a_policy_with_three_mistakes(book: Logbook, run: Run) -> None:
    path = book.workspace.policies / "wrong.yaml"
    path.write_text(
        "policy: wrong\nversion: 1\nowner: me\nin_force: {from: 2026-01-01}\nchecks:\n"
        "  - {id: a, kind: latencyslo}\n"
        "  - {id: b, kind: cost-budget, max_usd: 1, per: month, where: getenv('X') = 'y'}\n"
        "wavers: []\n"
    )
    before = book.digest()
    for arguments in (["check", path, "--window", "2026-Q3"], ["policy", "lint", path]):
        text = run(*arguments)
        assert text.code == 2
        assert text.err.count("error:") == 3
        for line, what in ((6, "no check is called 'latencyslo'"), (7, "'getenv' is not allowed"), (8, "'wavers'")):
            assert any(f"wrong.yaml:{line}:" in said and what in said for said in text.err.splitlines()), text.err
        assert "did you mean 'latency-slo'?" in text.err
        document = run(*arguments, "--json").document
        assert len(document["error"]["mistakes"]) == 3
    assert book.digest() == before


def test_a_pickle_is_no_model(book: Logbook, run: Run) -> None:
    class Boom:
        def __reduce__(self) -> Any:
            return os.system, ("touch pwned",)

    book.write("model.pkl", pickle.dumps(Boom()))
    book.write("card.yaml", "name: credit\nversion: '1'\n")
    before = book.digest()
    for name in ("model.pkl", "model.txt"):
        book.write(name, pickle.dumps(Boom()))
        text = run("model", "register", "../card.yaml", "--artefact", f"../{name}")
        assert text.code == 2, text
        assert "pickle" in text.err.lower()
    assert book.digest() == before
    assert not list(book.folder.rglob("pwned"))


def test_a_missing_key_is_an_input_error(book: Logbook, run: Run) -> None:
    book.workspace.key.rename(book.folder / "elsewhere.pem")
    said = run("ingest", book.write("log.csv", CSV), "--mapping", "../mapping.yaml")
    assert said.code == 2
    assert "key" in said.err
    assert run("status").code == 0
    assert run("verify").code == 0


class TestVerified:
    def test_a_changed_store_is_exit_3(self, book: Logbook, run: Run) -> None:
        run("ingest", book.write("log.csv", CSV), "--mapping", "../mapping.yaml")
        assert run("verify", "--json").document["ok"]
        path = next((book.workspace.store / "requests").rglob("*.parquet"))
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
        said = run("verify")
        assert said.code == 3
        assert path.name in said.out.replace("\n", "").replace(" ", "")
        wanted = "r1" if "07-01" in str(path) else "r2"
        explained = run("explain", wanted)
        assert explained.code == 3
        assert "not the one that the ledger names" in explained.err
        assert run("explain", wanted, "--json").document["error"]["where"].startswith("requests/")

    def test_an_ambiguous_id_is_exit_2_with_the_list(self, book: Logbook, run: Run) -> None:
        book.write("mapping.yaml", MAPPING.replace("score: score", "score: score\n  trace_id: score"))
        run("ingest", book.write("log.csv", CSV.replace("0.7", "0.5")), "--mapping", "../mapping.yaml")
        said = run("explain", "0.5")
        assert said.code == 2
        assert "loans:r1, loans:r2" in said.err

    def test_a_read_only_store_explains(self, book: Logbook, run: Run) -> None:
        run("ingest", book.write("log.csv", CSV), "--mapping", "../mapping.yaml")
        folders = [book.workspace.store, *(path for path in book.workspace.store.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            said = run("explain", "r1", "--json")
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert said.code == 0
        assert said.document["request_id"] == "r1"


def test_standard_input(book: Logbook) -> None:
    arguments = [
        "--workspace",
        str(book.workspace.root),
        "--json",
        "ingest",
        "-",
        "--mapping",
        str(book.folder / "mapping.yaml"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "governance", *arguments], input=CSV, capture_output=True, text=True, check=True
    )
    (report,) = json.loads(done.stdout)["files"]
    assert (report["path"], report["stored"], report["quarantined"]) == ("-", 2, 1)


def test_hostile_names_do_not_reach_the_terminal(book: Logbook, run: Run) -> None:
    path = book.write("\x1b[31mred\x1b[0m.csv", CSV)
    said = run("ingest", path, "--mapping", "../mapping.yaml")
    assert said.code == 0
    assert "\x1b" not in said.out + said.err
    assert "\x1b" not in run("ingest", book.folder / "\x1b]0;title\x07.csv").err
    assert "\x1b" not in run("explain", "\x1b[2J").err


def test_the_help_names_every_command(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    for name in (
        "init",
        "demo",
        "ingest",
        "check",
        "explain",
        "report",
        "verify",
        "status",
        "sources",
        "model",
        "policy",
    ):
        assert name in said.out
    assert stat.S_ISDIR(Path().stat().st_mode)


def test_sources_lists_every_format(run: Run) -> None:
    names = [source["name"] for source in run("sources", "--json").document["sources"]]
    assert {"otlp", "litellm"} <= set(names)
    columns = run("sources", "--columns", "--json").document
    assert columns["requests"]["latency_us"].startswith("BIGINT")


def test_many_small_files_become_few(book: Logbook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        book.read(f"day{number}.csv", f"id,at,score,decision\na{number},2026-07-0{number}T00:00:00Z,1,yes\n")
    monkeypatch.setattr("governance.cli.compactions.WORTH_ADVICE", 12)
    said = run("ingest", book.folder / "day1.csv", "--mapping", "../mapping.yaml")
    assert said.err == "`governance compact` would merge 15 small files of the store into 3\n"
    planned = run("compact", "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert "Nothing was changed." in planned.out
    assert run("status", "--json").document["files"] == {"read": 15, "replaced": 0, "after_compaction": 3}
    document = run("compact", "--json").document
    assert {item["table"]: (item["files"], item["files_after"], item["rows"]) for item in document["tables"]} == {
        "requests": (5, 1, 5),
        "decisions": (5, 1, 5),
        "index": (5, 1, 5),
    }
    assert document["ledger"]["size"] == book.snapshot.checkpoint.size
    assert "Nothing to merge" in run("compact").out
    assert "15 files that were merged are kept" in run("status").out
    assert "3 merged files were compared, row by row, with the 15" in run("verify").out
    assert run("explain", "a3", "--json").document["request_id"] == "a3"


def test_explain_says_that_a_record_came_again_with_other_content(book: Logbook, run: Run) -> None:
    lines = CSV.splitlines()
    first = book.write("a.csv", "\n".join(lines[:3]) + "\n")
    again = book.write("b.csv", f"{lines[0]}\n{lines[1].replace('0.5', '0.6')}\n")
    for path in (first, again):
        assert run("ingest", path, "--mapping", book.folder / "mapping.yaml").code == 0
    assert run("--json", "explain", "r1").document["proof"]["conflicts"] == 1
    assert "the record came 2 times with different content" in " ".join(run("explain", "r1").out.split())
    assert "different content" not in run("explain", "r2").out


def test_policy_show_without_a_kind_lists_every_kind_with_what_it_asks(run: Run) -> None:
    listed = json.loads(run("policy", "show", "--json").out)["kinds"]
    assert [one["kind"] for one in listed] == list(checks())
    assert all(len(one["asks"]) > 30 for one in listed)
    shown = run("policy", "show").out
    assert all(one["kind"] in shown for one in listed)
