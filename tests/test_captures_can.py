"""The contract of the CAN decoder, over every recorded log: right or refused, whatever else is on the bus and in it."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import recordings

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.transports.can.logs import frames_in
from pylon2mqtt.transports.can.logs.candump import parse_line, written
from pylon2mqtt.transports.can.playback import LogTime, Playback

LOGS = recordings.logs()
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


@each_log
def test_noise_between_the_lines_changes_nothing(path: Path) -> None:
    dice = random.Random(path.stem)
    noise = ["", "noise", "(1700000000.0) can0 351#ABC", "(x) can0 351#00", "can0 351", "\ufffd\0", "-" * 300]
    lines = path.read_text().splitlines()
    mixed = [text for line in lines for text in (dice.choice(noise), line)]
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


@each_log
def test_strangers_look_alikes_and_error_reports_change_nothing(path: Path) -> None:
    lines = path.read_text().splitlines()
    mixed = []
    for line in lines:
        mixed += [line, "(1795184500.0) can0 7AA#0102030405060708", "(1795184500.0) can0 20000080#0000000000000000"]
        parsed = parse_line(line)
        assert parsed
        at, frame = parsed
        other = f"{frame.id:03X}" if frame.extended and frame.id < 0x800 else f"{frame.id:08X}"
        mixed.append(f"({at}) can0 {other if not frame.extended else '7FF'}#FFFFFFFFFFFFFFFF")
        mixed.append(f"({at}) can0 {line.split()[2].partition('#')[0]}#R8")
    assert decoded("\n".join(mixed)) == decoded("\n".join(lines))


@each_log
def test_frames_cut_short_keep_the_old_values(path: Path) -> None:
    text = path.read_text()
    cuts = [f"{line[: line.index('#') + 1]}{'00' * length}" for line in text.splitlines() for length in (0, 1)]
    known = decoded(text)
    assert isinstance(known, dict)
    told = decoded(text + "\n".join(cut for cut in cuts if "#" in cut and cut.split("#")[0][-3:] not in BYTES_FIRST))
    assert isinstance(told, dict)
    for field in ("voltage", "current", "soc", "soh", "charge_voltage_limit", "temperature"):
        assert told.get(field) == known.get(field)


# A first byte is a whole field in these.
BYTES_FIRST = {"359", "35C", "35A", "400", "408", "401", "110", "111"}


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
