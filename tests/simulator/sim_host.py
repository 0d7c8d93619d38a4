"""A host for the tests of the simulator: it knows the wire from the specification, not from our decoder."""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import serial
from tests.fakes import FakeTime
from tests.waiting import LONGEST_S

from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.binary.rs485 import Rs485Battery
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.simulator.registry import Simulator


@contextmanager
def running(listen: str = "", protocol: str = "rs485", **options) -> Iterator[Simulator]:
    """Let a simulator serve in a thread, at a terminal of its own where no other place is given."""
    if not listen:
        with TemporaryDirectory() as folder, running(f"pty:{folder}/battery", protocol, **options) as simulator:
            yield simulator
        return
    simulator = Simulator(protocol, listen, **options)
    simulator.open()
    stop = threading.Event()
    thread = threading.Thread(target=simulator.serve, args=(stop.is_set,), daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        stop.set()
        thread.join(LONGEST_S)
        simulator.close()
        assert not thread.is_alive()


@contextmanager
def plugged_in(simulator: Simulator, baudrate: int = 115200, timeout: float = LONGEST_S) -> Iterator[serial.SerialBase]:
    port = serial.serial_for_url(simulator.url, baudrate=baudrate, timeout=timeout)
    try:
        yield port
    finally:
        port.close()


class TimedLine:
    """A line in fake time: it hears at once, and notes when each piece of an answer is written."""

    url = "fake"
    is_open = True

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.said = b""
        self.written: list[tuple[float, bytes]] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def drop(self) -> bool:
        return False

    def set_baudrate(self, baudrate: int) -> None: ...

    def read(self, timeout: float) -> bytes:
        data, self.said = self.said, b""
        if not data:
            self.time.sleep(timeout)
        return data

    def write(self, data: bytes) -> None:
        self.written.append((self.time.now_s, data))


class Timed:
    """A simulator on a line in fake time: what it does takes no time of ours, and takes always the same."""

    def __init__(self, protocol: str = "rs485", **options: Any) -> None:
        self.time = FakeTime()
        clock = self.time.clock
        self.simulator = Simulator(protocol, "tcp:127.0.0.1:0", clock=clock.now, sleep=clock.sleep, **options)
        self.line = TimedLine(self.time)
        self.simulator.line = self.line

    def serve(self, seconds: float) -> None:
        """Let it serve for so long."""
        until = self.time.now_s + seconds
        self.simulator.serve(lambda: self.time.now_s >= until)

    def ask(self, question: bytes, seconds: float = 5.0) -> list[tuple[float, bytes]]:
        """Return what comes within so long, each piece with the seconds that have passed since the question."""
        began, self.line.said, self.line.written = self.time.now_s, question, []
        self.serve(seconds)
        return [(at - began, data) for at, data in self.line.written]


def request(cid2: int, info: str = "", address: int = 0x02) -> bytes:
    """A request as section 2 of the specification draws it."""
    lenid = f"{len(info):03X}"
    lchksum = -sum(int(digit, 16) for digit in lenid) % 16
    body = f"20{address:02X}46{cid2:02X}{lchksum:X}{lenid}{info}"
    return f"~{body}{-sum(map(ord, body)) % 0x10000:04X}\r".encode()


def ask(port: serial.SerialBase, cid2: int, info: str = "", address: int = 0x02) -> bytes:
    port.write(request(cid2, info, address))
    return port.read_until(b"\r")


def is_sound(answer: bytes) -> bool:
    """Whether the answer passes both checksums and its length."""
    body = answer[1:-5].decode("ascii", "replace")
    try:
        length = body[8:12]
        return (
            answer[:1] == b"~"
            and answer[-1:] == b"\r"
            and int(answer[-5:-1], 16) == -sum(map(ord, body)) % 0x10000
            and sum(int(digit, 16) for digit in length) % 16 == 0
            and int(length[1:], 16) == len(body) - 12
        )
    except ValueError:
        return False


def info_of(answer: bytes) -> bytes:
    assert is_sound(answer), answer
    assert answer[7:9] == b"00", answer
    return bytes.fromhex(answer[13:-5].decode())


def analog_parts(info: bytes) -> list[dict[str, Any]]:
    """Walk the modules of an answer to 42, as section 3 of the specification lays them out."""
    parts, at = [], 2
    while at < len(info):
        count = info[at]
        cells = struct.unpack_from(f">{count}h", info, at + 1)
        at += 1 + 2 * count
        count = info[at]
        kelvins = struct.unpack_from(f">{count}H", info, at + 1)
        at += 1 + 2 * count
        current, voltage, remaining, ud, total, cycles = struct.unpack_from(">hHHBHH", info, at)
        at += 11
        if ud == 4:
            assert (remaining, total) == (0xFFFF, 0xFFFF)
            remaining, total = int.from_bytes(info[at : at + 3]), int.from_bytes(info[at + 3 : at + 6])
            at += 6
        parts.append(
            {
                "cells_mv": cells,
                "celsius": [(kelvin - 2731) / 10 for kelvin in kelvins],
                "current_da": current,
                "voltage_mv": voltage,
                "remaining_mah": remaining,
                "total_mah": total,
                "cycles": cycles,
                "ud": ud,
            }
        )
    assert at == len(info)
    return parts


class Bench:
    """A bank and its battery, asked without a line."""

    def __init__(self, model="US3000C", modules=3, **options):
        self.bank = VirtualBank(stack(model, modules), **options)
        self.battery = Rs485Battery(self.bank)

    def ask(self, cid2, info="", address=0x02):
        return self.battery.answer(request(cid2, info, address))

    def info(self, cid2, info="", address=0x02):
        return info_of(self.ask(cid2, info, address))
