"""What tests share: clocks, ports, models in memory, servers and processes."""
