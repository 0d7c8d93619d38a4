"""What CONTRIBUTING says of adding something is all that there is to do: each is done here with a made-up one."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.copies import ROOT, Copy, named_files

PACKAGE = "pylon2mqtt/pylon2mqtt"
TEXTS = "pylon2mqtt/translations/"
DOCS = "pylon2mqtt/DOCS.md"
QUANTITIES = ROOT / "tests" / "model" / "test_quantities.py"
LANGUAGES = [f"{TEXTS}{path.name}" for path in (Path(__file__).parent.parent / TEXTS).iterdir()]

BELL = '''
"""Rings for every snapshot: made up for a test."""

from dataclasses import dataclass
from typing import ClassVar

from pylon2mqtt.options import one_of, option

@dataclass(frozen=True, slots=True, kw_only=True)
class BellOptions:
    section: ClassVar[str] = "records"
    bell: str | None = option(one_of("ding", "dong"), "ring for every reading")

    @property
    def switched_on(self):
        return self.bell is not None

class Bell:
    name = "bell"
    keeps_all = False

    def __init__(self, sound):
        self.sound = sound

    @classmethod
    def from_options(cls, options, surroundings):
        return cls(options.bell)

    def open(self): ...

    def publish(self, snapshot):
        print(self.sound, snapshot.bank.name, flush=True)

    def refresh(self): ...

    def close(self): ...
'''


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def translate(copy: Copy, group: str, key: str) -> None:
    """Add a text to a group of options in every language, where its fields begin."""
    for path in LANGUAGES:
        indent = " " * 6
        behind = copy.read(path)
        start = behind.index(f"\n  {group}:\n")
        fields = behind[: behind.index("    fields:\n", start) + len("    fields:\n")][start:]
        copy.insert(
            path, behind=fields, text=f"{indent}{key}:\n{indent}  name: {key}\n{indent}  description: Made up.\n"
        )


def heading(copy: Copy, *paths: str) -> None:
    names = "".join(f"### Option: `{path}`\n\nMade up.\n\n" for path in paths)
    copy.insert(DOCS, behind="### Option: `log_level`\n", text=f"\n\n{names}")


def done(copy: Copy) -> None:
    """Write the schema, and see that the tests are content."""
    written = copy.python("script/write-config")
    assert written.returncode == 0, written.stderr
    judged = copy.judged()
    assert judged.returncode == 0, judged.stdout


def places(section: str) -> set[str]:
    """The files that a section names, as far as the owner of a made-up thing writes them himself."""
    return named_files(section) - {"script/write-config", "pylon2mqtt/config.yaml", ".venv/bin/python"}


def test_an_output(copy: Copy) -> None:
    copy.write(f"{PACKAGE}/outputs/bell.py", BELL)
    registry = f"{PACKAGE}/outputs/registry.py"
    copy.insert(
        registry,
        behind="from .base import Output, OutputOptions, Surroundings\n",
        text="from .bell import BellOptions\n",
    )
    copy.insert(
        registry, behind='"mqtt": ("mqtt.output:Mqtt", MqttOptions),\n', text='"bell": ("bell:Bell", BellOptions),\n'
    )
    assert {f"{PACKAGE}/outputs/<name>.py", registry} <= places("To add an output")
    assert copy.judged().returncode == 1, "an output without texts and schema passed"
    translate(copy, "records", "bell")
    heading(copy, "records.bell")
    done(copy)
    options = copy.root / "options.json"
    batteries = [{"name": "House", "device": "/dev/none"}]
    options.write_text(json.dumps({"batteries": batteries, "mqtt": {"host": "127.0.0.1", "port": 9}}))
    with copy.running("-m", "pylon2mqtt", "run", "--options", str(options), "--records-bell", "dong") as bridge:
        assert bridge.stdout
        assert bridge.stdout.readline() == "dong House\n"


PWR_1 = """pwr 1
@
 Power  1
 Voltage         : 49600       mV
 Current         : -4210       mA
 Temprature      : 22000       mC
 Coulomb         : 60          %
 Fan Speed       : 1200        rpm
 Basic Status    : Dischg
 Volt Status     : Normal
