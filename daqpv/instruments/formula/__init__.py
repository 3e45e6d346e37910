"""Formulas: scale, calculated channels, checks of groups, simulators."""

from daqpv.instruments.formula.calculated import Calculated
from daqpv.instruments.formula.circles import formula_conflicts
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.formula import Formula
from daqpv.instruments.formula.inverse import inverse
from daqpv.instruments.formula.parsing import pv_key
from daqpv.instruments.formula.references import References, references
from daqpv.instruments.formula.results import Calc

__all__ = [
    "Calc",
    "Calculated",
    "Formula",
    "FormulaError",
    "References",
    "formula_conflicts",
    "inverse",
    "pv_key",
    "references",
]
