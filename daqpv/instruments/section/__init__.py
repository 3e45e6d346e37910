"""The section ``instruments`` of the experiment file, with its checks."""