Command completed successfully
$$
pylon>"""
PWR = """pwr
@
Power Volt   Curr   Tempr  Vlow   Vhigh  Base.St  Relay.St Volt.St  Coulomb
1     49600  -4210  22000  3306   3308   Dischg   Stuck    Normal   60%
2     49610  -4110  22000  3306   3308   Dischg   Normal   Normal   61%
Command completed successfully
$$
pylon>"""


def test_a_console_firmware(copy: Copy) -> None:
    console = f"{PACKAGE}/protocols/console"
    places_of_rows = {f"{console}/{file}" for file in ("tables.py", "stack/tables.py", "stack/dictionaries.py")}
    assert {*places_of_rows, f"{console}/spelling.py", f"{console}/commands.py"} <= places("To add a console firmware")
    (copy.root / "pwr").write_text(PWR)
    (copy.root / "pwr 1").write_text(PWR_1)

    def decoded(command: str) -> dict[str, Any]:
        told = copy.python("-m", "pylon2mqtt", "decode", "console", "--request", command, command)
        assert told.returncode == 0, told.stderr
        module: dict[str, Any] = json.loads(told.stdout)["modules"][0]
        return module

    before = decoded("pwr")
    assert (before["voltage"], before["alarms"]) == (49.6, [])
    assert copy.python("-m", "pylon2mqtt", "decode", "console", "--request", "pwr 1", "pwr 1").returncode == 1
    copy.insert(f"{console}/tables.py", behind='    "SOC": _PERCENT,\n', text='    "Relay.St": _WORD,\n')
    copy.insert(f"{console}/stack/tables.py", behind='_MODULE_STATES = ("Volt.St", ', text='"Relay.St", ')
    copy.insert(
        f"{console}/stack/dictionaries.py", behind='"Bat Num": ("cell_count", ONE),\n',
        text='    "Fan Speed": ("fan_speed_rpm", {"rpm": 1.0}),\n',
    )  # fmt: skip
    copy.insert(f"{console}/spelling.py", behind="SPELLINGS = {\n", text='    "Temprature": "Temperature",\n')
    assert [alarm["text"] for alarm in decoded("pwr")["alarms"]] == ["Relay.St Stuck"]
    module = decoded("pwr 1")
    assert (module["temperature"], module["counters"]) == (22.0, {"fan_speed_rpm": 1200.0})


ASKED = """
import json, os, sys
from pathlib import Path
from pylon2mqtt.config import load
from pylon2mqtt.config.groups import RUN
from pylon2mqtt.supervisor import from_environment
settings = load(Path(sys.argv[1]), environment=from_environment(RUN), flags={})
print(json.dumps([settings.outputs["mqtt"].greeting, *(dict(battery.options) for battery in settings.batteries)]))
"""


def test_an_option_of_an_output(copy: Copy) -> None:
    path = f"{PACKAGE}/outputs/mqtt/options.py"
    copy.insert(
        path,
        behind='option(TEXT, "user name at the broker")\n',
        text='    greeting: str = option(TEXT, "x", default="hi")\n',
    )
    assert f"{PACKAGE}/outputs" in places("To add an option")
    translate(copy, "mqtt", "greeting")
    heading(copy, "mqtt.greeting")
    done(copy)
    assert yaml.safe_load(copy.read("pylon2mqtt/config.yaml"))["schema"]["mqtt"]["greeting"] == "str?"
    options = copy.root / "options.json"
    options.write_text('{"batteries": [{"name": "House", "device": "/dev/none"}]}')
    assert json.loads(copy.python("-c", ASKED, str(options)).stdout) == ["hi", {}]
    assert json.loads(copy.python("-c", ASKED, str(options), MQTT_GREETING="hello").stdout) == ["hello", {}]
    assert "--mqtt-greeting" in copy.python("-m", "pylon2mqtt", "run", "--help").stdout


def test_an_option_of_a_protocol(copy: Copy) -> None:
    path = f"{PACKAGE}/protocols/console/options.py"
    copy.insert(path, behind="from dataclasses import dataclass\n", text="from pylon2mqtt.options import whole\n")
    copy.insert(
        path, behind='option(BARCODE, "barcode of the rack\'s controller, for \'tbar\'")\n',
        text='    patience: int = option(whole(1, 9), "x", default=2)\n',
    )  # fmt: skip
    assert f"{PACKAGE}/protocols/<language>/options.py" in places("To add an option")
    translate(copy, "expert", "patience")
    heading(copy, "expert.patience")
    done(copy)
    assert yaml.safe_load(copy.read("pylon2mqtt/config.yaml"))["schema"]["expert"][0]["patience"] == "int(1,9)?"
    shown = copy.python("-m", "pylon2mqtt", "record", "--help").stdout
    assert "--patience NUMBER" in shown
    told = copy.python("-m", "pylon2mqtt", "read", "console", "/dev/none", "--patience", "10")
    assert (told.returncode, "--patience: must be a whole number from 1 to 9, not 10" in told.stderr) == (2, True)
    passed = copy.python("-c", """
