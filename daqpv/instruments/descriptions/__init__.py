"""Descriptions of instruments that daqpv, a site or a third party knows.

A description is a YAML file ``MODEL.yaml``. Its keys are those of an instrument in the
experiment file, and those of `Facts`: title, wiring, dangers. An instrument with
``model: MODEL`` takes all that it does not say itself from the description.
"""

from daqpv.instruments.descriptions.facts import Facts
from daqpv.instruments.descriptions.library import Description, Library
from daqpv.instruments.descriptions.merge import completed, merged

__all__ = ["Description", "Facts", "Library", "completed", "merged"]
