"""Two lines to one battery make one bank, and no field jumps between two opinions."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Event, Module, Reading, Severity
from pylon2mqtt.model.merging import DISAGREE_S, PROVEN_AFTER, Merging

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
RS485, CAN = "rs485", "can"
HIGH = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.WARNING, cells=(3,))
HOT = Alarm(kind=AlarmKind.OVERTEMPERATURE, severity=Severity.WARNING)


def stack(current: float = 10.0, barcodes: Iterable[str | None] = ("B1", "B2"), **more: Any) -> Bank:
    modules = tuple(
        Module(number=n, barcode=b, voltage=51.0, current=current / 2, cells=(Cell(number=1, voltage=3.4),), soc=60.0)
        for n, b in enumerate(barcodes, 1)
    )
    return Bank(name="House", modules=modules, **more)


def inverter_side(current: float = 10.0, modules: tuple[Module, ...] = (), **more: Any) -> Bank:
    return Bank(name="House", voltage=51.0, current=current, modules=modules, **{"soc": 60.0, **more})


class Two:
    """A bank with two sources, of which RS485 tells the modules."""

    def __init__(self) -> None:
        self.merging = Merging({RS485: 10.0, CAN: 10.0})

    def read(self, source: str, bank: Bank, at_s: float, *, online: bool = True) -> Reading | None:
        at = START + timedelta(seconds=at_s)
        reading = Reading(source=source, bank=bank, taken_at=at, since_start_s=at_s, online=online)
        return self.merging.take(reading if online else replace(reading, reason="silence"))

    def bank(self, source: str, bank: Bank, at_s: float) -> Bank:
        reading = self.read(source, bank, at_s)
        assert reading is not None
        return reading.bank


@pytest.fixture
def two() -> Two:
    return Two()


def test_one_source_is_passed_on_as_it_is() -> None:
    reading = Reading(source=RS485, bank=stack(), taken_at=START, since_start_s=1.0)
    assert Merging({RS485: 10.0}).take(reading) is reading


class TestWhoLeads:
    def test_limits_of_can_come_to_the_modules_of_rs485(self, two: Two) -> None:
        two.read(CAN, inverter_side(charge_current_limit=74.0), 0)
        merged = two.bank(RS485, stack(), 1)
        assert (merged.charge_current_limit, [m.barcode for m in merged.modules]) == (74.0, ["B1", "B2"])

    def test_a_reading_of_the_other_source_is_no_reading_of_the_bank(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        assert two.read(CAN, inverter_side(), 1) is None

    def test_who_speaks_first_leads_until_a_better_one_comes(self, two: Two) -> None:
        assert two.bank(CAN, inverter_side(), 0).modules == ()
        assert len(two.bank(RS485, stack(), 5).modules) == 2
        assert two.read(CAN, inverter_side(), 6) is None

    def test_a_leader_that_misses_one_reading_still_leads(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        assert two.read(RS485, Bank(name="House"), 10, online=False) is None
        assert two.read(CAN, inverter_side(), 11) is None

    def test_after_three_intervals_of_silence_the_other_one_leads(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        assert two.bank(CAN, inverter_side(), 31).modules == ()
        assert len(two.bank(RS485, stack(), 40).modules) == 2

    def test_when_all_are_silent_the_reason_is_passed_on(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        two.read(CAN, inverter_side(), 0)
        lost = two.read(RS485, Bank(name="House"), 40, online=False)
        assert lost is not None
        assert (lost.online, lost.reason) == (False, "silence")

    def test_of_two_alike_the_one_that_leads_stays_the_leader(self, two: Two) -> None:
        two.read(CAN, inverter_side(), 0)
        assert two.read(RS485, inverter_side(), 5) is None
        assert two.read(RS485, inverter_side(), 40) is not None
        assert two.read(CAN, inverter_side(), 41) is None

    def test_a_leader_without_its_modules_for_once_still_leads(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        two.read(RS485, replace(stack(), modules=()), 10)
        with_modules = inverter_side(modules=(Module(number=1, voltage=51.0),))
        assert two.read(CAN, with_modules, 11) is None


class TestFields:
    def test_a_field_keeps_its_source_while_that_one_lives(self, two: Two) -> None:
        """The leader begins to report what came from CAN: the value does not jump."""
        two.read(CAN, inverter_side(charge_current_limit=74.0), 0)
        assert two.bank(RS485, stack(), 1).charge_current_limit == 74.0
        two.read(CAN, inverter_side(charge_current_limit=74.0), 10)
        assert two.bank(RS485, stack(charge_current_limit=50.0), 11).charge_current_limit == 74.0

    def test_it_is_unknown_for_three_intervals_and_then_comes_from_the_other(self, two: Two) -> None:
        seen = []
        for at in range(0, 70, 10):
            limit = 74.0 if at == 0 else None
            two.read(CAN, inverter_side(charge_current_limit=limit), at)
            seen.append(two.bank(RS485, stack(charge_current_limit=50.0 if at else None), at + 1).charge_current_limit)
        assert seen == [74.0, None, None, None, 50.0, 50.0, 50.0]

    def test_a_source_that_fell_silent_is_not_repeated_for_ever(self, two: Two) -> None:
        two.read(CAN, inverter_side(charge_current_limit=74.0), 0)
        assert two.bank(RS485, stack(), 29).charge_current_limit == 74.0
        assert two.bank(RS485, stack(), 70).charge_current_limit is None

    def test_alarms_of_both_count(self, two: Two) -> None:
        two.read(CAN, inverter_side(alarms=(HIGH, HOT)), 0)
        merged = two.bank(RS485, stack(alarms=(replace(HIGH, cells=(4,)),)), 1)
        assert merged.alarms == (replace(HIGH, cells=(3, 4)), HOT)

    def test_events_of_the_other_source_wait_for_the_leader(self, two: Two) -> None:
        two.read(RS485, stack(), 0)
        two.read(CAN, inverter_side(events=(Event(number=1),)), 1)
        assert two.bank(RS485, stack(events=(Event(number=2),)), 10).events == (Event(number=1), Event(number=2))
        assert two.bank(RS485, stack(), 20).events is None


class TestModules:
    def test_they_meet_by_barcode_wherever_they_stand(self, two: Two) -> None:
        theirs = (Module(number=2, barcode="B1", soh=97.0), Module(number=1, barcode="B2", soh=99.0))
        two.read(CAN, inverter_side(modules=theirs), 0)
        merged = two.bank(RS485, stack(), 1)
        assert [(m.number, m.barcode, m.soh, m.soc) for m in merged.modules] == [
            (1, "B1", 97.0, 60.0),
            (2, "B2", 99.0, 60.0),
        ]

    def test_another_barcode_is_another_module_whatever_its_number(self, two: Two) -> None:
        two.read(CAN, inverter_side(modules=(Module(number=1, barcode="X1", soh=97.0),)), 0)
        assert [m.soh for m in two.bank(RS485, stack(), 1).modules] == [None, None]

    def by_number(self, two: Two, *, readings: int, volts: float = 51.0, step: float = 1.0, count: int = 2) -> Bank:
        theirs = tuple(Module(number=n, voltage=volts, soh=90.0 + n) for n in range(1, count + 1))
        for n in range(readings):
            current = 10.0 + step * n
            two.read(CAN, inverter_side(current, modules=theirs), n * 10)
            merged = two.bank(RS485, stack(current), n * 10 + 1)
        return merged

    def test_by_number_when_enough_readings_at_other_currents_prove_it(self, two: Two) -> None:
        assert [m.soh for m in self.by_number(two, readings=PROVEN_AFTER).modules] == [91.0, 92.0]

    def test_not_by_number_before_that(self, two: Two) -> None:
        assert [m.soh for m in self.by_number(two, readings=PROVEN_AFTER - 1).modules] == [None, None]

    @pytest.mark.parametrize("other", [{"volts": 51.4}, {"step": 0.1}, {"count": 3}], ids=str)
    def test_not_by_number_where_it_proves_nothing(self, two: Two, other: dict[str, Any]) -> None:
        merged = self.by_number(two, readings=2 * PROVEN_AFTER, **other)
        assert [m.soh for m in merged.modules] == [None, None]

    def test_one_that_differs_takes_the_proof_back(self, two: Two) -> None:
        self.by_number(two, readings=PROVEN_AFTER)
        theirs = tuple(Module(number=n, voltage=52.0, soh=99.0) for n in (1, 2))
        two.read(CAN, inverter_side(modules=theirs), 500)
        assert [m.soh for m in two.bank(RS485, stack(), 501).modules] == [None, None]


class TestDisagreement:
    def run(self, two: Two, until_s: int, **theirs: Any) -> list[tuple[str, float, float]]:
        for at in range(0, until_s + 1, 20):
            two.read(CAN, replace(inverter_side(), **theirs), at)
            two.read(RS485, stack(), at + 1)
        return [(d.key, d.ours, d.theirs) for d in two.merging.disagreements]

    @pytest.mark.parametrize(
        ("theirs", "found"),
        [
            ({"voltage": 51.34}, []),
            ({"voltage": 51.4}, [("voltage", 51.0, 51.4)]),
            ({"current": 12.4}, []),
            ({"current": -10.0}, [("current", 10.0, -10.0)]),
            ({"soc": 68.0}, []),
            ({"soc": 69.0}, [("soc", 60.0, 69.0)]),
        ],
        ids=str,
    )
    def test_it_takes_ten_minutes_and_more_than_two_lines_may_differ(
        self, two: Two, theirs: dict[str, float], found: list[tuple[str, float, float]]
    ) -> None:
        assert self.run(two, int(DISAGREE_S), **theirs) == found

    def test_not_before(self, two: Two) -> None:
        assert self.run(two, int(DISAGREE_S) - 40, soc=90.0) == []

    def test_it_ends(self, two: Two) -> None:
        assert self.run(two, int(DISAGREE_S), soc=90.0)
        two.read(CAN, inverter_side(), 700)
        two.read(RS485, stack(), 701)
        assert two.merging.disagreements == ()
        two.read(CAN, inverter_side(soc=90.0), 720)
        two.read(RS485, stack(), 721)
        assert two.merging.disagreements == ()
