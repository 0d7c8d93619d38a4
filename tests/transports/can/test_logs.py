"""CAN logs in every form in which people have them: each gives the same frames, and -td adds its times up."""

import struct
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylon2mqtt.errors import FrameError
from pylon2mqtt.transports.base import CanFrame
from pylon2mqtt.transports.can.logs import frames_in, frames_of

LIMITS = CanFrame(0x351, bytes.fromhex("1402C012C012C201"))
SOC = CanFrame(0x355, bytes.fromhex("5A006400"))
RACK = CanFrame(0x4211, bytes.fromhex("A50930759D042E64"), extended=True)
ALIKE = CanFrame(0x351, bytes(8), extended=True)
FRAMES = [LIMITS, SOC, RACK, ALIKE]


def messages() -> list[can.Message]:
    times = (1700000000.0015, 1700000000.003, 1700000001.003, 1700000001.004)
    return [
        can.Message(timestamp=at, arbitration_id=frame.id, data=frame.data, is_extended_id=frame.extended, channel=0)
        for at, frame in zip(times, FRAMES, strict=True)
    ]


TEXTS = {
    "candump -L": """
(1700000000.001500) can0 351#1402C012C012C201
(1700000000.003000) can0 355#5A006400
(1700000001.003000) can0 00004211#A50930759D042E64
(1700000001.004000) can0 00000351#0000000000000000
""",
    "candump -ta -x -a": """
 (1700000000.001500)  can0  RX - -  351   [8]  14 02 C0 12 C0 12 C2 01   '........'
 (1700000000.003000)  can0  RX B -  355   [4]  5A 00 64 00               'Z.d.'
 (1700000001.003000)  can0  TX - E  00004211   [8]  A5 09 30 75 9D 04 2E 64   '..0u...d'
 (1700000001.004000)  can0  TX B E  00000351   [8]  00 00 00 00 00 00 00 00   '........'
""",
    "candump -tA": """
 (2023-11-14 22:13:20.001500)  can0  351   [8]  14 02 C0 12 C0 12 C2 01
 (2023-11-14 22:13:20.003000)  can0  355   [4]  5A 00 64 00
 (2023-11-14 22:13:21.003000)  can0  00004211   [8]  A5 09 30 75 9D 04 2E 64
 (2023-11-14 22:13:21.004000)  can0  00000351   [8]  00 00 00 00 00 00 00 00
""",
    "candump -c": "".join(
        f"\x1b[34m  can0  {number}\x1b[0m   [{len(data.split())}]  {data}\x1b[0m\n"
        for number, data in (
            ("351", "14 02 C0 12 C0 12 C2 01"),
            ("355", "5A 00 64 00"),
            ("00004211", "A5 09 30 75 9D 04 2E 64"),
            ("00000351", "00 00 00 00 00 00 00 00"),
        )
    ),
    "candump -S": """
  can0  351   [8]  01`C2`12`C0`12`C0`02`14
  can0  355   [4]  00`64`00`5A
  can0  00004211   [8]  64`2E`04`9D`75`30`09`A5
  can0  00000351   [8]  00`00`00`00`00`00`00`00
""",
    "candump -i": """
  can0  351   [8]  00010100 00000010 11000000 00010010 11000000 00010010 11000010 00000001
  can0  355   [4]  01011010 00000000 01100100 00000000
  can0  00004211   [8]  10100101 00001001 00110000 01110101 10011101 00000100 00101110 01100100
  can0  00000351   [8]  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
""",
    "candump -8": """
  can0  351   {9}  14 02 C0 12 C0 12 C2 01
  can0  355   [4]  5A 00 64 00
(1700000001.003000) can0 00004211#A50930759D042E64_E
  can0  00000351   {F}  00 00 00 00 00 00 00 00
""",
    "Battery-Emulator": """
(12345.67) RX0 351 [8] 14 02 C0 12 C0 12 C2 01
(12345.68) RX0 355 [4] 5A 00 64 00
(12345.69) TX1 4211 [8] A5 09 30 75 9D 04 2E 64
[3 CAN frames not printed]
(12346.00) RX0 00000351 [8] 00 00 00 00 00 00 00 00
""",
    "python-can .txt": """
Timestamp: 1700000000.001500    ID: 0351    S Rx                DL:  8    14 02 c0 12 c0 12 c2 01     Channel: can0
Timestamp: 1700000000.003000    ID: 0355    S Rx                DL:  4    5a 00 64 00                 Channel: can0
Timestamp: 1700000001.003000    ID: 00004211    X Rx            DL:  8    a5 09 30 75 9d 04 2e 64     '..0u...d'
Timestamp: 1700000001.004000    ID: 00000351    X Rx            DL:  8    00 00 00 00 00 00 00 00
""",
    "SavvyCAN": """Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8
166064000,00000351,false,Rx,0,8,14,02,C0,12,C0,12,C2,01,
166065500,00000355,false,Rx,0,4,5A,00,64,00,
167065500,00004211,true,Rx,0,8,A5,09,30,75,9D,04,2E,64,
167066500,00000351,true,Rx,0,8,00,00,00,00,00,00,00,00,
""",
    "SavvyCAN without direction": """Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8
166064000,00000351,false,0,8,14,02,C0,12,C0,12,C2,01
166065500,00000355,false,0,4,5A,00,64,00
damaged,here
167065500,00004211,true,0,8,A5,09,30,75,9D,04,2E,64
167066500,00000351,true,0,8,00,00,00,00,00,00,00,00
""",
    "Busmaster": """***BUSMASTER Ver 3.2.2***
***PROTOCOL CAN***
***HEX***
***<Time><Tx/Rx><Channel><CAN ID><Type><DLC><DataBytes>***
11:05:40:9690 Rx 1 0x351 s 8 14 02 C0 12 C0 12 C2 01
11:05:40:9705 Rx 1 0x355 s 4 5A 00 64 00
11:05:41:9690 Rx 1 0x4211 x 8 A5 09 30 75 9D 04 2E 64
11:05:41:9700 Tx 1 0x00000351 x 8 00 00 00 00 00 00 00 00
***STOP DATE AND TIME 14:11:2023 11:05:42:000***
""",
    "CRTD": """
1700000000.001 1R11 351 14 02 C0 12 C0 12 C2 01
1700000000.003 1R11 355 5A 00 64 00
1700000001.003 R29 00004211 A5 09 30 75 9D 04 2E 64
1700000001.004 1T29 00000351 00 00 00 00 00 00 00 00
""",
    "slcan": "t35181402C012C012C201\rt35545A006400\rT000042118A50930759D042E64\rT0000035180000000000000000\r",
    "slcan with stamps": "t35181402C012C012C20100FF\nt35545A0064000100\nT000042118A50930759D042E640101\n"
    "T000003518000000000000000004E8\n",
    "OpenDTU": """
21:22:39.226 > [Pytes] Received CAN message: 0x0351 - 14 02 C0 12 C0 12 C2 01
21:22:39.242 > [Pytes] chargeVoltageLimit: 53.200001 chargeCurrentLimit: 480.000000
21:22:39.324 > [Pytes] Received CAN message: 0x0355 - 5A 00 64 00
21:22:40.353 > [Pytes] soc: 90.000000 soh: 100
21:22:40.392 > [Pytes] Received CAN message: 0x4211 - A5 09 30 75 9D 04 2E 64
21:22:40.392 > [Pytes] Received CAN message: 0x00000351 - 00 00 00 00 00 00 00 00
""",
    "newer OpenDTU": """
[21:22:39.226][D][battery:Pytes] Received CAN message: 0x0351 (8 bytes)
[21:22:39.227][D][battery:Pytes] 14 02 C0 12 C0 12 C2 01
[21:22:39.326][D][battery:Pytes] Received CAN message: 0x0355 (4 bytes)
[21:22:39.327][D][battery:Pytes] 5A 00 64 00
[21:22:40.226][D][battery:Pytes] Received CAN message: 0x4211 (8 bytes)
[21:22:40.227][D][battery:Pytes] A5 09 30 75 9D 04 2E 64
[21:22:40.236][D][battery:Pytes] Received CAN message: 0x00000351 (8 bytes)
[21:22:40.237][D][battery:Pytes] 00 00 00 00 00 00 00 00
""",
    "ESPHome": "".join(
        f"[12:00:0{second}][D][canbus:063]: received can message (#1) {kind} can_id=0x{number} size={len(data)}\n"
        + "".join(
            f"[12:00:0{second}][V][canbus:073]:   can_message.data[{place}]={byte:02x}\n"
            for place, byte in enumerate(data)
        )
        for second, kind, number, data in (
            (0, "std", "351", LIMITS.data),
            (0, "std", "355", SOC.data),
            (1, "extended", "4211", RACK.data),
            (1, "extended", "351", bytes(8)),
        )
    ),
    "Arduino": """
Standard ID: 0x351       DLC: 8  Data: 0x14 0x02 0xC0 0x12 0xC0 0x12 0xC2 0x01
Standard ID: 0x355       DLC: 4  Data: 0x5A 0x00 0x64 0x00
Extended ID: 0x00004211  DLC: 8  Data: 0xA5 0x09 0x30 0x75 0x9D 0x04 0x2E 0x64
Extended ID: 0x00000351  DLC: 8  Data: 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00
""",
    "a guide": """
CAN ID \u2013 followed by 2 to 8 bytes of data:
0x351 \u2013 14 02 C0 12 C0 12 C2 01 \u2013 Battery voltage + current limits
                          ^^^^^ discharge cutoff voltage
0x355 \u2013 5A 00 64 00 \u2013 State of Health (SOH) / State of Charge (SOC)
0x4211: A5 09 30 75 9D 04 2E 64
0x00000351 = 00,00,00,00,00,00,00,00
""",
    "others": """
0x351 [8] 14 02 C0 12 C0 12 C2 01
recv 0x0355 4 Data: 5A 00 64 00
00004211h  Data  8  A5 09 30 75 9D 04 2E 64
0x00000351 00 00 00 00 00 00 00 00
""",
    "journal": """
Nov 14 22:13:20 pi candump[77]:   can0  351   [8]  14 02 C0 12 C0 12 C2 01
Nov 14 22:13:20 pi candump[77]:   can0  355   [4]  5A 00 64 00   'Z.d.'
Nov 14 22:13:21 pi candump[77]: (1700000001.003000) can0 00004211#A50930759D042E64
> vcan12 00000351#0000000000000000
""",
    "without an interface": """
351 [8] 14 02 C0 12 C0 12 C2 01
355#5A006400
00004211: A5 09 30 75 9D 04 2E 64
00000351#0000000000000000
""",
    "python-can's messages": "\n".join(map(repr, messages())),
    "Kvaser": """
 0    00000351         8  14  02  C0  12  C0  12  C2  01       0.001500 R
 0    00000355         4  5A  00  64  00                       0.003000 R
 0    00004211  X      8  A5  09  30  75  9D  04  2E  64       1.003000 R
 0    00000351  X      8  00  00  00  00  00  00  00  00       1.004000 R
""",
    "a table with semicolons": """Time;ID;Extended;Data
0.001;351;0;14 02 C0 12 C0 12 C2 01
0.002;0x355;0;5A006400
0.003;4211;1;A5 09 30 75 9D 04 2E 64
1.003;351;1;0000000000000000
""",
    "a logic analyser": "".join(
        f"194166-194209 CAN: Fields: Identifier: {number} (0x{number:{width}x})\n"
        "194210-194213 CAN: Fields: Remote transmission request: data frame\n"
        f"194218-194241 CAN: Fields: Data length code: {len(data)}\n"
        + "".join(f"1-2 CAN: Fields: Data byte {place}: 0x{byte:02x}\n" for place, byte in enumerate(data))
        for number, width, data in (
            (0x351, "03", LIMITS.data),
            (0x355, "03", SOC.data),
            (0x4211, "08", RACK.data),
            (0x351, "08", bytes(8)),
        )
    ),
}