from pylon2mqtt.config import parse
battery = {"name": "House", "device": "/dev/none", "protocol": "console"}
(house,) = parse({"batteries": [battery], "expert": [{"name": "House", "patience": 3}]}).batteries
print(house.options)
""")  # fmt: skip
    assert passed.stdout == "{'patience': 3}\n", passed.stderr


def test_a_language_of_the_options(copy: Copy) -> None:
    (path,) = places("To add a language of the options") - {"pylon2mqtt/translations/en.yaml"}
    path = path.replace("<language>", "pt")
    english = copy.read("pylon2mqtt/translations/en.yaml")
    copy.write(path, english.replace("Expert", "Perito"))
    done(copy)
    translated = copy.read(path)
    (copy.root / path).write_text(translated[: translated.index("  records:\n")], encoding="utf-8")
    judged = copy.judged()
    assert judged.returncode == 1
    assert "test_every_option_is_translated[pt]" in judged.stdout


BRICK_DBC = """VERSION ""

BU_: Battery Inverter

BO_ 1776 Brick: 8 Battery
 SG_ voltage : 0|16@1+ (0.1,0) [1|100] "V" Vector__XXX
 SG_ current : 16|16@1- (0.1,0) [-300|300] "A" Vector__XXX
 SG_ soc : 32|8@1+ (1,0) [0|100] "%" Vector__XXX
 SG_ warning_low_soc : 40|1@1+ (1,0) [0|1] "" Vector__XXX

BO_ 1777 Name: 8 Battery
 SG_ serial_1 : 0|64@1+ (1,0) [0|0] "ASCII" Vector__XXX
"""
BRICK = """
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.values import bank_fields, joined_text


def _bank(values):
    own = bank_values(values)
    return Bank(**bank_fields(own) | {"barcode": joined_text(own, "serial_1")})


BRICK = CanDialect(
    title="a made-up brick", files=("brick.dbc",), signature=lambda received, keys: 0x6F0 in keys, bank=_bank
)
"""
BRICK_LOG = """(1700000000.000000) can0 6F0#0A02E7FF0F010000
(1700000000.100000) can0 6F1#4142434431323334
"""


def test_a_can_dialect(copy: Copy) -> None:
    dialects = f"{PACKAGE}/protocols/can/dialects"
    assert places("To add a CAN dialect") >= {
        f"{dialects}/<name>.py",
        f"{dialects}/<name>.dbc",
        f"{dialects}/__init__.py",
    }
    log = copy.root / "brick.log"
    log.write_text(BRICK_LOG)
    decode = ("-m", "pylon2mqtt", "decode", "can", str(log))
    assert "no battery that is known here" in copy.python(*decode).stderr, "what no dialect claims is refused"
    copy.write(f"{dialects}/brick.py", BRICK)
    copy.write(f"{dialects}/brick.dbc", BRICK_DBC)
    copy.insert(f"{dialects}/__init__.py", behind="from .deye import DEYE\n", text="from .brick import BRICK\n")
    copy.insert(f"{dialects}/__init__.py", behind="DIALECTS: tuple[CanDialect, ...] = (", text="BRICK, ")
    bank = json.loads(copy.python(*decode).stdout)
    assert (bank["voltage"], bank["current"], bank["soc"], bank["barcode"]) == (52.2, -2.5, 15, "ABCD1234")
    assert [alarm["kind"] for alarm in bank["alarms"]] == ["low_soc"]
    record = copy.root / "record.log"
    hidden = copy.python(
        "-m", "pylon2mqtt", "record", "can", f"candump:{log}", str(record), "--seconds", "0.1", "--hide-barcodes"
    )
    assert hidden.returncode == 0, hidden.stderr
    assert "6F1#41" in record.read_text()
    assert "42434431323334" not in record.read_text(), "the serial number of the new dialect is hidden"


HOUSE_BRAND = """
from construct import Bytes, Int8ub, Int16sb, Int16ub, PrefixedArray, Struct

