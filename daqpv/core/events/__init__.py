"""Events: what happens, folded and handed to sinks."""
