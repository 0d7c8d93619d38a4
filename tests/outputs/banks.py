"""Hand-made snapshots for the tests of the outputs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Module, Severity, Snapshot, State

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BARCODES = ("K220101C10000001", "K220101C10000002", "K220101C10000003")


def module(number: int, **changes) -> Module:
    cells = tuple(Cell(number=n, voltage=round(3.300 + n / 1000 + number / 100, 3)) for n in range(1, 16))
    given = Module(
        number=number,
        address=number + 1,
        barcode=BARCODES[number - 1],
        manufacturer="Pylontech",
        model="US3000C",
        firmware="B69.16.0.0 V1.3",
        voltage=49.85,
        current=-3.5,
        temperature=23.0,
        temperatures=(21.0, 22.0, 21.5, 22.5),
        soh=99,
        remaining_capacity=55.5,
        full_capacity=74.0,
        cycles=120 + number,
        state=State.DISCHARGING,
        charge_voltage_limit=53.25,
        charge_current_limit=37.0,
        discharge_voltage_limit=45.0,
        discharge_current_limit=37.0,
        charge_enabled=True,
        discharge_enabled=True,
        full_charge_requested=False,
        alarms=(),
        cells=cells,
    )
    return replace(given, **changes)


LOW_CELL = Alarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.WARNING, cells=(7,), text="Low")


def bank(*modules: Module, name: str | None = "House", **changes) -> Bank:
    return replace(Bank(name=name, manufacturer="Pylontech", modules=modules or three()), **changes)


def three() -> tuple[Module, ...]:
    return module(1), module(2), module(3, alarms=(LOW_CELL,))


def snapshot(*modules: Module, after: timedelta = timedelta(), **changes) -> Snapshot:
    return Snapshot(bank=bank(*modules, **changes), taken_at=NOON + after)


def offline(after: timedelta = timedelta()) -> Snapshot:
    bank = Bank(name="House", silent=(1, 2, 3))
    return Snapshot(bank=bank, taken_at=NOON + after, online=False, reason="nobody answers")
