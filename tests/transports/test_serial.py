"""Serial ports on a pty, TCP gateways on a loopback socket, RFC 2217 with pySerial's own server side."""

import contextlib
import os
import socket
import struct
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217
from tests.waiting import LONGEST_S

from pylon2mqtt.errors import ConfigError, TransportError, TransportTimeoutError
from pylon2mqtt.transports.registry import transport
from pylon2mqtt.transports.serial import SerialTransport

# A time-out that no test lives to see: what ends a wait before is something else.
NEVER_S = 10 * LONGEST_S


class Pty:
    """Both ends of a pseudo terminal: ``path`` is what the bridge opens, ``master`` is the battery's end."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def unplug(self) -> None:
        os.close(self.master)


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    with contextlib.suppress(OSError):
        pair.unplug()


@pytest.fixture
def line(pty: Pty) -> Iterator[SerialTransport]:
    opened = SerialTransport(pty.path)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def gateway() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def later(seconds: float, act: Callable[[], object]) -> threading.Thread:
    thread = threading.Timer(seconds, act)
    thread.start()
    return thread


class TestReading:
    def test_what_is_sent_arrives(self, pty: Pty, line: SerialTransport) -> None:
        line.send(b"~2002\r")
        assert os.read(pty.master, 100) == b"~2002\r"

    def test_it_ends_at_the_end_however_it_was_chopped(self, pty: Pty, line: SerialTransport) -> None:
        def dribble() -> None:
            for byte in b"~20024600\r~next\r":
                os.write(pty.master, bytes((byte,)))
                time.sleep(0.002)

        worker = later(0, dribble)
        assert line.read_until(b"\r", LONGEST_S) == b"~20024600\r"
        assert line.read_until(b"\r", LONGEST_S) == b"~next\r"
        worker.join()

    def test_an_end_of_two_bytes_may_be_split(self, pty: Pty, line: SerialTransport) -> None:
        os.write(pty.master, b"answer$")
        worker = later(0.05, lambda: os.write(pty.master, b"$rest"))
        assert line.read_until(b"$$", LONGEST_S) == b"answer$$"
        worker.join()

    def test_a_part_times_out_and_stays(self, pty: Pty, line: SerialTransport) -> None:
        os.write(pty.master, b"~2002")
        with pytest.raises(TransportTimeoutError, match=r"no whole answer within 0\.2 s"):
            line.read_until(b"\r", 0.2)
        assert line.unread() == b"~2002"
        os.write(pty.master, b"46\r")
        assert line.read_until(b"\r", LONGEST_S) == b"~200246\r"

    def test_the_timeout_is_in_all_not_between_bytes(self, pty: Pty, line: SerialTransport) -> None:
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                os.write(pty.master, b"x")

        worker = later(0, drip)
        try:
            with pytest.raises(TransportTimeoutError, match=r"no whole answer within 0\.4 s"):
                line.read_until(b"\r", 0.4)
        finally:
            stop.set()
            worker.join()

    def test_sending_drops_what_came_unasked(self, pty: Pty, line: SerialTransport) -> None:
        os.write(pty.master, b"~unasked\r~late")
        line.read_until(b"\r", LONGEST_S)
        line.send(b"~question\r")
        os.write(pty.master, b"~answer\r")
        assert line.read_until(b"\r", LONGEST_S) == b"~answer\r"

    def test_the_rate_is_set_on_the_port(self, pty: Pty, line: SerialTransport) -> None:
        for baudrate, code in ((9600, termios.B9600), (115200, termios.B115200)):
            line.set_baudrate(baudrate)
            assert termios.tcgetattr(pty.master)[4] == code


class TestStopping:
    def test_a_waiting_read_ends(self, line: SerialTransport) -> None:
        worker = later(0.1, line.cancel)
        with pytest.raises(TransportError, match="stopped"):
            line.read_until(b"\r", NEVER_S)
        worker.join()

    def test_a_waiting_tcp_read_too(self, gateway: socket.socket) -> None:
        line = SerialTransport(f"socket://127.0.0.1:{gateway.getsockname()[1]}")
        line.open()
        worker = later(0.1, line.cancel)
        with pytest.raises(TransportError, match="stopped"):
            line.read_until(b"\r", NEVER_S)
        worker.join()
        line.close()


class TestOpening:
    def test_a_second_reader_is_refused_with_the_reason(self, pty: Pty, line: SerialTransport) -> None:
        with pytest.raises(TransportError, match="stop the other program"):
            SerialTransport(pty.path).open()

    def test_a_missing_device_says_plug_it_in(self) -> None:
        with pytest.raises(TransportError, match="plug the adapter in"):
            SerialTransport("/dev/ttyNOT_THERE").open()

    def test_a_file_is_no_line(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        with pytest.raises(TransportError, match="choose a serial device"):
            SerialTransport(str(file)).open()

    def test_a_gateway_that_is_off_says_check_it(self, gateway: socket.socket) -> None:
        port = gateway.getsockname()[1]
        gateway.close()
        with pytest.raises(TransportError, match="check the gateway's address, port and power"):
            SerialTransport(f"socket://127.0.0.1:{port}").open()

    def test_a_gateway_that_serves_another_program_says_so(self, gateway: socket.socket) -> None:
        line = SerialTransport(f"socket://127.0.0.1:{gateway.getsockname()[1]}")
        line.open()
        peer, _ = gateway.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()  # with a reset
        with pytest.raises(
            TransportError, match=r"Connection reset by peer; the gateway is busy.*one program at a time"
        ):
            line.read_until(b"\r", 5)
        line.close()

    @pytest.mark.parametrize("line", ["/dev/ttyNOT_THERE", "socket://127.0.0.1:9", "socket://no-such-host.invalid:9"])
    def test_an_error_says_each_thing_once(self, line: str) -> None:
        with pytest.raises(TransportError) as caught:
            SerialTransport(line).open()
        assert str(caught.value).count(line) == 1
        assert "Errno" not in str(caught.value)

    def test_nothing_is_opened_in_the_constructor(self) -> None:
        line = SerialTransport("/dev/ttyNOT_THERE")
        with pytest.raises(TransportError, match="not open"):
            line.send(b"x")
        line.close()

    def test_an_unknown_scheme_is_told_with_the_known_ones(self) -> None:
        with pytest.raises(ConfigError, match=r"socket://host:port"):
            transport("http://127.0.0.1")


class TestUnplugging:
    def test_a_pulled_adapter_is_an_error_and_can_be_opened_again(self, tmp_path: Path) -> None:
        first, second = Pty(), Pty()
        link = tmp_path / "battery"
        link.symlink_to(first.path)
        line = SerialTransport(str(link))
        line.open()
        worker = later(0.1, first.unplug)
        with pytest.raises(TransportError):
            line.read_until(b"\r", NEVER_S)
        worker.join()
        with pytest.raises(TransportError):
            line.send(b"~\r")
        line.close()
        link.unlink()
        with pytest.raises(TransportError, match="plug the adapter in"):
            line.open()
        link.symlink_to(second.path)
        line.open()
        line.send(b"~again\r")
        assert os.read(second.master, 100) == b"~again\r"
        line.close()
        second.unplug()

    def test_a_tcp_peer_that_goes_away(self, gateway: socket.socket) -> None:
        line = SerialTransport(f"socket://127.0.0.1:{gateway.getsockname()[1]}")
        line.open()
        peer, _ = gateway.accept()
        worker = later(0.1, peer.close)
        with pytest.raises(TransportError, match="socket disconnected; the gateway is busy or was restarted"):
            line.read_until(b"\r", NEVER_S)
        worker.join()
        line.close()
        line.open()
        peer, _ = gateway.accept()
        peer.sendall(b"~ag")
        time.sleep(0.02)
        peer.sendall(b"ain\r~more\r")
        assert line.read_until(b"\r", LONGEST_S) == b"~again\r"
        assert line.read_until(b"\r", LONGEST_S) == b"~more\r"
        line.close()
        peer.close()

    def test_a_gateway_has_its_own_rate(self) -> None:
        assert not SerialTransport("socket://127.0.0.1:1").has_baudrate
        assert SerialTransport("rfc2217://127.0.0.1:1").has_baudrate


class PortWithoutModemLines(serial.Serial):
    """A pty has none, but a gateway is asked for them."""

    cts = dsr = ri = cd = False

    def _update_dtr_state(self) -> None: ...

    def _update_rts_state(self) -> None: ...


@pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated:DeprecationWarning")  # pySerial 3.5
def test_rfc2217_carries_bytes_and_the_rate(pty: Pty, gateway: socket.socket) -> None:
    """Against the server side that pySerial brings: the gateway holds the pty, we change its rate from afar."""
    port = PortWithoutModemLines(pty.path, timeout=0.02)
    stop = threading.Event()

    def serve() -> None:
        peer, _ = gateway.accept()
        peer.settimeout(0.02)
        manager = serial.rfc2217.PortManager(port, Connection(peer))  # type: ignore[arg-type]  # the stubs' mistake
        while not stop.is_set():
            try:
                data = peer.recv(1024)
            except TimeoutError:
                data = b""
            port.write(b"".join(manager.filter(data)))
            peer.sendall(b"".join(manager.escape(port.read(port.in_waiting))))
        peer.close()

    class Connection:
        def __init__(self, peer: socket.socket) -> None:
            self.write = peer.sendall

    worker = threading.Thread(target=serve, daemon=True)
    worker.start()
    line = SerialTransport(f"rfc2217://127.0.0.1:{gateway.getsockname()[1]}")
    try:
        line.open()
        line.set_baudrate(9600)
        assert port.baudrate == 9600
        line.send(b"~2002\r")
        assert os.read(pty.master, 100) == b"~2002\r"
        os.write(pty.master, b"\xff\x00~answer\r")
        assert line.read_until(b"\r", LONGEST_S) == b"\xff\x00~answer\r"
    finally:
        stop.set()
        worker.join()
        line.close()
        port.close()
