"""A line as owners write it: what it means, what is wrong with it, and when two are the same."""

from pathlib import Path

import pytest

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.transports.lines import place, read_line


@pytest.mark.parametrize(
    ("written", "frames", "line"),
    [
        ("/dev/ttyUSB0", False, "/dev/ttyUSB0"),
        (" /dev/serial/by-id/usb-x ", False, "/dev/serial/by-id/usb-x"),
        ("./battery", False, "./battery"),
        ("10.0.0.5:8899", False, "socket://10.0.0.5:8899"),
        ("gateway.local:23", False, "socket://gateway.local:23"),
        ("[fe80::1]:23", False, "socket://[fe80::1]:23"),
        ("socket://10.0.0.5:8899", False, "socket://10.0.0.5:8899"),
        ("rfc2217://gw:2217", False, "rfc2217://gw:2217"),
        ("can0", False, "can0"),
        ("socketcan:can0", True, "socketcan:can0"),
        ("slcan:/dev/ttyACM0", True, "slcan:/dev/ttyACM0"),
        ("/dev/ttyACM0", True, "slcan:/dev/ttyACM0"),
        ("10.0.0.5:23", True, "slcan:socket://10.0.0.5:23"),
    ],
)
def test_what_a_line_means(written: str, frames: bool, line: str) -> None:
    assert read_line(written, frames=frames) == line


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("192.168.1.20", "'192.168.1.20' has no port. Write a gateway as host:port, such as 192.168.1.20:8899"),
        ("gateway", "'gateway' has no port. Write a gateway as host:port, such as gateway:8899"),
        ("socket://10.0.0.5", "has no port. Write it as socket://10.0.0.5:8899"),
        ("socket://", "has no port. Write it as socket://host:8899"),
        ("10.0.0.5:99999", "'10.0.0.5:99999': a port is a number from 1 to 65535"),
        ("10.0.0.5:0", "a port is a number from 1 to 65535"),
        ("socket://10.0.0.5:70000", "a port is a number from 1 to 65535"),
        ("rfc2217://10.0.0.5:x", "a port is a number from 1 to 65535"),
        ("ttyUSB0", "'ttyUSB0' is no whole path: write /dev/ttyUSB0"),
        ("serial/by-id/usb-x", "write /dev/serial/by-id/usb-x"),
        ("mqtt://10.0.0.5:1883", "mqtt:// is no line that can be opened. Write a device path such as /dev/ttyUSB0, or"),
        ("tcp://10.0.0.5:8899", "or a gateway as host:port, such as 192.168.1.20:8899"),
        ("gs_usb:0", "use the interface that Linux makes of this adapter, such as can0"),
        ("", "is no line that can be opened"),
        ("8899", "is no line that can be opened"),
        ("10.0.0.5 8899", "is no line that can be opened"),
    ],
)
@pytest.mark.parametrize("frames", [False, True])
def test_what_can_be_no_line_says_what_to_write(written: str, advice: str, frames: bool) -> None:
    with pytest.raises(ConfigError) as caught:
        read_line(written, frames=frames)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.5:8899", "socket://10.0.0.5:8899"),
        ("Gateway.local:23", "rfc2217://gateway.LOCAL:23"),
        ("can0", "socketcan:can0"),
        ("/dev/ttyUSB0", "slcan:/dev/ttyUSB0"),
        ("/dev/ttyUSB0", "/dev/../dev/ttyUSB0"),
        ("slcan:socket://10.0.0.5:23", "10.0.0.5:23"),
    ],
)
def test_one_line_is_seen_however_it_is_written(one: str, other: str) -> None:
    assert place(read_line(one)) == place(read_line(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.0.0.5:8899", "10.0.0.5:8898"),
        ("can0", "can1"),
        ("can0", "/dev/can0"),
        ("udp_multicast:239.0.0.1", "udp_multicast:239.0.0.2"),
    ],
)
def test_two_lines_are_two(one: str, other: str) -> None:
    assert place(read_line(one)) != place(read_line(other))


def test_a_link_is_the_device_behind_it(tmp_path: Path) -> None:
    device, link = tmp_path / "ttyUSB0", tmp_path / "usb-FTDI"
    device.touch()
    link.symlink_to(device)
    assert place(str(link)) == place(str(device))
