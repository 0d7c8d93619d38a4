"""The commands, as their users call them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import can
import pytest
from tests.simulator.sim_host import running
from tests.waiting import LONGEST_S, until

from pylon2mqtt.cli import main
from pylon2mqtt.simulator.console.battery import ConsoleBattery
from pylon2mqtt.simulator.registry import Simulator

COMMAND = [sys.executable, "-P", "-m", "pylon2mqtt"]
ASKED = "~20024693E00202FD2D"
TOLD = "~20024600C0220253494D30303030303030303030303031F6E4\r"


def output(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


class TestDecode:
    def test_one_answer_to_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "answer"
        file.write_text(TOLD)
        assert main(["decode", "rs485", "--request", ASKED, str(file)]) == 0
        told = json.loads(output(capsys)[0])
        assert told["modules"][0]["barcode"] == "SIM0000000000001"

    def test_from_standard_input_with_the_echo_as_the_request(self) -> None:
        done = subprocess.run(
            [*COMMAND, "decode", "rs485", "-"], input=f"{ASKED}\r{TOLD}".encode(), capture_output=True, check=False
        )
        assert done.returncode == 0
        assert json.loads(done.stdout)["modules"][0]["barcode"] == "SIM0000000000001"

    @pytest.mark.parametrize(
        ("arguments", "data", "error"),
        [
            (["rs485", "--request", ASKED], TOLD[:-4] + "0\r", "FrameError: "),
            (
                ["rs485", "--request", ASKED],
                "~200246040000FDAE\r",
                "DeviceError: 93 to 02: the command is not supported",
            ),
            (["rs485", "--request", ASKED], "", "FrameError: there is no frame in it"),
            (["rs485"], TOLD, "FrameError: an answer does not tell what was asked"),
            (["rs485", "--request", "nonsense"], TOLD, "FrameError: "),
            (["rs485", "--request", "~20024695E00202FD2B"], TOLD, "FrameError: 95 is no command"),
            (["modbus"], TOLD, "ConfigError: 'modbus' is no protocol known here: use one of rs485"),
        ],
    )
    def test_whatever_is_wrong_is_1_and_one_line(
        self, arguments: list[str], data: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "answer"
        file.write_text(data)
        assert main(["decode", *arguments, str(file)]) == 1
        out, err = output(capsys)
        assert out == ""
        assert err.startswith(error)
        assert err.count("\n") == 1

    def test_nobody_who_reads_the_output_is_no_error(self, tmp_path: Path) -> None:
        """As `pylon2mqtt decode ... | head` when head has seen enough."""
        file = tmp_path / "answer"
        file.write_text(TOLD)
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as closed:
            done = subprocess.run(
                [*COMMAND, "decode", "rs485", "--request", ASKED, str(file)],
                stdout=closed, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")

    def test_a_missing_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["decode", "rs485", "/nowhere"]) == 1
        assert "No such file" in output(capsys)[1]


class TestRead:
    def test_a_table_for_people(self, battery: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["read", "rs485", battery.url]) == 0
        out = output(capsys)[0]
        assert "Voltage (V)" in out
        assert battery.bank.modules[0].barcode in out
        assert "Charge voltage limit (V)" in out

    def test_json_for_programs(self, battery: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["read", "rs485", battery.url, "--json"]) == 0
        told = json.loads(output(capsys)[0])
        assert [m["number"] for m in told["modules"]] == [1, 2]
        assert told["modules"][0]["parameters"]["cell_high_voltage_limit"] > 3

    def test_listening_only(self, battery: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
        battery.order("inverter 0.02")
        assert main(["read", "rs485", battery.url, "--json", "--listen-only"]) == 0
        assert [m["number"] for m in json.loads(output(capsys)[0])["modules"]] == [1, 2]
        inverter = battery.inverter
        battery.order("inverter off")
        assert inverter is not None
        assert len(battery.requests) == inverter.asked  # nobody else asked

    def test_a_missing_device_is_1_with_what_to_do(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["read", "rs485", "/dev/ttyNOT_THERE"]) == 1
        assert "plug the adapter in" in output(capsys)[1]

    def test_an_unknown_protocol_is_2(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["read", "modbus", "/dev/ttyNOT_THERE"]) == 2
        assert output(capsys)[1] == "protocol must be one of auto, rs485, rs232, console, can, not 'modbus'.\n"

    @pytest.mark.parametrize(
        ("line", "advice"),
        [
            ("192.168.1.20", "has no port. Write a gateway as host:port, such as 192.168.1.20:8899"),
            ("10.0.0.5:99999", "a port is a number from 1 to 65535"),
            ("ttyUSB0", "write /dev/ttyUSB0"),
        ],
    )
    def test_a_line_that_can_be_none_is_2_with_what_to_write(
        self, line: str, advice: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["read", "auto", line]) == 2
        assert advice in output(capsys)[1]


class TestCanLogs:
    FRAMES = ((0x351, "1402C012C012C201"), (0x355, "58005E00"), (0x356, "7A13F2FE6B01"))

    @pytest.mark.parametrize("suffix", [".blf", ".asc", ".db"])
    def test_a_file_of_another_program(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
        file = tmp_path / f"log{suffix}"
        with can.Logger(file) as logger:
            for number, data in self.FRAMES:
                logger(can.Message(arbitration_id=number, data=bytes.fromhex(data), is_extended_id=False, channel=0))
        assert main(["decode", "can", str(file)]) == 0
        assert json.loads(output(capsys)[0])["voltage"] == 49.86
        assert main(["replay", str(file), "--json"]) == 0
        assert json.loads(output(capsys)[0].splitlines()[0])["soc"] == 88

    def test_a_replay_of_differences_takes_the_time_that_passed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Twelve bursts, 2 s apart: as absolute times they would all lie within 2 s, in one reading."""
        file = tmp_path / "log"
        lines = []
        for turn in range(12):
            for place, (number, data) in enumerate(self.FRAMES):
                spaced = " ".join(data[at : at + 2] for at in range(0, len(data), 2))
                at = "001.997000" if not place and turn else "000.001500" if place else "000.000000"
                lines.append(f" ({at})  can0  {number:03X}   [{len(data) // 2}]  {spaced}")
        file.write_text("\n".join(lines))
        assert main(["replay", str(file), "--json"]) == 0
        assert len(output(capsys)[0].splitlines()) > 10

    def test_what_holds_no_frame_says_what_can_be_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "log.mf4"
        file.write_bytes(b"MDF     4.10")
        assert main(["decode", "can", str(file)]) == 1
        assert "there is no CAN frame in it: give a log of candump" in output(capsys)[1]


