"""What Home Assistant's Supervisor knows, the place of its MQTT broker; and what the environment says without it.

Source: Supervisor API, ``GET /services/mqtt``; the app's ``services: [mqtt:want]`` gives it the right to ask.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConfigError, OutputError
from .options import Option

URL = "http://supervisor"

# The Supervisor is on this machine; it answers at once or not at all.
_TIMEOUT_S = 3.0

_ADVICE = {
    400: "Home Assistant has no MQTT broker yet. Install the Mosquitto broker app (Settings > Apps) and start it, or "
    "set mqtt.host to a broker of your own.",
    401: "The Supervisor does not know this app's token. Restart the app.",
    403: "This app may not ask for the MQTT broker. Reinstall the app, or set mqtt.host.",
}


def broker(environment: Mapping[str, str] = os.environ, *, url: str = URL) -> Callable[[], dict[str, Any]] | None:
    """Return how to ask for the broker's host, port, username, password and tls, or None outside the Supervisor.

    The function it returns asks anew each time, for the password may change; it raises OutputError, with what to do,
    while there is no broker.
    """
    token = environment.get("SUPERVISOR_TOKEN")
    if not token:
        return None
    request = urllib.request.Request(  # noqa: S310  the URL is ours
        f"{environment.get('SUPERVISOR_URL', url)}/services/mqtt", headers={"Authorization": f"Bearer {token}"}
    )
    return lambda: _access(_ask(request))


def from_environment(
    groups: Mapping[str, Mapping[str, Option]], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Return what the environment says of these groups of options; under the Supervisor, which has a page, nothing.

    The option ``host`` of the group ``mqtt`` is MQTT_HOST; what stands in no group (``""``) has PYLON2MQTT in front.
    Raises ConfigError that names the variable.
    """
    if "SUPERVISOR_TOKEN" in environment:
        return {}
    found: dict[str, Any] = {}
    for group, options in groups.items():
        into = found.setdefault(group, {}) if group else found
        for key, one in options.items():
            variable = f"{group or 'pylon2mqtt'}_{key}".upper()
            if environment.get(variable):
                into[key] = _read(variable, one, environment[variable])
    return found


def _read(variable: str, one: Option, text: str) -> Any:
    """Return the value as it stands in an options file."""
    value = one.kind.read(text)
    try:
        one.kind.check(value)
    except ValueError as error:
        raise ConfigError(f"{variable} {error}.") from None
    return value


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            data: dict[str, Any] = json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        error.close()
        advice = _ADVICE.get(error.code, "Look into the Supervisor's log.")
        raise OutputError(f"{advice} (The Supervisor answered {error.code}.)") from error
    except OSError as error:
        raise OutputError(f"The Supervisor does not answer: {error}. Restart the app, or set mqtt.host.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            "The Supervisor's answer is not understood. Update Home Assistant, or set mqtt.host."
        ) from error
    return data


def _access(data: Mapping[str, Any]) -> dict[str, Any]:
    """The service's words in ours; its port may be text."""
    try:
        return {
            "host": str(data["host"]),
            "port": int(data["port"]),
            "username": data.get("username") or None,
            "password": data.get("password") or None,
            "tls": bool(data.get("ssl")),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise OutputError("The Supervisor's answer names no broker. Restart the Mosquitto broker app.") from error
