"""The experiment file of ``daqpv demo``, before its addresses become free ports."""

from __future__ import annotations

from daqpv.ecc.easy_setup import easy_setup

_RUN = """
run:
  checks: {{disk_free: 1 GB}}
  observables:
    pressure: {{units: Torr, precision: 2, pv: "{prefix}Inst:gas:pressure"}}
    temperature: {{units: degC, precision: 2, pv: "{prefix}Inst:gas:temperature"}}
    target: {{type: string, desc: what the beam hits}}
  snapshot: ["{prefix}Inst:gas:pressure", "{prefix}Inst:cooling:water"]
"""

_INSTRUMENTS = r"""
instruments:
  gas:                                      # a controller that speaks in lines
    desc: Gas of the target
    connection: "tcp://127.0.0.1:4001"
    period: 500 ms
    terminator: "\r"
    read: {ask: "PR1", answer: "{pressure:g},{temperature:g}"}
    channels:
      pressure: {units: Torr, precision: 2, display: [0, 500], high: 420, hihi: 450}
      temperature: {units: degC, precision: 2, display: [0, 50], high: 35}
      setpoint:
        {write: "SP {value:.2f}", reply: "OK", units: Torr, precision: 1, min: 0,
         max: 500, ramp: 10, read_back: pressure, tolerance: 2, settle: 30 s}
      density:
        {calc: "pressure / (temperature + 273.15)", units: Torr/K, precision: 4}
    simulator:
      variables: {pressure: 300, wanted: 300, temperature: 21}
      change:
        pressure: "pressure + (wanted - pressure) * 2 * dt + noise(0.02)"
        temperature: "temperature + (21 - temperature) * 0.1 * dt + noise(0.005)"
      rules:
        - {ask: "PR1", answer: "{pressure:.2f},{temperature:.2f}"}
        - {ask: "SP {given:g}", when: "given <= 480", set: {wanted: given}, answer: OK}
        - {ask: "SP {given:g}", answer: "ERR pressure too high"}
      unknown: ERR
    errors: {"ERR pressure too high": "the controller allows 480 Torr", "ERR*": ""}

  cooling:                                  # a PLC on Modbus
    desc: Cooling water of the electronics
    connection: "modbus-tcp://127.0.0.1:5020?unit=1"
    channels:
      water:
        {at: {input: 0, type: float32}, units: degC, precision: 1, display: [0, 40],
         high: 25, hihi: 30}
      flow: {at: {input: 2}, scale: "value / 10", units: l/min, precision: 1, low: 4}
      pump:
        {at: {coil: 0}, type: boolean, states: [{label: "Off", severity: major}, "On"],
         write: true}
    simulator:
      variables: {temperature: 18.0, pump: 1}
      change: {temperature: "temperature + (18 - temperature) * 0.1 * dt + noise(0.02)"}
      points: {water: temperature, flow: "pump * (60 + noise(0.5))"}

  weather:                                  # a logger that appends to a text file
    desc: Barometer of the hall
    file: weather.csv
    columns: {header: 1, time: "%Y-%m-%d %H:%M:%S", names: [pressure, humidity]}
    channels:
      pressure: {units: hPa, precision: 1, display: [950, 1050]}
      humidity: {units: "%", precision: 1, display: [0, 100], high: 70}
    simulator:
      variables: {p: 1013.2, h: 45}
      change: {p: "p + noise(0.01)", h: "h + (45 - h) * 0.01 * dt + noise(0.05)"}
      points: {pressure: p, humidity: h}
      stream_period: 1 s
"""


def demo_file(prefix: str, cobos: int) -> str:
    """The text of the file.

    Args:
        prefix: of all PVs.
        cobos: how many; with a MuTAnT.

    Raises:
        ValueError: "prefix: ..." or "cobos: ..." cannot be used.
    """
    text = easy_setup(
        experiment="demo",
        prefix=prefix,
        cobos=cobos,
        first_ip="127.0.0.1",
        mutant="127.0.1.1",  # all get loopback ports of their own
        watch="directory: /data/{address}",  # each gets one of its own
    )
    return text + _RUN.format(prefix=prefix) + _INSTRUMENTS
