"""Help as people read it: no types that say nothing, brackets once, paragraphs that any window can break anew."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Argument(TyperArgument):
    """An argument that is shown as its metavar says: typer would put brackets around those that stand there."""

    def display_type_rich(self, ctx: Any) -> str | None:  # noqa: ARG002 - as typer calls it
        """No type: the metavar and the help say what is meant."""
        return None

    def _usage_display_name(self) -> str:
        return self.display_name_raw


def legible(command: Any, order: Iterable[str] = (), parent: Any = None) -> Any:
    """The command, with what its help shows made fit for people, and so all below it.

    Args:
        command: A command or group as typer makes it (it does not export the class).
        order: Names of what is below it, in the order in which they are listed; others follow.
        parent: The context of the group around it.
    """
    context = command.context_class(command, parent=parent, **command.context_settings)
    for parameter in command.get_params(context):  # the option --help among them
        if isinstance(parameter, TyperArgument):
            parameter.__class__ = _Argument
        elif parameter.is_flag:
            parameter.metavar = ""  # it takes no value, so it has no type either
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(command.help).split("\n\n"))
    below = getattr(command, "commands", {})
    for name in [name for name in order if name in below]:
        below[name] = below.pop(name)
    for child in below.values():
        legible(child, parent=context)
    return command
