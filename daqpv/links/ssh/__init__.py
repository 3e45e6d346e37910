"""Access to other computers over SSH: commands, files, routers."""
