"""An experiment's records as one file."""
