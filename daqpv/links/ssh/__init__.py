"""Other computers over SSH: commands, files, routers."""