class TestRecordAndReplay:
    def test_a_file_that_cannot_be_written_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["record", "can", "udp_multicast:239.0.0.1", "/nonexistent/x"]) == 2
        assert "/nonexistent/x cannot be written" in capsys.readouterr().err

    def test_there_and_back(self, battery: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "recording.txt"
        assert main(["record", "rs485", battery.url, str(file), "--seconds", "0.1", "--hide-barcodes"]) == 0
        assert "Read it before you share it" in output(capsys)[0]
        assert battery.bank.modules[0].barcode not in file.read_text()
        assert main(["replay", str(file), "--json"]) == 0
        told = json.loads(output(capsys)[0].splitlines()[0])
        assert [m["barcode"] for m in told["modules"]] == ["SIM0000000000001", "SIM0000000000002"]
        assert main(["replay", str(file)]) == 0
        assert "Voltage (V)" in output(capsys)[0]

    def test_an_older_recording_stays_where_the_line_cannot_be_opened(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "recording.txt"
        file.write_text("the recording of yesterday")
        assert main(["record", "rs485", "/dev/ttyNOT_THERE", str(file)]) == 1
        assert file.read_text() == "the recording of yesterday"
        assert "plug the adapter in" in output(capsys)[1]

    def test_why_nothing_was_read_is_said_and_what_came_is_kept(
        self, battery: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "recording.txt"
        assert main(["record", "console", battery.url, str(file), "--seconds", "0.1"]) == 1
        out, err = output(capsys)
        assert "0 readings" in out
        assert "Recording for 0.1 s" in err
        assert "Nothing was read: " in err
        assert "is spoken here, but the protocol console is chosen. Choose rs485, or auto" in err
        assert "# protocol: console" in file.read_text()

    def test_a_protocol_that_was_found_is_recorded_too(
        self, battery: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "recording.txt"
        assert main(["record", "auto", battery.url, str(file), "--seconds", "0.1"]) == 0
        assert main(["replay", str(file), "--json"]) == 0
        assert len(json.loads(output(capsys)[0].splitlines()[-1])["modules"]) == 2
        assert main(["record", "auto", battery.url, str(file), "--hide-barcodes"]) == 2
        assert "needs to know the protocol" in output(capsys)[1]

    def test_what_was_only_listened_to(
        self, battery: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "recording.txt"
        battery.order("inverter 0.02")
        assert main(["record", "rs485", battery.url, str(file), "--seconds", "0.3", "--listen-only"]) == 0
        battery.order("inverter off")
        assert battery.inverter is None
        assert " > " not in file.read_text()
        output(capsys)
        assert main(["replay", str(file), "--json"]) == 0
        told = json.loads(output(capsys)[0].splitlines()[0])
        assert [m["barcode"] for m in told["modules"]] == [m.barcode for m in battery.bank.modules]

    def test_what_was_listened_to_holds_its_barcodes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = str(tmp_path / "recording.txt")
        assert main(["record", "rs485", "/dev/none", file, "--listen-only", "--hide-barcodes"]) == 2
        assert "--hide-barcodes does not go together with --listen-only" in output(capsys)[1]

    def test_what_is_no_recording(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "file"
        file.write_text("hello")
        assert main(["replay", str(file)]) == 1
        assert "this is no recording, and no CAN log that is known" in output(capsys)[1]
        assert main(["replay", str(tmp_path / "none")]) == 2

    def test_a_recording_of_silence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "file"
        file.write_text("# pylon2mqtt recording 1\n# protocol: rs485\n0.0 = 115200\n0.1 > ~20024693E00202FD2D\\r\n")
        assert main(["replay", str(file)]) == 1
        assert "no whole reading out of this recording" in output(capsys)[1]


class TestFlags:
    """`read`, `record` and `run` have the options of the options file as flags."""

    def test_a_rack_behind_a_login_is_read_and_recorded(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "recording.txt"
        with running("", "console", model="SC0500-locked", modules=2, fast=True) as rack:
            assert isinstance(rack.battery, ConsoleBattery)
            barcode = rack.battery.rack.barcode
            # On a busy machine the console may be too slow for the first try.
            until(lambda: main(["read", "console", rack.url]) == 1 and "allow_login" in output(capsys)[1])
            flags = ["--allow-login", "--allow-tbar", "--console-barcode", barcode]
            assert main(["read", "console", rack.url, "--json", *flags]) == 0
            assert len(json.loads(output(capsys)[0])["modules"]) == 2
            rack.battery.power_cut()
            assert main(["record", "console", rack.url, str(file), "--seconds", "0.1", *flags]) == 0
        assert "> login debug" in file.read_text()

    def test_a_module_behind_a_gap_is_asked_where_the_owner_names_its_address(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with running("", modules=6, fast=True) as battery:
            for number in (3, 4, 5):
                battery.order(f"vanish {number}")
            found = []
            for flags in ([], ["--addresses", "7"]):
                assert main(["read", "rs485", battery.url, "--json", *flags]) == 0
                found.append([module["address"] for module in json.loads(output(capsys)[0])["modules"]])
        assert found == [[2, 3], [2, 3, 7]]

    def test_a_gateway_is_host_and_port(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with running("tcp:127.0.0.1:0", modules=2, fast=True) as battery:
            gateway = battery.url.removeprefix("socket://")
            assert main(["read", "auto", gateway, "--json"]) == 0
            assert len(json.loads(output(capsys)[0])["modules"]) == 2

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (["--console-barcode", "H 22"], "argument --console-barcode: must be a barcode of 8 to 24 letters"),
            (["--can-bitrate", "5"], "argument --can-bitrate/--bitrate: must be a whole number from 10000 to 1000000"),
            (["--addresses", "2;3"], "argument --addresses: must be addresses of modules from 0 to 254"),
        ],
    )
    def test_a_value_that_cannot_be_is_2_and_says_why(
        self, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["read", "console", "/dev/ttyNOT_THERE", *arguments])
        assert caught.value.code == 2
        assert error in output(capsys)[1]

    def test_a_password_has_no_flag(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["run", "--help"])
        shown = output(capsys)[0]
        assert "--mqtt-host" in shown
        assert "--records-json-file" in shown
        assert "password" not in shown.replace("password at", "")


class TestCan:
    LOG = "(1.0) can0 351#1402C012C012C201\n(1.0) can0 355#58005E00\n(1.1) can0 356#7A13F2FE6B01\nnoise\n"

    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        file = tmp_path / "candump.log"
        file.write_text(self.LOG)
        return file

    def test_a_log_is_decoded(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["decode", "can", str(log)]) == 0
        told = json.loads(output(capsys)[0])
        assert (told["voltage"], told["current"], told["soc"], told["state"]) == (49.86, -27.0, 88, "discharging")

    @pytest.mark.parametrize(
        ("text", "error"),
        [("hello", "FrameError: there is no CAN frame in it"), ("can0 123#00", "DecodeError: 1 frames: no battery")],
    )
    def test_what_is_no_battery_is_1_and_one_line(
        self, text: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "log"
        file.write_text(text)
        assert main(["decode", "can", str(file)]) == 1
        out, told = output(capsys)
        assert not out
        assert told.startswith(error)
        assert told.count("\n") == 1

    def test_a_log_is_replayed_and_read_as_a_line(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["replay", str(log), "--json"]) == 0
        assert json.loads(output(capsys)[0].splitlines()[0])["voltage"] == 49.86
        assert main(["read", "auto", f"candump:{log}", "--json"]) == 0
        assert json.loads(output(capsys)[0])["voltage"] == 49.86

    def test_what_follows_over_time_is_shown_of_a_log(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Half an hour at 49.86 V and -27.0 A."""
        frames = [text.partition(") ")[2] for text in self.LOG.splitlines()[:3]]
        log.write_text("".join(f"({at}.0) {frame}\n" for at in range(1, 1800) for frame in frames))
        assert main(["replay", str(log), "--json", "--insight"]) == 0
        last = json.loads(output(capsys)[0].splitlines()[-1])
        assert last["figures"][""]["energy_discharged"] == pytest.approx(49.86 * 27.0 * 0.5 / 1000, rel=0.01)
        assert last["figures"][""]["energy_charged"] == 0
        assert main(["replay", str(log), "--insight"]) == 0
        assert "Energy discharged today: 0.67 kWh" in output(capsys)[0]

    def test_a_recording_is_a_log(self, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        log.write_text(self.LOG + "(1.2) can0 380#4142434431323334\n")
        record = tmp_path / "record"
        command = ["record", "can", f"candump:{log}", str(record), "--seconds", "0.1", "--hide-barcodes"]
        assert main(command) == 0
        assert "356#7A13F2FE6B01" in record.read_text()
        assert "41424344" not in record.read_text()
        assert main(["decode", "can", str(record)]) == 0
        assert json.loads(output(capsys)[0].splitlines()[-1])["barcode"] == "A0000001"

    def test_an_adapter_that_is_none_for_can_is_found_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        with running("", "console", modules=1, fast=True) as console:
            assert main(["read", "can", console.url]) == 1
        assert "the text console (RS232) is spoken here, but the protocol can is chosen" in output(capsys)[1]

    @pytest.mark.parametrize(
        ("arguments", "status", "error"),
        [
            (["read", "can", "socket://10.0.0.5:23"], 2, "CAN needs a CAN line"),
            (["read", "rs485", "can0"], 2, "rs485 is not spoken on a CAN bus"),
            (["read", "can", "can77"], 1, "there is no interface can77"),
            (["read", "can", "gs_usb:0"], 2, "use the interface that Linux makes"),
            (["simulate", "can", "--listen", "pty:/tmp/x"], 2, "is no bus"),
            (["simulate", "can", "--listen", "can:virtual:x", "--dialect", "y"], 2, "there is no dialect 'y'"),
        ],
    )
    def test_what_cannot_be_says_what_to_do(
        self, arguments: list[str], status: int, error: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == status
        assert error in output(capsys)[1]


class TestSimulate:
    def test_it_serves_takes_orders_and_ends_at_sigterm(self, tmp_path: Path) -> None:
        path = tmp_path / "virtual"
        simulator = subprocess.Popen(
            [*COMMAND, "simulate", "rs485", "--listen", f"pty:{path}", "--modules", "1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert simulator.stdin
        assert simulator.stdout
        assert simulator.stderr
        assert "virtual bank is at" in simulator.stdout.readline()
        simulator.stdin.write("soc 30\nnonsense\n")
        simulator.stdin.flush()
        assert "30 %" in simulator.stdout.readline()
        assert "no order 'nonsense'" in simulator.stderr.readline()
        done = subprocess.run([*COMMAND, "read", "rs485", str(path), "--json"], capture_output=True, check=True)
        assert json.loads(done.stdout)["soc"] == pytest.approx(30, abs=1)
        simulator.send_signal(signal.SIGTERM)
        _, error = simulator.communicate(timeout=LONGEST_S)
        assert (simulator.returncode, error) == (0, "")

    def test_an_unknown_model_is_2(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["simulate", "rs485", "--listen", f"pty:{tmp_path}/x", "--model", "US9"]) == 2
        assert "US9" in output(capsys)[1]


class TestRun:
    def test_wrong_options_are_2_and_all_of_them(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "options.json"
        file.write_text('{"batteries": [], "cells": "x"}')
        assert main(["run", "--options", str(file)]) == 2
        assert output(capsys)[1].count("\n") == 2

    def test_a_flag_counts_more_than_the_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "options.json"
        file.write_text('{"batteries": [{"name": "House", "address": "10.0.0.5"}], "cells": "x", "log_level": "y"}')
        assert main(["run", "--options", str(file), "--cells", "none"]) == 2
        assert [line.partition(" ")[0] for line in output(capsys)[1].splitlines()] == ["House:", "log_level"]

    @pytest.mark.parametrize("moment", ["battery House", "House is not read", "refuses the connection"])
    def test_sigterm_at_any_moment_is_0(self, moment: str, tmp_path: Path) -> None:
        """No battery and no broker there: everything is trying again."""
        file = tmp_path / "options.json"
        file.write_text(json.dumps({
            "batteries": [{"name": "House", "protocol": "rs485", "address": "127.0.0.1:9"}],
            "mqtt": {"host": "127.0.0.1", "port": 9},
        }))  # fmt: skip
        log = tmp_path / "log"
        with log.open("wb") as written:
            bridge = subprocess.Popen([*COMMAND, "run", "--options", str(file)], stderr=written)
        until(lambda: moment in log.read_text())
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(LONGEST_S) == 0, log.read_text()
        assert "Traceback" not in log.read_text()


def test_the_demo_shows_values_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    shown, log = tmp_path / "shown", tmp_path / "log"
    with shown.open("wb") as screen, log.open("wb") as written:
        demo = subprocess.Popen([*COMMAND, "demo"], stdout=screen, stderr=written)
    until(lambda: "Voltage (V)" in shown.read_text())
    demo.send_signal(signal.SIGINT)
    assert demo.wait(LONGEST_S) == 0, log.read_text()
    assert "The demo has ended" in shown.read_text()
    assert "Traceback" not in log.read_text()
    assert "WARNING" not in log.read_text()


def test_the_demo_ends_by_itself() -> None:
    command = [*COMMAND, "demo", "--seconds", "1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr
    assert "The demo has ended" in done.stdout
