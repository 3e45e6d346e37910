"""Values, their forms and their limits, independent of any protocol."""
