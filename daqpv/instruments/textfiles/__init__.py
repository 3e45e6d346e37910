"""Text files that loggers append to: their columns, and where reading goes on.

Nothing here touches a file; `daqpv.links.textfiles` does.
"""
