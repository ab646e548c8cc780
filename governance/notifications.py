"""Notices of a run in which checks failed, sent through apprise to whatever its URL names.

A notice leaves the house, so it says only what the policy says and how many: no subject, no reason, no id, no figure,
since these may come from the log.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.errors import GovernanceError, MissingExtraError
from governance.findings import Finding, Verdict

MOST = 50  # checks that a notice lists; chosen here: what fits into a message
_SENT = (Verdict.FAILED, Verdict.ERRORED)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is sent."""

    title: str
    body: str


def notice(findings: Sequence[Finding], *, workspace: str, window: str) -> Notice | None:
    """The notice of a run, or None if nothing failed or errored.

    Args:
        findings: Of the run.
        workspace: Name of the workspace.
        window: Name of the window.
    """
    acute = [one for one in findings if one.judgement.verdict in _SENT]
    if not acute:
        return None
    checks = list(dict.fromkeys((one.policy, one.check) for one in acute))
    lines = [_line([one for one in acute if (one.policy, one.check) == key]) for key in checks[:MOST]]
    if len(checks) > MOST:
        lines.append(f"- and {len(checks) - MOST} more checks")
    verb = "check" if len(checks) == 1 else "checks"
    title = f"governance {workspace}: {len(checks)} {verb} failed in {window}"
    return Notice(title, "\n".join([*lines, "`governance finding list --open` says more."]))


def _line(own: Sequence[Finding]) -> str:
    counts = {verdict: sum(one.judgement.verdict is verdict for one in own) for verdict in _SENT}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    due = min((one.due for one in own if one.due is not None), default=None)
    one = own[0]
    return f"- {one.policy}/{one.check}: {said}; severity {one.severity}, owner {one.owner}, due {due}"


class Recipient:
    """Where notices go: an apprise URL, such as mailto://, slack:// or json://."""

    def __init__(self, url: str) -> None:
        """Reads the URL, which may hold a password and is never repeated.

        Raises:
            MissingExtraError: apprise is not installed.
            GovernanceError: The URL names nothing that apprise knows.
        """
        try:
            import apprise  # noqa: PLC0415 - only `--notify` needs it
        except ImportError as error:
            raise MissingExtraError("apprise", "notify", "--notify") from error
        logging.getLogger(apprise.logger.name).setLevel(logging.CRITICAL + 1)  # its lines may show parts of the URL
        self._apprise: Any = apprise.Apprise()
        with warnings.catch_warnings():
            # It loads every plugin, and so whatever deprecated module the libraries of these import
            warnings.simplefilter("ignore", DeprecationWarning)
            is_known = self._apprise.add(url)
        if not is_known:
            scheme = url.partition("://")[0] if "://" in url else "none"
            hint = "use one that apprise knows, such as mailto://, slack://, msteams:// or json://"
            raise GovernanceError(f"the URL of the notice is of no known kind ({scheme})", where="--notify", hint=hint)

    def send(self, what: Notice) -> bool:
        """Whether the notice was delivered."""
        return bool(self._apprise.notify(body=what.body, title=what.title, notify_type="failure"))
