"""A host for the tests of the console: it knows the text from the specification, not from our decoder."""

import re

from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.console.battery import ConsoleBattery
from pylon2mqtt.simulator.models import stack

WAKE = b"~20014682C0048520FCC3\r"
PROMPT = re.compile(rb"(?:\A|[\r\n])([A-Za-z_]+>)\Z")
ANSWER = re.compile(
    r"(?P<echo>[^\r\n]*)\n\r@(?P<at>\r\r\n|\r\n\r)(?P<body>.*?)(?P<success>Command completed successfully!?\r\n\r)?"
    r"\$\$\r\n\r(?P<prompt>[A-Za-z_]+>)",
    re.DOTALL,
)
PAGER = "Press [Enter] to be continued,other key to exit"


def listed(text: str, between: str | None = None) -> list[str]:
    """The names in a text."""
    return text.split(between)


_STATES = "Base.St Volt.St Curr.St Temp.St Coulomb Time B.V.St B.T.St"
A = listed(f"Power Volt Curr Tempr Tlow Thigh Vlow Vhigh {_STATES}")
B = [*A, "MosTempr", "M.T.St"]
_WITH_IDS = "Tlow Tlow.Id Thigh Thigh.Id Vlow Vlow.Id Vhigh Vhigh.Id"
D = listed(f"Power Volt Curr Tempr {_WITH_IDS} {_STATES} MosTempr M.T.St")
C = [*D, "SysAlarm.St"]
E = [*A, "Barcode", "DevType"]


def lines_of(body: str) -> list[str]:
    """The lines of a body: any run of CR and LF ends one."""
    return [line for line in re.split(r"[\r\n]+", body) if line]


def parsed(text: str) -> re.Match[str]:
    found = ANSWER.fullmatch(text)
    assert found, text
    return found


class Desk:
    """A bank and its console, asked without a line."""

    def __init__(self, model="US3000C", modules=None, *, awake=True, **options):
        self.bank = VirtualBank(stack(model, modules), **options)
        self.console = ConsoleBattery(self.bank)
        if awake:
            self.console.wake()

    def type(self, text: str) -> str:
        """Everything that comes back for what is typed at once."""
        buffer = bytearray(text.encode())
        return b"".join(map(self.console.answer, self.console.split(buffer))).decode()

    def ask(self, command: str) -> re.Match[str]:
        return parsed(self.type(command + "\r"))

    def lines(self, command: str) -> list[str]:
        """The lines of an answer that went well."""
        told = self.ask(command)
        assert told["success"], told[0]
        return lines_of(told["body"])

    def pairs(self, command: str) -> dict[str, str]:
        """``Key : value`` of an answer; the first of each key."""
        found: dict[str, str] = {}
        for line in self.lines(command):
            key, colon, value = line.partition(":")
            if colon:
                found.setdefault(" ".join(key.split()), value.strip())
        return found

    def pwr(self) -> dict[int, dict[str, str]]:
        """The rows of ``pwr`` by slot; an absent one has only its state."""
        header, *rows = self.lines("pwr")
        return {int(row.split()[0]): _row(header.split(), row) for row in rows}

    def bat(self, command: str) -> list[list[str]]:
        """The header's names (two blanks end one) and the words of each row of ``bat``."""
        header, *rows = self.lines(command)
        return [re.split(r" {2,}", header.strip()), *(row.split() for row in rows)]


def _row(names: list[str], row: str) -> dict[str, str]:
    words = row.split()
    if "Absent" in words:
        return {"Base.St": "Absent"}
    date = next(place for place, word in enumerate(words) if re.fullmatch(r"\d{4}-\d\d-\d\d", word))
    words[date : date + 2] = [" ".join(words[date : date + 2])]
    return dict(zip(names, words, strict=True))
