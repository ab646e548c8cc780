"""What stands below the help of a command: how people call it, its exit codes, and what comes next."""

_SAID = {
    "ingest": (
        "governance ingest logs/ 'gateway/2026-*.jsonl.gz'",
        "governance ingest --dry-run loans.csv --mapping loans.mapping.yaml",
        "See also: sources, mapping init, quarantine list. Then: check.",
    ),
    "check": (
        "governance check --window last-quarter",
        "governance check credit-decisions --window 2026-07 --all",
        "Exit codes: 0 nothing failed, 1 a check failed, 4 one errored or, with --strict, was not assessed.",
        "See also: finding list, report, policy lint.",
    ),
    "explain": (
        "governance explain app-3234",
        "governance explain app-3234 --for subject --html why.html",
        "governance explain --window last-quarter --adverse",
    ),
    "report": (
        "governance report --window last-quarter --pdf",
        "It shows stored findings: governance check --window W comes first.",
    ),
    "verify": (
        "governance verify",
        "governance verify --checkpoint ~/elsewhere/checkpoint",
        "Exit codes: 0 the store is what its ledger says, 3 it is not.",
    ),
    "controls": (
        "governance controls eu-ai-act --window 2026-Q3",
        "See also: the control coverage of governance report.",
    ),
    "mapping init": (
        "governance mapping init loans.csv",
        "Then: governance ingest --dry-run loans.csv --mapping loans.mapping.yaml",
    ),
    "model register": (
        "governance model register card.yaml --artefact model.txt",
        "Then: governance model approve MODEL VERSION --by NAME",
    ),
    "finding respond": ('governance finding respond a268659b60 --by "C. Ops" --text "cover is arranged"',),
    "policy show": ("governance policy show fairness-impact-ratio",),
}


def below(command: str) -> str:
    """The lines below the help of a command."""
    return "\n".join(("For example:", *_SAID[command]))
