"""Records runs: numbers, run sheet, values of observables, texts."""
