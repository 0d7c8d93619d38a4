"""The bridge itself: ``pylon2mqtt run``."""

import argparse
import logging

from pylon2mqtt import __version__, supervisor
from pylon2mqtt.app import App
from pylon2mqtt.config import load
from pylon2mqtt.config.groups import RUN

from .flags import chosen_groups
from .process import log_to_stderr, stopping

_LOG = logging.getLogger(__name__)


def run(chosen: argparse.Namespace) -> int:
    """Read the options and run until SIGTERM."""
    flags = chosen_groups(chosen, RUN)
    settings = load(chosen.options, environment=supervisor.from_environment(RUN), flags=flags)
    log_to_stderr("debug" if chosen.verbose else settings.log_level)
    _LOG.info("pylon2mqtt %s", __version__)
    app = App(settings, heartbeat=chosen.heartbeat)
    with stopping(app.stop):
        return app.run()
