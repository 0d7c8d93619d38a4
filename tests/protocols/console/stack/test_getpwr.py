"""``getpwr`` of one module: its rows without numbers, and what is refused."""

import pytest
from tests.protocols.console.test_answers import GETPWR_LINES, only

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import AlarmKind, State


class TestGetpwr:
    def test_module_cells_fault_and_cycles(self) -> None:
        module = only("getpwr 2", GETPWR_LINES)
        assert (module.voltage, module.current, module.temperature) == (51.345, 4.21, 22.0)
        assert (module.remaining_capacity, module.cycles, module.state) == (30.511, 311, State.CHARGING)
        assert ([c.voltage for c in module.cells or ()], module.alarms) == ([3.423] * 15, ())

    @pytest.mark.parametrize("fault", ["8#", "0x8#"])
    def test_its_fault_is_the_system_fault(self, fault: str) -> None:
        lines = [*GETPWR_LINES[:-2], fault, "311#"]
        assert [a.kind for a in only("getpwr 2", lines).alarms or ()] == [AlarmKind.SENSOR_FAULT]

    def test_without_its_trailer_the_rest_stands(self) -> None:
        module = only("getpwr 2", GETPWR_LINES[:-2])
        assert (module.voltage, module.cycles) == (51.345, None)

    @pytest.mark.parametrize("lost", [1, 7, 15])
    def test_a_lost_row_shows_in_the_sum(self, lost: int) -> None:
        with pytest.raises(FrameError, match="in a module of"):
            only("getpwr 2", GETPWR_LINES[:lost] + GETPWR_LINES[lost + 1 :])

    @pytest.mark.parametrize(
        ("old", "new"), [("3423#", "3423"), ("3423#", "34#23#"), ("4210#", "#"), ("Normal# ", "Nomal# ")]
    )
    def test_a_damaged_row_is_refused(self, old: str, new: str) -> None:
        with pytest.raises(FrameError):
            only("getpwr 2", "\n".join(GETPWR_LINES).replace(old, new, 1).split("\n"))

    def test_a_broken_sensor_has_no_value_and_an_alarm(self) -> None:
        lines = [
            GETPWR_LINES[0].replace("22000", "-99000"),
            GETPWR_LINES[1].replace("19000", "150000"),
            *GETPWR_LINES[2:],
        ]
        module = only("getpwr 2", lines)
        cells = module.cells or ()
        assert (module.temperature, cells[0].temperature, cells[1].temperature) == (None, None, 19.0)
        alarms = [*(module.alarms or ()), *(cells[0].alarms or ())]
        assert [(a.kind, *a.cells) for a in alarms] == [(AlarmKind.SENSOR_FAULT,), (AlarmKind.SENSOR_FAULT, 1)]
