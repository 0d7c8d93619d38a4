"""The units of the model, carried in the types: ``Volts`` is a float that counts volts."""

from enum import StrEnum
from typing import Annotated

Volts = Annotated[float, "V"]
Amperes = Annotated[float, "A"]
Watts = Annotated[float, "W"]
Celsius = Annotated[float, "°C"]
Percent = Annotated[float, "%"]
AmpereHours = Annotated[float, "Ah"]
KilowattHours = Annotated[float, "kWh"]
Seconds = Annotated[float, "s"]
Hours = Annotated[float, "h"]
Days = Annotated[float, "d"]
Millivolts = Annotated[float, "mV"]
MillivoltsAMonth = Annotated[float, "mV/month"]
Milliohms = Annotated[float, "mΩ"]
CRate = Annotated[float, "C"]

# The decimals of what is derived, by its unit: as fine as batteries measure.
DECIMALS = {"V": 3, "A": 3, "W": 1, "°C": 1, "%": 1, "Ah": 3, "kWh": 3}


class Topology(StrEnum):
    """How the modules of a bank are wired."""

    PARALLEL = "parallel"
    SERIES = "series"


class State(StrEnum):
    """What a bank, a module or a cell is doing."""

    CHARGING = "charging"
    DISCHARGING = "discharging"
    IDLE = "idle"
    BALANCING = "balancing"
    SLEEPING = "sleeping"
    FAULT = "fault"


class Severity(StrEnum):
    """How bad an alarm is: the BMS only warns, acts to protect, or is broken."""

    WARNING = "warning"
    PROTECTION = "protection"
    FAULT = "fault"


class AlarmSource(StrEnum):
    """Who found what is wrong: the battery's own BMS, or this bridge."""

    BMS = "bms"
    BRIDGE = "bridge"


class AlarmKind(StrEnum):
    """What an alarm is about, in the same words for every protocol."""

    CELL_OVERVOLTAGE = "cell_overvoltage"
    CELL_UNDERVOLTAGE = "cell_undervoltage"
    MODULE_OVERVOLTAGE = "module_overvoltage"
    MODULE_UNDERVOLTAGE = "module_undervoltage"
    OVERVOLTAGE = "overvoltage"
    UNDERVOLTAGE = "undervoltage"
    CHARGE_OVERCURRENT = "charge_overcurrent"
    DISCHARGE_OVERCURRENT = "discharge_overcurrent"
    OVERCURRENT = "overcurrent"
    SHORT_CIRCUIT = "short_circuit"
    OVERTEMPERATURE = "overtemperature"
    UNDERTEMPERATURE = "undertemperature"
    CHARGE_OVERTEMPERATURE = "charge_overtemperature"
    CHARGE_UNDERTEMPERATURE = "charge_undertemperature"
    DISCHARGE_OVERTEMPERATURE = "discharge_overtemperature"
    DISCHARGE_UNDERTEMPERATURE = "discharge_undertemperature"
    MOSFET_OVERTEMPERATURE = "mosfet_overtemperature"
    CELL_IMBALANCE = "cell_imbalance"
    TEMPERATURE_IMBALANCE = "temperature_imbalance"
    CELL_FAULT = "cell_fault"
    SENSOR_FAULT = "sensor_fault"
    RELAY_FAULT = "relay_fault"
    COMMUNICATION_FAULT = "communication_fault"
    SYSTEM_FAULT = "system_fault"
    LOW_SOC = "low_soc"
    OTHER = "other"
