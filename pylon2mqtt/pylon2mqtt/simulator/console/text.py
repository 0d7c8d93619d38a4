r"""How an answer of the console is framed.

::

    <echo> LF CR  @ <end>  body  Command completed successfully CR LF CR  $$ CR LF CR  pylon>

Lines of a table end in CR CR LF, those of a listing in CR LF CR; the last line of either ends in CR LF CR. There is
no line end behind the prompt. The pager stops without one, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TABLE = "\r\r\n"
LISTING = "\r\n\r"
RAW = "\n\r"
"""The line end of what is printed while the pager is about to stop."""

PAGER = "Press [Enter] to be continued,other key to exit"
WIPED = "\r\r" + " " * 50 + "\r\r" + LISTING
"""What takes the pager's line away again."""

SUCCESS = "Command completed successfully"
END = "$$" + LISTING
INVALID = "Invalid command or fail to excute."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleAnswer:
    """A body in pages, one unless the pager stops it. ``at``: the line end behind @. ``success`` None: refused."""

    pages: tuple[str, ...]
    at: str = LISTING
    success: str | None = SUCCESS

    def ending(self, prompt: str) -> str:
        """What follows the last page."""
        return (self.success + LISTING if self.success else "") + END + prompt


def table(lines: Sequence[str]) -> ConsoleAnswer:
    """A body whose lines end in CR CR LF."""
    return ConsoleAnswer(pages=(TABLE.join(lines) + LISTING,), at=TABLE)


def listing(lines: Sequence[str]) -> ConsoleAnswer:
    """A body whose lines end in CR LF CR."""
    return ConsoleAnswer(pages=("".join(line + LISTING for line in lines),))


def refused(text: str) -> ConsoleAnswer:
    """The console's own words for no."""
    return ConsoleAnswer(pages=(text + LISTING,), success=None)


def unknown(name: str) -> ConsoleAnswer:
    """A command that this firmware, or this mode, does not have."""
    return ConsoleAnswer(pages=(f"Unknown command '{name}' - try 'help'" + LISTING,), at=TABLE, success=None)


def invalid(usage: str, *before: str) -> ConsoleAnswer:
    """A command with arguments that it does not take, and how it is written."""
    lines = LISTING.join([*before, INVALID, "Usage:"])
    return ConsoleAnswer(pages=(lines + "\r\n" + usage + LISTING,), success=None)
