"""Simulators of the hardware: ECC servers, data routers, a gas system."""