HEADS = [
    b"", b"LOGG", b"SQLite format 3\0", b"base hex  timestamps absolute\n", b";$FILEVERSION=2.1\n", b";---+--\n 1) 1 ",
    b"timestamp,arbitration_id,extended,remote,error,dlc,data\n1,2,", b"id;d1;d2\n", bytes.fromhex("d4c3b2a1"),
    bytes.fromhex("0a0d0d0a"), b"can0 351#", b"Identifier: 849 (0x351)\n",
]  # fmt: skip


@pytest.mark.parametrize("form", TEXTS)
def test_every_text_gives_the_same_frames(form: str) -> None:
    found = list(frames_in(TEXTS[form]))
    assert [frame for _, frame in found] == FRAMES
    assert found[0][0] == 0
    assert all(later >= earlier for (earlier, _), (later, _) in pairwise(found))


TIMED = ("candump -L", "candump -ta -x -a", "candump -tA", "python-can .txt", "SavvyCAN", "Busmaster", "CRTD",
         "slcan with stamps", "OpenDTU", "newer OpenDTU", "ESPHome")  # fmt: skip


@pytest.mark.parametrize("form", TIMED)
def test_times_are_seconds(form: str) -> None:
    *_, (at, _) = frames_in(TEXTS[form])
    assert 0.9 < at < 1.2