from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.binary.dialect import Barcodes, BinaryDialect, Group, ProbeQuestion
from pylon2mqtt.protocols.binary.values import believed, cells

_ANALOG = Struct("cells_mv" / PrefixedArray(Int8ub, Int16ub), "current_ca" / Int16sb, "voltage_mv" / Int16ub)
_NAME = Struct("flag" / Int8ub, "barcode" / Bytes(8))


def _decode(answer, asked):
    place = {"number": answer.address, "address": answer.address}
    if asked.cid2 == 0x5A:
        return Bank(modules=(Module(**place, barcode=_NAME.parse(answer.info).barcode.decode()),))
    block = _ANALOG.parse(answer.info)
    module = Module(
        **place, voltage=block.voltage_mv / 1000, current=block.current_ca / 100, cells=cells(block.cells_mv)
    )
    return Bank(modules=(believed(module, answer),))


HOUSE_BRAND = BinaryDialect(
    title="a made-up house brand",
    lines={"rs485": 9},
    timeout_s={9600: 1.0},
    stacks=((Group(1, 4),),),
    version=0x2A,
    decode=_decode,
    commands=frozenset((0x42, 0x5A)),
    info=lambda command, place: bytes((place,)),
    of_module={},
    identity=0x5A,
    barcodes={0x5A: Barcodes(1, 8)},
    probe=ProbeQuestion(protocol="rs485", command=0x42, places=(1,), wait_s={9600: 0.7}, rank=9),
)
"""
HOUSE_BRAND_READ = """
import itertools, struct
from pylon2mqtt.errors import DecodeError, TransportTimeoutError
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.rs485 import PROBES

VALUES = struct.pack(">B4HhH", 4, 3300, 3300, 3300, 3300, -250, 13200)
ANSWERS = {0x42: VALUES, 0x5A: b"\\0HB001234"}


class Line:
    line, has_baudrate, now = "made-up", True, 0.0

    def set_baudrate(self, baudrate):
        self.baudrate = baudrate

    def send(self, data):
        asked, self.told = Frame.parse(data), b""
        if (asked.version, asked.address, self.baudrate) == (0x2A, 1, 9600) and asked.cid2 in ANSWERS:
            info = ANSWERS[asked.cid2]
            self.told = Frame(version=0x2A, address=1, cid2=0, info=info).to_bytes()

    def read_until(self, end, timeout_s):
        self.now += timeout_s
        if not self.told:
            raise TransportTimeoutError("silence")
        told, self.told = self.told, b""
        return told

    def unread(self):
        return b""


line = Line()
clock = Clock(now=lambda: line.now, sleep=lambda seconds: None)
bank = registry.driver("rs485", name="B", clock=clock, stagger_s=0).read(line)
(module,) = bank.modules
print(module.voltage, module.current, module.barcode)

