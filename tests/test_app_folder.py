"""The app's folder: what the Supervisor reads agrees with what the bridge reads, in every language and version."""

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import pylon2mqtt
from pylon2mqtt import config
from pylon2mqtt.errors import ConfigError
from pylon2mqtt.protocols.registry import AUTO

APP = Path(__file__).parent.parent / "pylon2mqtt"
LANGUAGES = {path.stem for path in (APP / "translations").glob("*.yaml")}

# The Supervisor's and the linter's defaults: written out, they are an error.
DEFAULTS = {
    "startup": "application", "boot": "auto", "stage": "stable", "apparmor": True, "ingress_port": 8099, "timeout": 10,
    "hassio_role": "default", "backup": "hot", "usb": False, "advanced": False,
}  # fmt: skip
DEPRECATED = {"advanced", "codenotary", "auto_uart", "squash", "legacy"}


def app_config() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
    return content


def paths(schema: Any, prefix: str = "") -> Iterator[str]:
    """The path of every option, those of lists and groups too."""
    for key, kind in schema.items():
        inner = kind[0] if isinstance(kind, list) else kind
        yield f"{prefix}{key}"
        if isinstance(inner, dict):
            yield from paths(inner, f"{prefix}{key}.")


OPTIONS = sorted(paths(app_config()["schema"]))
WRITE_CONFIG = runpy.run_path(str(APP.parent / "script" / "write-config"))


def test_the_options_and_the_schema_are_those_that_the_rooms_declare() -> None:
    text = (APP / "config.yaml").read_text(encoding="utf-8")
    assert WRITE_CONFIG["written"](text) == text, "run .venv/bin/python script/write-config"
    assert app_config()["schema"] == WRITE_CONFIG["schema"]()


def test_what_a_householder_needs_comes_first() -> None:
    (battery,) = app_config()["schema"]["batteries"]
    assert list(battery)[:4] == ["name", "protocol", "device", "address"]
    assert next(iter(app_config()["schema"])) == "batteries"
    assert battery["protocol"].startswith("list(auto|")


def test_no_list_holds_a_group_and_every_list_and_group_has_a_default() -> None:
    """The Supervisor takes the options of an owner only where both hold."""
    content = app_config()
    for key, kind in content["schema"].items():
        if isinstance(kind, list):
            assert all(isinstance(inner, str) for inner in kind[0].values()), key
        if not isinstance(kind, str):
            assert key in content["options"], key


