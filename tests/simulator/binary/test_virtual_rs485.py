"""What the virtual battery answers, byte by byte, against the specification."""

import struct

import pytest
from tests.simulator.sim_host import Bench, analog_parts, is_sound, request

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.models import MODELS


@pytest.mark.parametrize(
    ("model", "lenid"),
    [
        ("US2000", "06E"),
        ("US2000C", "06E"),
        ("US3000", "07A"),
        ("US3000C", "07A"),
        ("US5000", "07E"),
        ("UP2500", "05E"),
    ],
)
def test_analog_length_of_every_model(model, lenid):
    assert Bench(model).ask(0x42, "02")[10:13].decode() == lenid


@pytest.mark.parametrize(
    ("model", "modules", "length"),
    [("US2000", 2, "B0D8"), ("US2000", 3, "9142"), ("US3000", 2, "10F0"), ("US3000", 4, "61DC")],
)
def test_analog_length_of_a_whole_group(model, modules, length):
    answer = Bench(model, modules).ask(0x42, "FF")
    assert answer[9:13].decode() == length
    assert is_sound(answer)


@pytest.mark.parametrize(
    ("model", "cid2", "info", "lenid"),
    [
        ("US2000", 0x44, "02", "040"),
        ("US3000C", 0x44, "02", "042"),
        ("US3000C", 0x47, "", "032"),
        ("US3000C", 0x4F, "", "000"),
        ("US3000C", 0x51, "", "040"),
        ("US3000C", 0x60, "", "062"),
        ("US3000C", 0x61, "", "062"),
        ("US3000C", 0x62, "", "008"),
        ("US3000C", 0x63, "", "012"),
        ("US3000C", 0x92, "02", "014"),
        ("US3000C", 0x93, "02", "022"),
        ("US3000C", 0x96, "02", "00C"),
    ],
)
def test_length_of_every_answer(model, cid2, info, lenid):
    answer = Bench(model).ask(cid2, info)
    assert is_sound(answer)
    assert answer[:7] == b"~200246"
    assert answer[7:9] == b"00"
    assert answer[10:13].decode() == lenid


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if not model.series])
def test_analog_values_are_the_banks(model):
    bench = Bench(model, seed=5)
    module = bench.bank.modules[1]
    answer = bench.info(0x42, "03", 0x03)
    assert answer[1] == 0x03
    (part,) = analog_parts(answer)
    assert part["cells_mv"] == tuple(round(1000 * volts) for volts in module.cell_voltages())
    assert part["voltage_mv"] == round(1000 * module.voltage())
    assert abs(sum(part["cells_mv"]) - part["voltage_mv"]) <= 60
    assert part["celsius"] == [round(celsius, 1) for celsius in module.temperatures()]
    assert part["current_da"] == round(10 * module.current)
    assert part["remaining_mah"] == round(1000 * module.remaining)
    assert part["total_mah"] == round(1000 * module.model.capacity)
    assert part["cycles"] == module.cycles
    assert part["ud"] == (2 if module.model.capacity <= 65 else 4)


def test_discharging_is_negative():
    bench = Bench(hour=21.0)
    assert analog_parts(bench.info(0x42, "02"))[0]["current_da"] < 0


def test_a_group_answers_with_count_and_modules_in_order():
    bench = Bench("US2000", 3)
    answer = bench.info(0x42, "FF")
    single = [bench.info(0x42, f"{address:02X}", address)[2:] for address in (2, 3, 4)]
    assert answer[1] == 3
    assert answer[2:] == b"".join(single)


def test_a_mixed_group_tells_24_bits_for_all():
    parts = analog_parts(Bench("US3000,US2000", None).info(0x42, "FF"))
    assert [(part["ud"], part["total_mah"]) for part in parts] == [(4, 74000), (4, 50000)]


@pytest.mark.parametrize("model", ["US2000C", "US3000C", "US5000"])
@pytest.mark.parametrize("cid2", [0x42, 0x44])
def test_newer_models_are_silent_to_ff(model, cid2):
    assert Bench(model).ask(cid2, "FF") == b""


def test_ff_at_a_slave_is_refused():
    assert Bench("US2000").ask(0x42, "FF", 0x03)[7:9] == b"06"


