"""Builds PV names, and splits them into section, device and signal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The PV names of one experiment: ``$(P)<section>:<name>:<signal>``.

    Attributes:
        prefix: of all of them, as the experiment file has it; taken literally.
    """

    prefix: str

    def device(self, section: str, name: str = "") -> str:
        """Prefix of a device's PVs: ``AT:ECC:CoBo0:``.

        Args:
            section: "ECC", "Router", "Sys".
            name: of the device; "" if its kind has only one.
        """
        return f"{self.prefix}{section}:{name}:" if name else f"{self.prefix}{section}:"

    def of(self, section: str, name: str, signal: str) -> str:
        """Name of a PV: ``AT:ECC:CoBo0:State``; arguments as `device`."""
        return f"{self.device(section, name)}{signal}"

    def short(self, device: str) -> str:
        """``ECC:CoBo0``, of the prefix of that device's PVs."""
        return device.removeprefix(self.prefix).removesuffix(":")


def parted(pv: str) -> tuple[str, str]:
    """Prefix of the device's PVs, and signal: ``("AT:ECC:CoBo0:", "State")``."""
    device, colon, signal = pv.rpartition(":")
    return f"{device}{colon}", signal


def last_name(device: str) -> str:
    """Name of a device: "CoBo0" of ``AT:ECC:CoBo0:`` or ``ECC:CoBo0``."""
    return device.removesuffix(":").rpartition(":")[2]
