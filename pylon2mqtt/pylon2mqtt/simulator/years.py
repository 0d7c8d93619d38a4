"""Simulated days and years without a wire: what a protocol would report of a virtual bank, and what is true.

Make a bank with `bank_for_years`, wear out what shall be worn out, and go through `readings`::

    bank = bank_for_years("US3000C", modules=2, seed=7)
    bank.modules[1].cells[3].leak = 0.02
    for reading in readings(bank, days=90):
        ...  # reading.bank, reading.taken_at, reading.since_start_s, reading.truth
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from pylon2mqtt.model import Alarm, Bank, Cell, Module, Severity, Topology
from pylon2mqtt.model.units import Amperes, Celsius, Percent, Seconds, Volts

from .battery import VirtualBank
from .models import stack
from .module import VirtualModule
from .truth import BankTruth, truth_of

_LONGEST_STEP_S: Seconds = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """How finely a protocol reports; voltages are in mV and temperatures in tenths of °C everywhere.

    ``current_digits``: behind the point, of A; ``measured``: small currents are reported as 0. ``capacity_digits``: of
    Ah; None: it reports no capacity. ``reports_soc``: SoC and SoH, in whole percent. ``at_once``: cells, voltage and
    current come in one answer; where they do not, voltage and current are one step older.
    """

    current_digits: int
    measured: bool = False
    capacity_digits: int | None = None
    reports_soc: bool = True
    at_once: bool = True


GRAINS = {
    "rs485": Grain(current_digits=1, measured=True, capacity_digits=3, reports_soc=False),
    "console": Grain(current_digits=3, at_once=False),
    "pace": Grain(current_digits=2, capacity_digits=2),
}
"""Protocol -> its grain: 42 of Pylontech; ``pwr`` and ``bat`` of a console; 42 of PACE."""


@dataclass(frozen=True, slots=True)
class VirtualReading:
    """What is reported at a moment; ``since_start_s`` is monotonic, ``taken_at`` UTC."""

    since_start_s: Seconds
    taken_at: datetime
    bank: Bank
    virtual: VirtualBank

    @property
    def truth(self) -> BankTruth:
        """What is true: of this moment until the next reading is asked for."""
        return truth_of(self.virtual)


def bank_for_years(
    model: str = "US3000C",
    *,
    modules: int = 1,
    seed: int = 1,
    soc: Percent = 60.0,
    first_midnight: datetime = datetime(2026, 1, 1),
) -> VirtualBank:
    """A bank at midnight, whose steps become 60 s long while nothing changes.

    ``model`` is a name of `models`; the bank's clock is taken for UTC. Raises ConfigError for an unknown model.
    """
    return VirtualBank(
        stack(model, modules),
        seed=seed,
        soc=soc,
        hour=0.0,
        first_midnight=first_midnight,
        longest_step_s=_LONGEST_STEP_S,
    )


def readings(
    virtual: VirtualBank, *, days: float, grain: Grain = GRAINS["rs485"], every_s: Seconds = 0.0
) -> Iterator[VirtualReading]:
    """Let so many days pass, and yield what is reported: every 60 s, every 5 s around each change of the current.

    ``every_s``: not more often than this. What is changed in ``virtual`` in between is there from then on.
    """
    start = virtual.time
    due, end = start, start + days * 86400
    while virtual.time < end:
        older = [] if grain.at_once else [_terminals(module, grain) for module in virtual.modules]
        virtual.advance(virtual.next_step_s())
        if virtual.time < due:
            continue
        due = virtual.time + every_s
        terminals = [_terminals(module, grain) for module in virtual.modules] if grain.at_once else older
        modules = zip(virtual.modules, terminals, strict=True)
        bank = Bank(
            name="Virtual",
            topology=Topology.SERIES if virtual.in_series else Topology.PARALLEL,
            module_count=len(virtual.modules),
            modules=tuple(_module(module, *values, grain) for module, values in modules if module.present),
            silent=tuple(module.number for module in virtual.modules if not module.present),
        )
        yield VirtualReading(virtual.time - start, virtual.now.replace(tzinfo=UTC), bank, virtual)


def _terminals(module: VirtualModule, grain: Grain) -> tuple[Volts, Amperes]:
    """Voltage and current as they are reported."""
    current = module.measured_current if grain.measured else module.current
    return round(module.voltage(), 3), round(current, grain.current_digits)


def _module(module: VirtualModule, voltage: Volts, current: Amperes, grain: Grain) -> Module:
    electronics, *groups = (round(celsius, 1) for celsius in module.temperatures()[:5])
    digits = grain.capacity_digits
    return Module(
        number=module.number,
        address=module.number + 1,
        manufacturer="Pylon",
        model=module.model.device_name,
        barcode=module.barcode,
        voltage=voltage,
        current=current,
        temperature=electronics,
        temperatures=tuple(groups),
        soc=float(round(module.soc)) if grain.reports_soc else None,
        soh=float(module.soh) if grain.reports_soc else None,
        remaining_capacity=None if digits is None else round(module.remaining, digits),
        full_capacity=None if digits is None else round(module.full_capacity, digits),
        cycles=module.cycles,
        charge_voltage_limit=module.model.charge_voltage_limit,
        discharge_voltage_limit=module.model.discharge_voltage_limit,
        charge_current_limit=module.charge_current_limit,
        discharge_current_limit=module.discharge_current_limit,
        charge_enabled=module.charge_enabled,
        discharge_enabled=module.discharge_enabled,
        full_charge_requested=module.full_charge_requested,
        alarms=_alarms(module),
        at_once=grain.at_once,
        cells=_cells(module, groups),
    )


def _cells(module: VirtualModule, groups: list[Celsius]) -> tuple[Cell, ...]:
    in_a_group = -(-len(module.cells) // len(groups))
    voltages = enumerate(zip(module.cell_voltages(), module.balancing, strict=True))
    return tuple(_cell(n + 1, round(volts, 3), groups[n // in_a_group], bled) for n, (volts, bled) in voltages)


# Most cells report what one of them reported before.
@lru_cache(maxsize=20_000)
def _cell(number: int, voltage: Volts, temperature: Celsius, balancing: bool) -> Cell:
    return Cell(number=number, voltage=voltage, temperature=temperature, balancing=balancing)


def _alarms(module: VirtualModule) -> tuple[Alarm, ...]:
    """One alarm for each kind, with all its cells."""
    return tuple(
        Alarm(
            kind=kind,
            severity=Severity.PROTECTION,
            cells=tuple(sorted(cell for one, cell in module.alarms if one is kind and cell is not None)),
        )
        for kind in sorted({kind for kind, _ in module.alarms})
    )