@pytest.mark.parametrize(("hour", "bit"), [(12.0, 0x80), (21.0, 0x40)])
def test_status_3_tells_the_direction(hour, bit):
    assert Bench(hour=hour).info(0x44, "02")[29] == bit


def test_a_full_battery_says_so():
    bench = Bench(soc=100, hour=2.0)
    assert bench.info(0x44, "02")[28:30] == b"\x0e\x48"
    assert bench.info(0x92, "02")[9] == 0x40
    assert struct.unpack(">h", bench.info(0x92, "02")[5:7]) == (0,)


def test_system_parameters():
    assert struct.unpack(">3H2Hh3H2Hh", Bench().info(0x47)[1:]) == (
        *(3650, 3050, 2800, 2731 + 600, 2731 - 100, 900),
        *(54000, 46000, 43000, 2731 + 600, 2731 - 100, -900),
    )


def test_manufacturer_of_a_slave_is_the_masters():
    bench = Bench("US3000C,US2000", None)
    told = b"US3000C\0\0\0" + b"\x01\x07" + b"Pylon" + 15 * b"-"
    assert bench.info(0x51) == told
    assert bench.info(0x51, address=0x03) == told
    assert bench.ask(0x51, address=0x03)[3:5] == b"03"


def test_management():
    assert struct.unpack(">BHHhhB", Bench("UP2500").info(0x92, "02")) == (2, 28400, 23200, 555, -555, 0xC0)
    assert struct.unpack(">BHHhhB", Bench().info(0x92, "03", 0x03)) == (3, 53250, 45000, 370, -370, 0xC0)


@pytest.mark.parametrize(("soc", "status"), [(7, 0xE0), (11, 0xD0), (20, 0xC0)])
def test_an_empty_battery_asks_for_charge(soc, status):
    assert Bench(soc=soc).info(0x92, "02")[9] == status


def test_barcodes_and_firmware():
    bench = Bench("US3000C,US2000", None)
    assert bench.info(0x93, "03", 0x03) == b"\x03" + bench.bank.modules[1].barcode.encode()
    assert bench.info(0x96, "02") == bytes([2, 1, 3, 0, 6, 9])
    assert bench.info(0x96, "03", 0x03) == bytes([3, 2, 3, 0, 6, 5])


def test_60_tells_the_group_and_the_masters_barcode():
    bench = Bench()
    told = b"US3000C\0\0\0" + b"Pylon" + bytes(15) + b"\x01\x07\x03" + bench.bank.modules[0].barcode.encode()
    assert bench.info(0x60) == told