@pytest.mark.parametrize("form", TEXTS)
def test_noise_between_the_lines_makes_no_frame(form: str) -> None:
    if form.startswith(("SavvyCAN", "a table")):
        return
    noise = "\n2023-11-14 12:00:00 INFO voltage: 53.2 current: -27\n0x12 is 18\n[D][canbus] 0xZZZ - 00\n"
    assert [frame for _, frame in frames_in(noise + TEXTS[form] + noise)] == FRAMES


@pytest.mark.parametrize("suffix", [".asc", ".blf", ".csv", ".db", ".log", ".trc", ".txt"])
@pytest.mark.parametrize("keeps_name", [True, False])
def test_what_python_can_writes_is_read(tmp_path: Path, suffix: str, *, keeps_name: bool) -> None:
    file = tmp_path / f"log{suffix}"
    with can.Logger(file) as logger:
        for message in messages():
            logger(message)
    found = list(frames_of(file.read_bytes(), file.name if keeps_name else ""))
    assert [frame for _, frame in found] == FRAMES
    assert found[-1][0] == pytest.approx(1.0025, abs=0.01)


TRC = {
    "1.0": """;##########################################################################
;   C:\\test.trc
;   Start time: 14.11.2023 22:13:20.000.0
;---+--   ----+----  ----+---  +  -+ -- -- -- -- -- -- --
     1)         1.5       0351  8  14 02 C0 12 C0 12 C2 01
     2)         3.0       0355  4  5A 00 64 00
     3)      1003.0   00004211  8  A5 09 30 75 9D 04 2E 64
     4)      1004.0   00000351  8  00 00 00 00 00 00 00 00
""",
    "1.1": """;$FILEVERSION=1.1
;$STARTTIME=45244.9259259259
;---+--   ----+----  --+--  ----+---  +  -+ -- -- -- -- -- -- --
     1)         1.5  Rx         0351  8  14 02 C0 12 C0 12 C2 01
     2)         3.0  Rx         0355  4  5A 00 64 00
     3)      1003.0  Rx     00004211  8  A5 09 30 75 9D 04 2E 64
     4)      1004.0  Tx     00000351  8  00 00 00 00 00 00 00 00
""",
    "1.2": """;$FILEVERSION=1.2
;$STARTTIME=45244.9259259259
;---+-- ------+------ +- --+-- ----+--- +  -+ -- -- -- -- -- -- --
     1)         1.500 1  Rx        0351 8  14 02 C0 12 C0 12 C2 01
     2)         3.000 1  Rx        0355 4  5A 00 64 00
     3)      1003.000 1  Rx    00004211 8  A5 09 30 75 9D 04 2E 64
     4)      1004.000 1  Tx    00000351 8  00 00 00 00 00 00 00 00
""",
    "1.3": """;$FILEVERSION=1.3
;$STARTTIME=45244.9259259259
;---+-- ------+------ +- --+-- ----+--- +- -+-- -+ -- -- -- -- -- -- --
     1)         1.500 1  Rx        0351 -  8    14 02 C0 12 C0 12 C2 01
     2)         3.000 1  Rx        0355 -  4    5A 00 64 00
     3)      1003.000 1  Rx    00004211 -  8    A5 09 30 75 9D 04 2E 64
     4)      1004.000 1  Tx    00000351 -  8    00 00 00 00 00 00 00 00
""",
    "2.0": """;$FILEVERSION=2.0
;$STARTTIME=45244.9259259259
;$COLUMNS=N,O,T,I,d,l,D
;---+-- ------+------ +- --+----- +- +- +- -- -- -- -- -- -- --
      1         1.500 DT     0351 Rx 8  14 02 C0 12 C0 12 C2 01
      2         3.000 DT     0355 Rx 4  5A 00 64 00
      3      1003.000 DT 00004211 Rx 8  A5 09 30 75 9D 04 2E 64
      4      1004.000 DT 00000351 Rx 8  00 00 00 00 00 00 00 00
""",
    "2.1": """;$FILEVERSION=2.1
;$STARTTIME=45244.9259259259
;$COLUMNS=N,O,T,B,I,d,R,L,D
;---+-- ------+------ +- +- --+----- +- +- +--- +- -- -- -- -- -- -- --
      1         1.500 DT 1      0351 Rx -  8    14 02 C0 12 C0 12 C2 01
      2         3.000 DT 1      0355 Rx -  4    5A 00 64 00
      3      1003.000 DT 1  00004211 Rx -  8    A5 09 30 75 9D 04 2E 64
      4      1004.000 DT 1  00000351 Rx -  8    00 00 00 00 00 00 00 00
""",
}