def judged(*options: dict[str, Any], folder: Path) -> str:
    """Return what the Supervisor's own code says of our app and of these options."""
    files = []
    for number, content in enumerate(options):
        files += ["--options", str(folder / f"{number}.json")]
        Path(files[-1]).write_text(json.dumps(content))
    source = os.environ.get("SUPERVISOR_SRC", Path("~/.cache/supervisor-src").expanduser())
    validate = APP.parent.parent / "shared" / "tools" / "supervisor" / "validate"
    if not (validate.is_file() and (Path(source) / "supervisor" / "apps").is_dir()):
        pytest.skip("the Supervisor's sources are not here: set SUPERVISOR_SRC, and see shared/tools")
    done = subprocess.run(
        [sys.executable, str(validate), str(APP), *files],
        env={**os.environ, "SUPERVISOR_SRC": str(source)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 2:
        pytest.skip(f"the Supervisor's validator cannot run here: {done.stderr.strip()}")
    return done.stdout


OPTIONS_OF_0_1_0 = {
    "batteries": [
        {
            "name": "House", "protocol": "console", "device": "/dev/ttyUSB0", "allow_login": True, "allow_tbar": True,
            "console_barcode": "H2200000000001",
        },
        {
            "name": "Shed", "protocol": "can", "address": "can0", "can_bitrate": 250000, "can_bring_up": True,
            "can_ask": True,
        },
        {"name": "Barn", "protocol": "auto", "address": "10.0.0.5:8899", "listen_only": True},
    ],
    "mqtt": {"host": "broker", "port": 8883, "username": "u", "password": "p", "tls": True, "base_topic": "b"},
    "poll_interval": 5, "cells": "full", "log_level": "debug",
}  # fmt: skip
NEW_OPTIONS = {
    "batteries": [{"name": "House", "protocol": "auto", "device": "/dev/ttyUSB0"}],
    "expert": [{"name": "House", "addresses": "2, 3, 6", "listen_only": True}],
    "records": {"json_file": "/share/pylon2mqtt.json"},
    "mqtt": {}, "poll_interval": 10, "cells": "none", "log_level": "info",
}  # fmt: skip


def test_the_supervisor_takes_the_options_of_every_released_version(tmp_path: Path) -> None:
    report = judged(OPTIONS_OF_0_1_0, NEW_OPTIONS, folder=tmp_path)
    assert report.splitlines()[-1].startswith("VALID"), report
    for number in range(2):
        assert f"{tmp_path}/{number}.json: valid" in report
    assert "WARN" not in report
    assert judged({**NEW_OPTIONS, "expert": "x"}, folder=tmp_path).splitlines()[-1].startswith("INVALID")


@pytest.mark.parametrize("options", [OPTIONS_OF_0_1_0, NEW_OPTIONS])
def test_the_bridge_takes_the_options_of_every_released_version(options: dict[str, Any]) -> None:
    settings = config.parse(options)
    assert [battery.name for battery in settings.batteries] == [battery["name"] for battery in options["batteries"]]
    assert [sorted({**battery.options, **battery.line_options}) for battery in settings.batteries] in (
        [["allow_login", "allow_tbar", "console_barcode"], ["ask", "bitrate", "bring_up"], ["listen_only"]],
        [["addresses", "listen_only"]],
    )


def test_the_options_of_a_new_installation_can_be_used_when_a_device_is_chosen() -> None:
    options = app_config()["options"]
    with pytest.raises(ConfigError, match="Battery: no adapter is chosen yet"):
        config.parse(options)
    options["batteries"][0]["device"] = "/dev/ttyUSB0"
    settings = config.parse(options)
    assert (settings.poll_interval_s, settings.cells, settings.log_level) == (10.0, "statistics", "info")
    assert settings.batteries[0].protocol == AUTO


def test_no_default_is_written_out_and_nothing_is_deprecated() -> None:
    content = app_config()
    assert not {key for key, default in DEFAULTS.items() if content.get(key, not default) == default}
    assert not DEPRECATED & set(content)
    assert content["arch"] == ["aarch64", "amd64"]
    assert content["init"] is False


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_what_moved_to_expert_says_so_and_has_its_text_there(language: str) -> None:
    content = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text(encoding="utf-8"))["configuration"]
    battery, expert = content["batteries"]["fields"], content["expert"]["fields"]
    moved = {key for key in battery if key in expert and key != "name"}
    assert len(moved) == 7
    assert {battery[key]["name"] for key in moved} == {expert[key]["name"] for key in moved}
    (sentence,) = {battery[key]["description"] for key in moved}
    assert content["expert"]["name"] in sentence


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_option_is_translated(language: str) -> None:
    content = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text(encoding="utf-8"))

    def told(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
        for key, option in options.items():
            assert option["name"].strip()
            assert option.get("description", "").strip(), f"{prefix}{key} is not described"
            yield f"{prefix}{key}"
            yield from told(option.get("fields", {}), f"{prefix}{key}.")

    assert sorted(told(content["configuration"])) == OPTIONS


def test_there_are_all_languages_and_they_differ() -> None:
    texts = {path.read_text(encoding="utf-8") for path in (APP / "translations").iterdir()}
    assert {"en", "de", "fr", "nl", "es", "it", "pl", "cs"} <= LANGUAGES
    assert len(texts) == len(LANGUAGES)


def test_every_option_is_documented() -> None:
    headings = re.findall(r"^### Option: (.*)$", (APP / "DOCS.md").read_text(encoding="utf-8"), re.MULTILINE)
    documented = set(re.findall(r"`([\w.]+)`", " ".join(headings)))
    assert documented == set(OPTIONS)


def test_all_versions_are_equal() -> None:
    project = tomllib.loads((APP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = re.search(r"^## (\d\S+)", (APP / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert changelog
    assert {app_config()["version"], project["version"], pylon2mqtt.__version__, changelog[1]} == {project["version"]}


def test_every_dependency_is_pinned_with_hashes_and_nothing_else() -> None:
    project = tomllib.loads((APP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^\w.-]", dependency)[0] for dependency in project["dependencies"]}
    pins = (APP / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==\S+ \\\n((?: .*\n?)+)", pins, re.MULTILINE)
    ours = {name for name, why in pinned if "pylon2mqtt (pyproject.toml)" in why}
    assert ours == wanted
    # The others are theirs, and who needs them stands beside each.
    for name, why in pinned:
        assert "--hash=sha256:" in why, name
        assert name in wanted or any(f" {other}\n" in f"{why}\n" for other, _ in pinned), name


def test_the_tests_run_on_pinned_releases_and_on_those_of_the_image() -> None:
    extras = tomllib.loads((APP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = {re.split(r"[^\w.-]", dependency)[0].lower() for names in extras.values() for dependency in names}
    image, tools = (_pins((APP / f"requirements{which}.txt").read_text(encoding="utf-8")) for which in ("", "-tools"))
    assert wanted - {"pylon2mqtt"} <= tools.keys()
    assert image.items() <= tools.items()


def _pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def test_the_image_runs_what_the_health_check_watches() -> None:
    run, dockerfile = (APP / "run.sh").read_text(), (APP / "Dockerfile").read_text()
    assert "exec python3 -m pylon2mqtt run --heartbeat /tmp/pylon2mqtt.alive" in run
    assert "/tmp/pylon2mqtt.alive" in dockerfile
    assert (APP / "run.sh").stat().st_mode & 0o111
