"""The record of a run: its sheet, number, values, documents."""
