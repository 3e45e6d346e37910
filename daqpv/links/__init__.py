"""Links: all communication with other programs, computers and files."""
