"""Events, their folding, and the bus that hands them to sinks."""
