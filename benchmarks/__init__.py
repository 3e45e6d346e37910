"""The figures that daqpv has to reach, measured from outside; see README.md."""