@pytest.mark.parametrize("version", TRC)
def test_every_version_of_peaks_log_is_read(version: str) -> None:
    found = list(frames_in(TRC[version]))
    assert [frame for _, frame in found] == FRAMES
    assert found[-1][0] == pytest.approx(1.0025)


def packet(frame: CanFrame) -> bytes:
    number = frame.id | (0x80000000 if frame.extended else 0)
    return struct.pack(">IB3x", number, len(frame.data)) + frame.data


def pcap(
    order: str = "<", magic: int = 0xA1B2C3D4, link: int = 227, head: bytes = b"", per_s: int = 1_000_000
) -> bytes:
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for place, frame in enumerate(FRAMES):
        body = head + packet(frame)
        data += struct.pack(f"{order}IIII", 1700000000, place * per_s // 10, len(body), len(body)) + body
    return data


def pcapng(order: str) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack(f"{order}HHI", 227, 0, 0))
    data += block(5, bytes(12))  # statistics: nothing of them is read
    for place, frame in enumerate(FRAMES):
        at = 1_700_000_000_000_000 + place * 100_000
        body = packet(frame)
        data += block(6, struct.pack(f"{order}IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(body), len(body)) + body)
    return data


SLL = bytes.fromhex("00010118000000000000000000000000")[:14] + b"\x00\x0c"
SLL2 = b"\x00\x0c" + bytes(18)


@pytest.mark.parametrize(
    "data",
    [
        pcap(),
        pcap(">"),
        pcap("<", 0xA1B23C4D, per_s=1_000_000_000),
        pcap(link=113, head=SLL),
        pcap(link=276, head=SLL2),
        pcapng("<"),
        pcapng(">"),
    ],
    ids=["pcap", "big-endian", "nanoseconds", "cooked", "cooked 2", "pcapng", "pcapng big-endian"],
)
def test_packets_of_tcpdump_and_wireshark(data: bytes) -> None:
    found = list(frames_of(data))
    assert [frame for _, frame in found] == FRAMES
    assert found[-1][0] == pytest.approx(0.3, abs=1e-5)


@pytest.mark.parametrize("data", [pcap(link=1), pcap()[:30], pcapng("<")[:50], b"SQLite format 3\0"])
def test_a_file_without_frames_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(FrameError, match=r"this .* (file|log)"):
        list(frames_of(data))


def test_a_log_of_vector_that_is_cut_gives_the_frames_before(tmp_path: Path) -> None:
    file = tmp_path / "log.asc"
    with can.Logger(file) as logger:
        for message in messages():
            logger(message)
    cut = file.read_text()[: file.read_text().index("4211x") + 8]
    assert [frame for _, frame in frames_in(cut)][:2] == FRAMES[:2]


def test_a_line_of_rubbish_as_long_as_a_file_takes_no_time() -> None:
    assert list(frames_in(f"{'12:34:56 0x351 - ' * 10_000}\n0x355 - 5A 00 64 00")) == [(0, SOC)]


def test_differences_are_added_up() -> None:
    burst = ["351#1402C012C012C201", "355#5A006400", "356#7A13F2FE6B01"]
    lines = []
    for turn in range(5):
        lines += [f" ({'000.000000' if not turn and not place else '001.997000' if not place else '000.001500'})"
                  f"  can0  {one.split('#')[0]}   [{len(one.split('#')[1]) // 2}]  "
                  + " ".join(one.split("#")[1][at : at + 2] for at in range(0, len(one.split("#")[1]), 2))
                  for place, one in enumerate(burst)]  # fmt: skip
    found = list(frames_in("\n".join(lines)))
    assert [round(at, 4) for at, _ in found[:4]] == [0.0, 0.0015, 0.003, 2.0]
    assert found[-1][0] == pytest.approx(8.003)


def test_times_that_begin_at_zero_and_turn_back_once_are_no_differences() -> None:
    lines = [f"({place / 10:010.6f}) can0 355#5A006400" for place in range(100)]
    lines.insert(50, "(001.000000) can0 355#5A006400")
    assert list(frames_in("\n".join(lines)))[-1][0] == pytest.approx(9.9)


def test_a_byte_order_mark_and_crlf_change_nothing() -> None:
    text = TEXTS["SavvyCAN"].replace("\n", "\r\n")
    assert [frame for _, frame in frames_of(b"\xef\xbb\xbf" + text.encode())] == FRAMES
    assert [frame for _, frame in frames_of(TEXTS["candump -L"].replace("\n", "\r\n").encode())] == FRAMES


def test_binary_rubbish_is_no_log() -> None:
    assert list(frames_of(bytes(range(256)) * 4)) == []


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), head=st.sampled_from(HEADS))
def test_whatever_comes_only_a_frame_error_is_raised(data: bytes, head: bytes) -> None:
    with suppress(FrameError):
        assert all(len(frame.data) <= 8 for _, frame in frames_of(head + data))
