"""The tuple of dialects: each is spoken in a recording, and each other part of the bridge follows from it."""

from tests import recordings

from pylon2mqtt.protocols.can.dialects import DIALECTS, known, nothing_received, recognise, sent_by_inverters, serials
from pylon2mqtt.transports.can.logs import frames_of


def spoken() -> set[str]:
    """The dialects of our own recordings."""
    found = set()
    for path in recordings.logs():
        received = nothing_received()
        for at, frame in frames_of(path.read_bytes()):
            received.note(frame, at)
        dialect = recognise(received, 0.0)
        assert dialect, path
        found.add(dialect.title)
    return found


def test_every_dialect_has_a_recording() -> None:
    assert spoken() == {dialect.title for dialect in DIALECTS}


def test_serial_numbers_are_where_a_table_says_so() -> None:
    assert serials() == {0x380, 0x381, *range(0x600, 0x610), *range(0x650, 0x660)}


def test_an_inverters_frames_are_no_batterys() -> None:
    assert sent_by_inverters() == {0x305, 0x306, 0x307, 0x80004200}
    for dialect in DIALECTS:
        assert not dialect.from_battery & sent_by_inverters()
        assert dialect.from_battery <= known()


def test_each_dialect_is_recognised_in_less_than_it_takes_to_be_repeated() -> None:
    assert all(0 < dialect.settle_s < 12 for dialect in DIALECTS), "else the first reading would not wait for it"
