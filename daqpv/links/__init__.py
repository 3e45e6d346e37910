"""All that reaches the outside."""
