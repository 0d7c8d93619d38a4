"""``getpwr`` of a whole rack: its energy, its faults, and a row that is lost."""

import pytest
from tests.protocols.console.test_answers import framed

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.protocols.console.answers import decode_answer


class TestGetpwr:
    LINES = (
        "250993#  19233#  36000# 11613# Charge# Normal# Normal# Normal# ",
        *["3347#  24000# Normal# Normal# "] * 75,
        "0#",
        "1004#",
    )

    def test_the_fourth_field_of_a_rack_is_its_energy(self) -> None:
        bank = decode_answer("getpwr", framed("getpwr", self.LINES))
        assert (bank.voltage, bank.current, bank.temperature, bank.cycles) == (250.993, 19.233, 36.0, 1004)
        assert (bank.remaining_energy, bank.remaining_capacity) == (11.613, None)
        assert len(bank.modules[0].cells or ()) == 75

    def test_the_trailer_tells_of_faults(self) -> None:
        bank = decode_answer("getpwr", framed("getpwr", [*self.LINES[:-2], "256#", "1004#"]))
        assert [alarm.kind for alarm in bank.alarms or ()] == [AlarmKind.COMMUNICATION_FAULT]

    def test_a_lost_row_shows_in_the_sum(self) -> None:
        with pytest.raises(FrameError):
            decode_answer("getpwr", framed("getpwr", [self.LINES[0], *self.LINES[3:]]))
