"""The contract of the CAN decoder, over every recorded log: right or refused, whatever else is on the bus and in it."""

import json
import random
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import cast

import cantools.database
import pytest
from cantools.database.can import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import recordings

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.can.dialects import DIALECTS
from pylon2mqtt.transports.can.logs import frames_in
from pylon2mqtt.transports.can.logs.candump import parse_line, written
from pylon2mqtt.transports.can.playback import LogTime, Playback


def is_believed(path: Path) -> bool:
    """Whether a log says something of a battery: one of a foreigner does not."""
    try:
        registry.decode_frames(frames_in(path.read_text()))
    except ProtocolError:
        return False
    return True


LOGS = recordings.logs()
BELIEVED = [path for path in [*LOGS, *recordings.outside_logs()] if is_believed(path)]
each_log = pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)


def decoded(text: str) -> object:
    return recordings.said(whole_report(recordings.decode("can", text.encode(), "")))


@each_log
def test_each_log_can_be_replayed(path: Path) -> None:
    time = LogTime()
    line = Playback("log", lambda: frames_in(path.read_text()), now=time.now, sleep=time.sleep)
    line.open()
    driver = registry.driver("can", name=None, clock=Clock(now=time.now, sleep=time.sleep))
    bank = driver.read(line)
    assert bank.voltage or bank.modules
    told = recordings.said(whole_report(bank))
    (golden,) = json.loads(path.with_suffix(".json").read_text())
    assert set(told) == set(golden["says"]), "the driver reads what the decoder reads"


@each_log
def test_the_end_of_a_log_comes_and_the_battery_is_lost(path: Path) -> None:
    time = LogTime()
    line = Playback("log", lambda: frames_in(path.read_text()), now=time.now, sleep=time.sleep)
    line.open()
    driver = registry.driver("can", name=None, clock=Clock(now=time.now, sleep=time.sleep))

    def read_until_lost() -> None:
        for _ in range(100):
            driver.read(line)

    with pytest.raises(TransportTimeoutError, match="fell silent"):
        read_until_lost()
    assert 29 < time.now() - max(at for at, _ in frames_in(path.read_text())) < 40


any_log = pytest.mark.parametrize("path", BELIEVED, ids=lambda path: path.stem)


@any_log
def test_noise_between_the_lines_changes_nothing(path: Path) -> None:
    dice = random.Random(path.stem)
    noise = ["", "noise", "(1700000000.0) can0 351#ABC", "(x) can0 351#00", "can0 351", "\ufffd\0", "-" * 300]
    lines = path.read_text().splitlines()
    mixed = [text for line in lines for text in (dice.choice(noise), line)]
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


@any_log
def test_strangers_look_alikes_and_error_reports_change_nothing(path: Path) -> None:
    lines = path.read_text().splitlines()
    mixed = []
    for line in lines:
        mixed.append(line)
        parsed = parse_line(line)
        if parsed is None:
            continue
        at, frame = parsed
        mixed += [f"({at}) can0 7AA#0102030405060708", f"({at}) can0 20000080#0000000000000000"]
        other = f"{frame.id:03X}" if frame.extended and frame.id < 0x800 else f"{frame.id:08X}"
        mixed.append(f"({at}) can0 {other if not frame.extended else '7FF'}#FFFFFFFFFFFFFFFF")
        mixed.append(f"({at}) can0 {line.split()[2].partition('#')[0]}#R8")
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


@any_log
def test_frames_cut_short_change_nothing(path: Path) -> None:
    """A frame gives its whole fields, however short it is."""
    lines = path.read_text().splitlines()
    mixed = []
    for line in lines:
        mixed.append(line)
        parsed = parse_line(line)
        if parsed and not parsed[1].error and not parsed[1].remote:
            at, frame = parsed
            mixed += [written(at or 0, replace(frame, data=frame.data[:length])) for length in range(len(frame.data))]
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


@any_log
@pytest.mark.parametrize("fill", [0x00, 0xFF])
def test_bits_without_a_meaning_change_nothing(path: Path, fill: int) -> None:
    lines = path.read_text().splitlines()
    mixed = [line for text in lines for line in (text, _with_unknown_bits(text, fill))]
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


def _with_unknown_bits(line: str, fill: int) -> str:
    """The frame of a line, with all bits set or cleared that no table gives a meaning."""
    parsed = parse_line(line)
    if parsed is None or parsed[1].error or parsed[1].remote:
        return line
    at, frame = parsed
    known = KNOWN_BITS.get(frame.id | (0x80000000 if frame.extended else 0), 0)
    before = int.from_bytes(frame.data, "little")
    unknown = ~known & (1 << 8 * len(frame.data)) - 1
    filled = before & known | (unknown if fill else 0)
    return written(at or 0, replace(frame, data=filled.to_bytes(len(frame.data), "little")))


def _known_bits() -> dict[int, int]:
    """The bits of each identifier that some DBC file gives a meaning."""
    bits: dict[int, int] = {}
    for name in {name for dialect in DIALECTS for name in dialect.files}:
        text = resources.files("pylon2mqtt.protocols.can.dialects").joinpath(name).read_text(encoding="utf-8")
        for message in cast(Database, cantools.database.load_string(text, "dbc", strict=False)).messages:
            addresses = message.dbc.attributes.get("Addresses") if message.dbc else None
            for address in range(int(addresses.value) if addresses else 1):
                key = message.frame_id + address | (0x80000000 if message.is_extended_frame else 0)
                for signal in message.signals:
                    bits[key] = bits.get(key, 0) | ((1 << signal.length) - 1) << signal.start
    return bits


KNOWN_BITS = _known_bits()


@each_log
def test_every_frame_survives_being_written_and_read(path: Path) -> None:
    for at, frame in frames_in(path.read_text()):
        parsed = parse_line(written(at, frame))
        assert parsed
        assert (round(parsed[0] or 0, 6), parsed[1]) == (round(at, 6), frame)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_golden_bank_is_plausible(path: Path) -> None:
    (golden,) = json.loads(path.with_suffix(".json").read_text())
    says = golden["says"]
    assert 40 < says["voltage"] < 500
    assert 0 < says["soc"] <= 100
    assert says["current"] > 0, "they were recorded in the forenoon, charging"


KEYS = st.sampled_from([0x305, 0x351, 0x355, 0x356, 0x359, 0x35A, 0x35C, 0x35E, 0x35F, 0x370, 0x372, 0x373, 0x379,
                        0x110, 0x150, 0x200, 0x361, 0x400, 0x404, 0x405, 0x409, 0x4211, 0x4251, 0x7321])  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=st.lists(st.tuples(KEYS, st.binary(max_size=8)), min_size=1, max_size=30))
def test_random_frames_raise_only_protocol_errors_and_tell_nothing_impossible(frames: list[tuple[int, bytes]]) -> None:
    log = "\n".join(f"can0 {number:{'08X' if number > 0x7FF else '03X'}}#{data.hex()}" for number, data in frames)
    try:
        bank = recordings.decode("can", log.encode(), "")
    except ProtocolError:
        return
    for one in (bank, *bank.modules):
        assert 0 <= (one.soc or 0) <= 100
        assert -40 <= (one.temperature or 0) <= 120
        low, high = one.cell_voltage_min, one.cell_voltage_max
        assert all(0.5 <= volts <= 4.5 for volts in (low, high) if volts is not None)
        assert low is None or high is None or low <= high
        assert (one.charge_current_limit or 0) >= 0
        assert (one.discharge_current_limit or 0) >= 0
    assert json.dumps(whole_report(bank))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        recordings.decode("can", data, "")
