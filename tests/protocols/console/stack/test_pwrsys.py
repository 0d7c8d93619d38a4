"""``pwrsys``: what a stack says of itself, and what is refused."""

import pytest
from tests.protocols.console.stack.test_dictionaries import with_line
from tests.protocols.console.test_answers import SYSTEM_LINES, framed

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import AlarmKind, Bank, State
from pylon2mqtt.protocols.console.answers import decode_answer, read_answer


class TestSystem:
    def system(self, lines: list[str]) -> Bank:
        return decode_answer("pwrsys", framed("pwrsys", lines))

    def test_what_the_bank_says_of_itself(self) -> None:
        assert self.system(SYSTEM_LINES) == Bank(
            voltage=51.312,
            current=8.42,
            soc=64.0,
            soh=97.0,
            remaining_capacity=64.123,
            full_capacity=100.0,
            state=State.CHARGING,
            module_count=2,
            cell_voltage_max=3.423,
            cell_voltage_min=3.419,
            cell_temperature_max=20.0,
            cell_temperature_min=19.0,
            charge_voltage_limit=53.25,
            charge_current_limit=50.0,
            discharge_current_limit=50.0,
        )

    def test_a_broken_sensor_spoils_the_average_too(self) -> None:
        lines = with_line(SYSTEM_LINES, "Average temperature", "-9000    mC")
        bank = self.system(with_line(lines, "Lowest temperature", "-100000  mC"))
        assert (bank.cell_temperature_min, bank.temperature, bank.cell_temperature_max) == (None, None, 20.0)
        assert [(a.kind, a.text) for a in bank.alarms or ()] == [
            (AlarmKind.SENSOR_FAULT, "Lowest temperature out of range")
        ]
        assert self.system(lines).temperature == -9.0

    def test_pitfall_12_the_stacks_health_is_here(self) -> None:
        assert self.system(with_line(SYSTEM_LINES, "System SOH", "0        %")).soh is None

    def test_pitfall_40_how_many_there_are_and_how_many_answer(self) -> None:
        told = read_answer("pwrsys", framed("pwrsys", SYSTEM_LINES))
        assert told.counts == {"total": 3, "present": 2}

    def test_one_modules_current_is_not_the_stacks(self) -> None:
        lines = [line for line in SYSTEM_LINES if "system Recommend" not in line]
        bank = self.system(lines)
        assert (bank.charge_voltage_limit, bank.charge_current_limit) == (53.25, None)

    @pytest.mark.parametrize(
        ("line", "state"),
        [
            ("System is idle", State.IDLE),
            ("System is discharging", State.DISCHARGING),
            ("System is sleep", State.SLEEPING),
        ],
    )
    def test_its_state(self, line: str, state: State) -> None:
        assert self.system([line if "System is" in old else old for old in SYSTEM_LINES]).state is state

    def test_a_state_that_nobody_knows_is_an_alarm(self) -> None:
        bank = self.system(["System is upgrading" if "System is" in line else line for line in SYSTEM_LINES])
        assert bank.state is None
        assert [a.text for a in bank.alarms or ()] == ["System is upgrading"]

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("System Volt", "513120 mV"),
            ("System Volt", None),
            ("Lowest voltage", "3424 mV"),
            ("Highest temperature", "18000 mC"),
            ("System SOH", "970 %"),
            ("System Cur", "1 mA"),
        ],
    )
    def test_what_cannot_be_true_is_refused(self, key: str, value: str | None) -> None:
        lines = with_line(SYSTEM_LINES, "System Curr", None) if key == "System Cur" else SYSTEM_LINES
        with pytest.raises(FrameError):
            self.system(with_line(lines, key, value))
