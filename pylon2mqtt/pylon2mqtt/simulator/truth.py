"""What is true of a virtual bank, whatever its BMS measures, counts and reports."""

from dataclasses import dataclass

from pylon2mqtt.model.units import AmpereHours, Amperes, KilowattHours, Milliohms, Percent

from .battery import VirtualBank
from .cell import soc_at_rest
from .module import VirtualModule

# Full and empty, as a module's outermost cell shows them at rest.
_FULL, _EMPTY = soc_at_rest(3.45), soc_at_rest(2.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleTruth:
    """The true values of a module.

    ``capacity`` is what it gives from the moment at which its first cell is full until its first cell is empty, with
    the charges that its cells have now; ``soc`` is the part of it that is left. ``resistances`` are those that a step
    of the current shows at once, ``socs`` and ``capacities`` those of the cells. The energies are counted at the cells'
    terminals since the bank was made; what went in is what came out, what was lost and what is stored more.
    """

    current: Amperes
    soc: Percent
    capacity: AmpereHours
    socs: tuple[Percent, ...]
    capacities: tuple[AmpereHours, ...]
    resistances: tuple[Milliohms, ...]
    energy_charged: KilowattHours
    energy_discharged: KilowattHours
    energy_lost: KilowattHours
    energy_stored: KilowattHours


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTruth:
    """The true values of a bank; ``energy_charged`` and ``energy_discharged`` are those at its terminals."""

    modules: tuple[ModuleTruth, ...]
    energy_charged: KilowattHours
    energy_discharged: KilowattHours


def truth_of(bank: VirtualBank) -> BankTruth:
    """What is true now."""
    return BankTruth(
        modules=tuple(map(_of_module, bank.modules)),
        energy_charged=bank.charged_wh / 1000,
        energy_discharged=bank.discharged_wh / 1000,
    )


def _of_module(module: VirtualModule) -> ModuleTruth:
    cells, flows = module.cells, module.flows
    left = min(cell.charge - _EMPTY * cell.capacity for cell in cells)
    capacity = left + min(_FULL * cell.capacity - cell.charge for cell in cells)
    return ModuleTruth(
        current=module.current,
        soc=100 * left / capacity,
        capacity=capacity,
        socs=tuple(100 * cell.charge / cell.capacity for cell in cells),
        capacities=tuple(cell.capacity for cell in cells),
        resistances=tuple(1000 * cell.resistance for cell in cells),
        energy_charged=flows.charged_wh / 1000,
        energy_discharged=flows.discharged_wh / 1000,
        energy_lost=flows.lost_wh / 1000,
        energy_stored=sum(cell.energy for cell in cells) / 1000,
    )
