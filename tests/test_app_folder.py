"""The app's folder: what the Supervisor reads agrees with what the bridge reads, in every language and version."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol
import yaml

import pylon2mqtt
from pylon2mqtt import config
from pylon2mqtt.errors import ConfigError
from pylon2mqtt.protocols.registry import AUTO, PROTOCOLS

APP = Path(__file__).parent.parent / "pylon2mqtt"
LANGUAGES = {"en", "de", "fr", "nl", "es", "it", "pl", "cs"}

# The Supervisor's and the linter's defaults: written out, they are an error.
DEFAULTS = {
    "startup": "application", "boot": "auto", "stage": "stable", "apparmor": True, "ingress_port": 8099, "timeout": 10,
    "hassio_role": "default", "backup": "hot", "usb": False, "advanced": False,
}  # fmt: skip
DEPRECATED = {"advanced", "codenotary", "auto_uart", "squash", "legacy"}


def app_config() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
    return content


def paths(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every option with its path, those of lists and groups too."""
    for key, kind in schema.items():
        inner = kind[0] if isinstance(kind, list) else kind
        yield f"{prefix}{key}", kind
        if isinstance(inner, dict):
            yield from paths(inner, f"{prefix}{key}.")


def read_by_the_bridge(schema: vol.Schema, prefix: str = "") -> Iterator[str]:
    for key, kind in schema.schema.items():
        yield f"{prefix}{key}"
        inner = {"batteries": config._BATTERY, "mqtt": config._MQTT}.get(str(key), kind)
        if isinstance(inner, vol.Schema):
            yield from read_by_the_bridge(inner, f"{prefix}{key}.")


OPTIONS = sorted(path for path, _ in paths(app_config()["schema"]))


def test_every_option_of_the_page_is_read_and_no_other() -> None:
    assert sorted(read_by_the_bridge(config._SCHEMA)) == OPTIONS


def test_the_choices_are_the_same() -> None:
    def choices(path: str) -> set[str]:
        return set(dict(paths(app_config()["schema"]))[path].removeprefix("list(").removesuffix(")").split("|"))

    assert choices("batteries.protocol") == {AUTO, *PROTOCOLS}
    assert dict(paths(app_config()["schema"]))["batteries.protocol"].startswith("list(auto|")
    assert choices("cells") == set(config.CELL_LEVELS)
    assert choices("log_level") == set(config.LOG_LEVELS)


def test_the_options_of_a_new_installation_can_be_used_when_a_device_is_chosen() -> None:
    options = app_config()["options"]
    with pytest.raises(ConfigError, match="either a device or an address"):
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
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (APP / "translations").glob("*.yaml")}
    assert set(texts) == LANGUAGES
    assert len(set(texts.values())) == len(LANGUAGES)


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