def test_61_tells_what_the_modules_say_together():
    bench = Bench("US5000", 3, seed=9)
    modules = bench.bank.modules
    told = struct.unpack(">HhBHHBB HHHH HHHHH HHHHH HHHHH", bench.info(0x61))
    cells = [1000 * volts for module in modules for volts in module.cell_voltages()]
    assert told[0] == pytest.approx(1000 * sum(module.voltage() for module in modules) / 3, abs=1)
    assert told[1] == round(100 * bench.bank.current)
    assert told[2:7] == (
        60,
        sum(module.cycles for module in modules) // 3,
        max(module.cycles for module in modules),
        100,
        100,
    )
    assert (told[7], told[9]) == (round(max(cells)), round(min(cells)))
    assert (told[8] - 2, told[10] - 2) == (cells.index(max(cells)) // 15, cells.index(min(cells)) // 15)
    warmest = max(celsius for module in modules for celsius in module.temperatures()[1:5])
    assert told[12] == 2731 + round(10 * warmest)
    assert told[16] == told[17] == 2731 + round(10 * modules[0].temperatures()[5])
    assert told[21] == 2731 + round(10 * modules[0].temperatures()[0])


def test_63_sums_the_limits_of_the_group():
    bench = Bench()
    assert struct.unpack(">HHhhB", bench.info(0x63)) == (53250, 45000, 1110, -1110, 0xC0)
    bench.bank.set_soc(7)
    assert bench.info(0x63)[8] == 0xE0


def test_60_to_63_are_for_masters_that_know_them():
    assert Bench("US3000C").ask(0x61, address=0x03) == b""
    assert Bench("US2000").ask(0x61)[7:9] == b"04"


@pytest.mark.parametrize(
    ("asked", "rtn"),
    [
        (b"~20024642E00202FD34\r", b"02"),
        (b"~20024642F00202FD32\r", b"03"),
        (b"~200246900000FDA9\r", b"04"),
        (b"~20024642C0040202FCD1\r", b"00"),
        (b"~20024642E00203FD32\r", b"06"),
        (request(0x47, "02"), b"05"),
        (request(0x47, "0000"), b"00"),
        (request(0x42), b"05"),
        (request(0x42, "020"), b"05"),
        (request(0x93, "FF"), b"06"),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(asked, rtn):
    answer = Bench().battery.answer(asked)
    assert is_sound(answer)
    assert answer[:5] == b"~2002"
    assert answer[7:9] == rtn


def test_refusals_are_the_bytes_of_real_ones():
    battery = Bench().battery
    assert battery.answer(b"~20024642E00202FFFF\r") == b"~200246020000FDB0\r"
    assert battery.answer(request(0x90)) == b"~200246040000FDAE\r"


@pytest.mark.parametrize("asked", [request(0x42, "05", 0x05), request(0x42, "00", 0x00), b"~20zz46\r", b"~\r"])
def test_silence_to_others(asked):
    bench = Bench(modules=3)
    assert bench.battery.answer(asked) == b""
    assert bench.battery.requests == [asked]


def test_silence_to_another_kind_of_device():
    assert Bench().battery.answer(b"~20024A42E00202FD28\r") == b""


@pytest.mark.parametrize("cid2", [0x94, 0x95, 0x64, 0x99])
def test_writes_are_refused_and_remembered(cid2):
    bench = Bench()
    assert bench.ask(cid2, "02")[7:9] == b"04"
    assert bench.battery.writes_seen == [request(cid2, "02")]
    bench.ask(0x42, "02")
    assert bench.battery.requests == [request(cid2, "02"), request(0x42, "02")]
    assert bench.battery.writes_seen == [request(cid2, "02")]


def test_twelve_modules_stand_in_one_group():
    bench = Bench(modules=12)
    assert bench.info(0x93, "0D", 0x0D)[1:] == bench.bank.modules[11].barcode.encode()
    assert bench.ask(0x93, "0E", 0x0E) == b""
    assert bench.ask(0x93, "12", 0x12) == b""


def test_more_modules_stand_in_groups_of_eight():
    bench = Bench("US3000", 17)
    barcodes = [module.barcode.encode() for module in bench.bank.modules]
    at = {address: n for n, address in enumerate([*range(0x12, 0x1A), *range(0x22, 0x2A), 0x32])}
    for address, n in at.items():
        assert bench.info(0x93, f"{address:02X}", address)[1:] == barcodes[n]
    assert bench.ask(0x93, "02", 0x02) == b""
    assert bench.info(0x42, "FF", 0x22)[1] == 8
    assert bench.info(0x42, "FF", 0x32)[1] == 1
    assert Bench("US5000", 17).info(0x60, address=0x22)[33:] == Bench("US5000", 17).bank.modules[8].barcode.encode()


def test_too_many_modules_are_refused():
    Bench(modules=56)
    with pytest.raises(ConfigError, match="ask for 56 at most"):
        Bench(modules=57)


def test_a_vanished_module_is_silent_and_left_out():
    bench = Bench("US2000", 3)
    bench.bank.modules[1].present = False
    assert bench.ask(0x42, "03", 0x03) == b""
    answer = bench.info(0x42, "FF")
    assert answer[1] == 2
    assert len(analog_parts(answer)) == 2


def test_requests_are_cut_out_of_noise():
    battery = Bench().battery
    buffer = bytearray(b"\x00\xff\r~2002~20024642E00202FD33\rxx\r~2002")
    assert battery.split(buffer) == [b"~20024642E00202FD33\r"]
    assert buffer == b"~2002"
    buffer += b"46\r"
    assert battery.split(buffer) == [b"~200246\r"]
    assert buffer == b""
