"""Logs of a CAN bus, in the forms in which people have them.

Which form it is, is decided by what a file holds, and by its name where that says more.
"""

from collections.abc import Iterator
from pathlib import PurePath

from pylon2mqtt.transports.base import TimedFrame

from . import candump, packets, pastes, tables
from .untimed import UntimedFrame, in_time

FORMS = (
    "give a log of candump, python-can (.log .csv .db .txt), SavvyCAN (GVRET .csv), Busmaster, slcan, Vector (.asc "
    ".blf), PEAK (.trc), tcpdump or Wireshark (.pcap .pcapng), or lines of OpenDTU, ESPHome or Battery-Emulator"
)
"""What can be read; for the message where there is no frame."""

# What files of Vector and of python-can's database begin with, and what texts of Vector and PEAK have at their head.
_BLF, _DATABASE = b"LOGG", b"SQLite format 3\0"
_MARKS_OF_ASC, _MARKS_OF_TRC = ("base hex", "base dec"), (";$fileversion", ";---+--")
_HEAD = 4000
# This version python-can does not know.
_TRC_OF_LINES = ";$fileversion=1.2"
# No form needs a longer line; a longer one takes long to be recognised as none.
_LONGEST_LINE = 300


def frames_of(data: bytes, name: str = "") -> Iterator[TimedFrame]:
    """Yield the frames of a log with seconds since its first one; raise FrameError where its file is damaged.

    ``name``: the name of its file, where it has one.
    """
    if data.startswith(packets.MAGICS):
        return in_time(packets.untimed_frames(data))
    if data.startswith((_BLF, _DATABASE)):
        from . import files  # noqa: PLC0415  python-can costs memory: only where such a file is read

        return in_time(files.blf(data) if data.startswith(_BLF) else files.database(data))
    return in_time(_frames_of_text(data.decode("utf-8-sig", "replace"), PurePath(name).suffix.lower()))


def frames_in(text: str) -> Iterator[TimedFrame]:
    """Yield the frames of a log in text form."""
    return in_time(_frames_of_text(text, ""))


def _frames_of_text(text: str, suffix: str) -> Iterator[UntimedFrame]:
    head = text[:_HEAD].lower()
    is_asc = suffix == ".asc" or any(mark in head for mark in _MARKS_OF_ASC)
    is_trc = suffix == ".trc" or any(mark in head for mark in _MARKS_OF_TRC)
    if is_asc or (is_trc and _TRC_OF_LINES not in head):
        from . import files  # noqa: PLC0415  as above

        return files.asc(text) if is_asc else files.trc(text)
    return tables.untimed_frames(text) if tables.is_table(text) else _frames_of_lines(text)


def _frames_of_lines(text: str) -> Iterator[UntimedFrame]:
    """Lines of candump; or, where there are none, what other programs print."""
    lines = [line for line in text.splitlines() if len(line) <= _LONGEST_LINE]
    found = list(candump.untimed_frames(lines))
    return iter(found) if found else pastes.untimed_frames(lines)
