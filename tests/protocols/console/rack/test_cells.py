"""Which cells belong to which module of a rack."""

import pytest

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Cell, Module, Severity
from pylon2mqtt.protocols.console.rack.cells import check, cut, sizes


@pytest.mark.parametrize(("cells", "modules", "each"), [(75, 5, 15), (120, 4, 30), (192, 6, 32), (16, 1, 16)])
def test_modules_of_one_kind_have_as_many(cells: int, modules: int, each: int) -> None:
    assert sizes(cells, modules) == (each,) * modules


def test_what_the_modules_say_counts_more() -> None:
    assert sizes(75, 3, by_modules=(15, 30, 30), by_rack=75) == (15, 30, 30)


def test_what_the_modules_say_counts_only_if_it_adds_up() -> None:
    assert sizes(90, 3, by_modules=(15, 30, 30)) == (30, 30, 30)


@pytest.mark.parametrize(("cells", "modules", "by_rack"), [(74, 5, None), (74, 5, 75), (60, 4, 75), (15, 0, None)])
def test_cells_that_do_not_go_into_the_modules_are_refused(cells: int, modules: int, by_rack: int | None) -> None:
    with pytest.raises(FrameError):
        sizes(cells, modules, by_rack=by_rack)


def rack() -> Module:
    weak = Alarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.WARNING, cells=(5,))
    cells = [Cell(number=n, voltage=3.3, alarms=(weak,) if n == 5 else ()) for n in range(1, 7)]
    return Module(number=1, cells=tuple(cells), counters={"cell_2_soh_count": 7.0, "cell_5_soh_count": 9.0})


def test_cells_count_from_1_in_each_module() -> None:
    first, second = cut(rack(), (3, 3))
    assert (first.number, second.number) == (1, 2)
    assert [cell.number for cell in second.cells or ()] == [1, 2, 3]
    assert [number for cell in second.cells or () for alarm in cell.alarms or () for number in alarm.cells] == [2]
    assert (first.counters, second.counters) == ({"cell_2_soh_count": 7.0}, {"cell_2_soh_count": 9.0})


def test_a_module_of_another_voltage_is_refused() -> None:
    modules = cut(rack(), (3, 3))
    check(modules, [Module(number=1, voltage=9.95), Module(number=2, voltage=9.8)])
    check(modules, [Module(number=1)])
    with pytest.raises(FrameError, match="module 1 has no cell"):
        check(modules, [Module(number=1, voltage=9.9, cell_voltage_min=3.0)])
    with pytest.raises(FrameError, match="module 2"):
        check(modules, [Module(number=1, voltage=9.9), Module(number=2, voltage=13.2)])
