#!/usr/bin/with-contenv bashio
# shellcheck shell=bash
# Python takes the place of this script: it gets SIGTERM, and its exit status is the container's.
exec python3 -m pylon2mqtt run --heartbeat /tmp/pylon2mqtt.alive