asked = Frame(version=0x2A, address=1, cid2=0x5A, info=bytes((1,))).to_bytes()
answer = Frame(version=0x2A, address=1, cid2=0, info=ANSWERS[0x5A]).to_bytes()
print(registry.decode("rs485", answer, asked.decode()).modules[0].barcode)
hidden = registry.scrub("rs485")(asked, answer, lambda barcode: "X" * len(barcode))
print(b"HB001234".hex().upper().encode() in hidden, b"X".hex().encode() * 8 in hidden)
print([probe.title for probe in PROBES if probe.recognises(answer)])
"""


def test_a_dialect_of_the_binary_frame(copy: Copy) -> None:
    dialects = f"{PACKAGE}/protocols/binary/dialects"
    assert places("To add a dialect of the binary frame") >= {f"{dialects}/__init__.py", f"{dialects}/"}
    assert "no battery answers" in copy.python("-c", HOUSE_BRAND_READ).stderr, "what no dialect claims is not read"
    copy.write(f"{dialects}/house_brand.py", HOUSE_BRAND)
    copy.insert(
        f"{dialects}/__init__.py", behind="from .eg4 import EG4\n", text="from .house_brand import HOUSE_BRAND\n"
    )
    copy.insert(f"{dialects}/__init__.py", behind="DIALECTS: tuple[BinaryDialect, ...] = (", text="HOUSE_BRAND, ")
    done = copy.python("-c", HOUSE_BRAND_READ)
    assert done.stdout.splitlines() == [
        "13.2 -2.5 HB001234",
        "HB001234",
        "False True",
        "['a made-up house brand']",
    ], done.stderr


HUMID = """
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.report import module_report
from pylon2mqtt.outputs.mqtt.discovery.entities import entities, reported
from pylon2mqtt.outputs.screen import table
bank = Bank(modules=(Module(number=1, humidity=55.0),))
keys = set(reported(Module, "state", module_report(bank.modules[0], bank)))
(entity,) = [each for each in entities(Module, keys, "none") if each.key == "humidity"]
print(entity.name, entity.unit, entity.digits, entity.over_time)
print(table(bank))
"""


def test_a_quantity(copy: Copy) -> None:
    model, tests = f"{PACKAGE}/model", "tests/test_quantities.py"
    copy.write(tests, QUANTITIES.read_text(encoding="utf-8"))
    copy.insert(
        f"{model}/battery.py", behind="    charge_current_limited: bool | None = None\n",
        text="    humidity: Percent | None = None\n",
    )  # fmt: skip
    assert copy.python("-m", "pytest", "-q", tests).returncode == 1, "a field without a row passed"
    copy.insert(
        f"{model}/quantities.py", behind="\nMODULE = (\n    *COMMON,\n",
        text='    Quantity("humidity", "Humidity", 0, LEVEL, DETAIL, "made up"),\n',
    )  # fmt: skip
    assert {f"{model}/battery.py", f"{model}/quantities.py", DOCS} <= named_files("To add a quantity")
    judged = copy.python("-m", "pytest", "-q", tests)
    assert judged.returncode == 0, judged.stdout
    shown = copy.python("-c", HUMID).stdout
    assert shown.startswith("Humidity % 0 measurement\n")
    assert "Humidity (%)" in shown
    written = copy.python("script/write-docs", PYTHONPATH=f"{copy.root}/pylon2mqtt:{ROOT}")
    assert written.returncode == 0, written.stderr
    assert "| **Humidity** | module | % | made up |  | yes |" in copy.read(DOCS)


WARMEST = '''
"""The warmest that each module has been: made up for a test."""

from pylon2mqtt.insight.folding.readings import mean_temperature

class Warmest:
    name = "warmest"
    hourly = False

    def begin(self, kept):
        return kept if isinstance(kept, float) else None

    def advance(self, state, seen):
        now = mean_temperature(seen.module)
        return max((one for one in (state, now) if one is not None), default=None), ()

    def figures(self, state):
        return {"warmest": state}

    def bank_figures(self, modules):
        return {}

    def alarms(self, state):
        return ()

    def keep(self, state):
        return state
'''


def test_an_insight(copy: Copy) -> None:
    insight, model, tests = f"{PACKAGE}/insight", f"{PACKAGE}/model/over_time", "tests/insight"
    (copy.root / tests).mkdir()
    for name in ("test_contract.py", "sequences.py"):
        copy.write(f"{tests}/{name}", (ROOT / tests / name).read_text(encoding="utf-8"))
    copy.write(f"{insight}/warmest.py", WARMEST)
    copy.insert(
        f"{insight}/registry.py", behind="        EachModule(CellWatch()),\n", text="        EachModule(Warmest()),\n"
    )
    copy.insert(
        f"{insight}/registry.py", behind="from .resistance import Resistance\n", text="from .warmest import Warmest\n"
    )
    judge = f"-m pytest -q -x -p no:cacheprovider {tests}/test_contract.py -k"
    contract = (*judge.split(), "row or key or json")
    assert copy.python(*contract).returncode == 1, "a figure without a row passed"
    copy.insert(
        f"{model}/figures.py", behind="    present: bool | None = None\n", text="    warmest: Celsius | None = None\n"
    )
    copy.insert(
        f"{model}/quantities.py", behind="MODULE_OVER_TIME = (\n    *BOTH_OVER_TIME,\n",
        text='    Quantity("warmest", "Warmest", 1, LEVEL, DETAIL, "made up"),\n',
    )  # fmt: skip
    judged = copy.python(*contract)
    assert judged.returncode == 0, judged.stdout
    named = {f"{insight}/", f"{insight}/registry.py", f"{model}/figures.py", f"{model}/quantities.py"}
    assert named <= named_files("To add an insight")
