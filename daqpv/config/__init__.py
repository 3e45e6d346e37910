"""Loads and checks the experiment file: values with units, references, JSON schema."""

from daqpv.config.copying import copy_with
from daqpv.config.experiment import Experiment
from daqpv.config.fields import Description, LocalPath, Matching, Ref, read_by, wanted
from daqpv.config.fixed import EXPERIMENT, PREFIX, ServerSettings
from daqpv.config.installed import Installed, installed_kinds
from daqpv.config.kind import AnyKind, Kind
from daqpv.config.loader import load, load_fixed
from daqpv.config.model import Conflict, DeviceSettings, Model
from daqpv.config.net import Http, IPv4, Port, SshTarget
from daqpv.config.problems import ConfigProblems, Problem, did_you_mean, unknown
from daqpv.config.schema import schema
from daqpv.config.units import (
    TIME,
    Bytes,
    BytesPerSecond,
    Hertz,
    Quantity,
    Seconds,
)

__all__ = [
    "EXPERIMENT",
    "PREFIX",
    "TIME",
    "AnyKind",
    "Bytes",
    "BytesPerSecond",
    "ConfigProblems",
    "Conflict",
    "Description",
    "DeviceSettings",
    "Experiment",
    "Hertz",
    "Http",
    "IPv4",
    "Installed",
    "Kind",
    "LocalPath",
    "Matching",
    "Model",
    "Port",
    "Problem",
    "Quantity",
    "Ref",
    "Seconds",
    "ServerSettings",
    "SshTarget",
    "copy_with",
    "did_you_mean",
    "installed_kinds",
    "load",
    "load_fixed",
    "read_by",
    "schema",
    "unknown",
    "wanted",
]
