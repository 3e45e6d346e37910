"""Files as loggers write them, and the description that is proposed for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from ruamel.yaml import YAML

from daqpv.instruments.settings import InstrumentSettings
from daqpv.instruments.textfiles.guess import guess


@dataclass(frozen=True)
class Sample:
    """A file, and what must be found in it.

    Attributes:
        text: of it.
        columns: settings that must be proposed.
        units: of all channels, in order.
        time: of the first line, ISO; "": none.
        first: its values.
        doubts: that must be told, by a part of their text.
    """

    text: str
    columns: dict[str, Any]
    units: dict[str, str]
    time: str
    first: dict[str, Any]
    doubts: list[str] = field(default_factory=list)


SAMPLES = {
    "labview": Sample(
        "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\n"
        "Decimal_Separator\t.\n***End_of_Header***\t\n\n"
        "Date\tTime\tPT100_1 [degC]\tPT100_2 [degC]\tComment\n"
        "2026/03/01\t12:00:00.500\t21.532\t-180.250\t\n"
        "2026/03/01\t12:00:01.500\t21.531\t-180.251\tfill\n"
        "2026/03/01\t12:00:02.500\t21.530\t-180.252\t\n",
        {"separator": "tab", "header": 8, "time": ["%Y/%m/%d", "%H:%M:%S.%f"],
         "time_columns": [1, 2]},
        {"PT100_1": "degC", "PT100_2": "degC", "Comment": ""},
        "2026-03-01T12:00:00.500",
        {"PT100_1": 21.532, "PT100_2": -180.25, "Comment": ""},
        ["does not say its zone"],
    ),
    "labview seconds since 1904": Sample(
        "Time\tp1 (mbar)\tp2 (mbar)\n3855211200.00\t1.2E-6\t3.4E-6\n"
        "3855211201.00\t1.3E-6\t3.5E-6\n3855211202.00\t1.2E-6\t3.4E-6\n",
        {"separator": "tab", "header": 1},
        {"Time": "", "p1": "mbar", "p2": "mbar"},
        "", {"Time": 3855211200.0, "p1": 1.2e-6, "p2": 3.4e-6},
        ["seconds since 1904"],
    ),
    "keithley": Sample(
        "Instrument,KEITHLEY INSTRUMENTS INC.,MODEL 6487,1234567,B04\n"
        "Date,2026-03-01\nReading,Unit,Range,Date,Time\n"
        "-1.040564E-06,A,2E-6,03/01/2026,12:00:00.250\n"
        "-1.040565E-06,A,2E-6,03/13/2026,12:00:01.250\n"
        "-1.040566E-06,A,2E-6,03/13/2026,12:00:02.250\n",
        {"separator": "comma", "header": 3, "time": ["%m/%d/%Y", "%H:%M:%S.%f"],
         "time_columns": [4, 5]},
        {"Reading": "", "Unit": "", "Range": ""},
        "2026-03-01T12:00:00.250",
        {"Reading": -1.040564e-6, "Unit": "A", "Range": 2e-6},
    ),
    "weather station with decimal comma": Sample(
        "Datum;Uhrzeit;Temperatur [°C];Luftdruck [hPa];Feuchte [%]\r\n"
        "01.03.2026;12:00:00;7,3;1013,2;81\r\n14.03.2026;12:10:00;7,4;1013,1;80\r\n"
        "14.03.2026;12:20:00;7,4;1013,0;80\r\n",
        {"separator": "semicolon", "decimal": ",", "header": 1,
         "time": ["%d.%m.%Y", "%H:%M:%S"],
         "time_columns": [1, 2]},
        {"Temperatur": "°C", "Luftdruck": "hPa", "Feuchte": "%"},
        "2026-03-01T12:00:00",
        {"Temperatur": 7.3, "Luftdruck": 1013.2, "Feuchte": 81.0},
    ),
    "excel, semicolon": Sample(
        "Zeit;Druck in mbar;Temp in K\n01.03.2026 12:00;1,5E-06;4,21\n"
        "01.03.2026 12:01;1,6E-06;4,22\n01.03.2026 12:02;1,6E-06;4,22\n",
        {"separator": "semicolon", "decimal": ",", "time": "%d.%m.%Y %H:%M"},
        {"Druck": "mbar", "Temp": "K"},
        "2026-03-01T12:00:00", {"Druck": 1.5e-6, "Temp": 4.21},
        ["begins with the day or the month is not clear: the day"],
    ),
    "excel, english": Sample(
        "Date,Flow (slm),Valve\n3/1/2026 12:00:05 PM,1.25,open\n"
        "3/1/2026 12:00:10 PM,1.26,open\n3/1/2026 12:00:15 PM,1.25,closed\n",
        {"separator": "comma", "time": "%m/%d/%Y %I:%M:%S %p"},
        {"Flow": "slm", "Valve": ""},
        "2026-03-01T12:00:05", {"Flow": 1.25, "Valve": "open"},
        ["not clear: the month was taken"],
    ),
    "daqbroker": Sample(
        "2026/03/01,12:00:00,20.1,30.2\n2026/03/01,12:00:01,20.2,30.3\n"
        "2026/03/01,12:00:02,20.2,30.3\n",
        {"separator": "comma", "time": ["%Y/%m/%d", "%H:%M:%S"],
         "time_columns": [1, 2]},
        {"c3": "", "c4": ""},
        "2026-03-01T12:00:00", {"c3": 20.1, "c4": 30.2},
        ["no names of columns"],
    ),
    "daqbroker, horizontal": Sample(
        "1772366400000;CPU temp;41.5\n1772366400000;Fan;1200\n"
        "1772366410000;CPU temp;41.7\n1772366410000;Fan;1210\n",
        {"separator": "semicolon", "time": "unix ms", "alias": 2, "value": 3,
         "aliases": {"CPU temp": "CPU_temp"}},
        {"CPU_temp": "", "Fan": ""},
        "2026-03-01T12:00:00", {"CPU_temp": 41.5},
        ["Each line has the value of one channel"],
    ),
    "arduino": Sample(
        "millis,T1,T2,light\n1000,23.10,22.81,512\n2000,23.12,22.81,513\n"
        "3000,23.12,22.87,511\n",
        {"separator": "comma", "header": 1},
        {"millis": "", "T1": "", "T2": "", "light": ""},
        "", {"millis": 1000.0, "T1": 23.1, "T2": 22.81, "light": 512.0},
        ["Column 1 rises"],
    ),
    "arduino with time of a host": Sample(
        "2026-03-01 12:00:00.123456 23.10 22.81\n"
        "2026-03-01 12:00:01.123456 23.12 22.81\n"
        "2026-03-01 12:00:02.123456 23.12 22.87\n",
        {"separator": "space", "time": ["%Y-%m-%d", "%H:%M:%S.%f"],
         "time_columns": [1, 2]},
        {"c3": "", "c4": ""},
        "2026-03-01T12:00:00.123456", {"c3": 23.1, "c4": 22.81},
    ),
    "unix ms": Sample(
        "timestamp,voltage_V,current_mA\n1772366400000,5.01,120\n1772366401000,5.02,121\n"
        "1772366402000,5.01,120\n",
        {"separator": "comma", "header": 1, "time": "unix ms"},
        {"voltage": "V", "current": "mA"},
        "2026-03-01T12:00:00", {"voltage": 5.01, "current": 120.0},
    ),
    "unix s with fraction, spaces": Sample(
        "# time p[mbar] T[K]\n1772366400.25   1.1e-7   293.1\n"
        "1772366401.25   1.1e-7   293.1\n",
        {"separator": "space", "comment": "#", "time": "unix"},
        {"p": "mbar", "T": "K"},
        "2026-03-01T12:00:00.250", {"p": 1.1e-7, "T": 293.1},
    ),
    "many lines of header with #": Sample(
        "# Run log of the gas system\n# operator: AB\n#\n"
        "# time\tpressure\tflow\tT\n# -\t[mbar]\t[sccm]\t[degC]\n"
        "2026-03-01T12:00:00Z\t300.1\t50.0\t21.5\n2026-03-01T12:00:10Z\t300.2\t50.1\t21.5\n"
        "# refilled\n2026-03-01T12:00:20Z\t300.2\t50.1\t21.5\n",
        {"separator": "tab", "comment": "#", "time": "%Y-%m-%dT%H:%M:%S%z"},
        {"pressure": "mbar", "flow": "sccm", "T": "degC"},
        "2026-03-01T12:00:00", {"pressure": 300.1, "flow": 50.0, "T": 21.5},
    ),
    "campbell toa5": Sample(
        '"TOA5","CR1000X","CR1000X","1234","CR1000X.Std.03.02","CPU:w.CR1","1","Tab"\n'
        '"TIMESTAMP","RECORD","BattV_Avg","AirTC_Avg","RH"\n'
        '"TS","RN","Volts","Deg C","%"\n'
        '"","","Avg","Avg","Smp"\n"2026-03-01 12:00:00",1,12.88,7.31,81.2\n'
        '"2026-03-01 12:10:00",2,12.88,7.36,"NAN"\n'
        '"2026-03-01 12:20:00",3,12.87,7.4,80.9\n',
        {"separator": "comma", "header": 4, "quote": '"', "time": "%Y-%m-%d %H:%M:%S"},
        {"RECORD": "RN", "BattV_Avg": "Volts", "AirTC_Avg": "Deg C", "RH": "%"},
        "2026-03-01T12:00:00",
        {"RECORD": 1.0, "BattV_Avg": 12.88, "AirTC_Avg": 7.31, "RH": 81.2},
    ),
    "units in a line of their own": Sample(
        "Time;Ch1;Ch2\n;V;A\n"
        "2026-03-01 12:00:00;1.0;0.1\n2026-03-01 12:00:01;1.1;0.2\n",
        {"separator": "semicolon", "header": 2, "time": "%Y-%m-%d %H:%M:%S"},
        {"Ch1": "V", "Ch2": "A"},
        "2026-03-01T12:00:00", {"Ch1": 1.0, "Ch2": 0.1},
    ),
    "words in place of numbers": Sample(
        "time,p1 [mbar]\n2026-03-01 12:00:00,1.0e-6\n2026-03-01 12:00:01,OVER\n"
        "2026-03-01 12:00:02,1.1e-6\n2026-03-01 12:00:03,NaN\n",
        {"separator": "comma", "time": "%Y-%m-%d %H:%M:%S"},
        {"p1": "mbar"},
        "2026-03-01T12:00:00", {"p1": 1.0e-6},
        ["p1 has OVER for a number"],
    ),
    "separator at the end": Sample(
        "time,a,b,\n2026-03-01 12:00:00,1,2,\n2026-03-01 12:00:01,1,2,\n",
        {"separator": "comma", "time": "%Y-%m-%d %H:%M:%S", "names": ["a", "b"]},
        {"a": "", "b": ""},
        "2026-03-01T12:00:00", {"a": 1.0, "b": 2.0},
    ),
    "month in letters": Sample(
        "01-Mar-2026 12:00:00,4.2,4.3\n01-Mar-2026 12:00:01,4.2,4.3\n",
        {"separator": "comma", "time": "%d-%b-%Y %H:%M:%S"},
        {"c2": "", "c3": ""},
        "2026-03-01T12:00:00", {"c2": 4.2, "c3": 4.3},
    ),
    "iso with offset": Sample(
        "t,a\n2026-03-01T13:00:00.000+01:00,1\n2026-03-01T13:00:01.000+01:00,2\n",
        {"separator": "comma", "time": "%Y-%m-%dT%H:%M:%S.%f%z"},
        {"a": ""},
        "2026-03-01T12:00:00", {"a": 1.0},
    ),
    "lakeshore": Sample(
        "Date,Time,Input A K,Input B K\n01.03.26,12:00:00,77.350,4.211\n"
        "28.03.26,12:00:01,77.351,4.212\n28.03.26,12:00:02,77.351,4.213\n",
        {"separator": "comma", "time": ["%d.%m.%y", "%H:%M:%S"],
         "time_columns": [1, 2]},
        {"Input_A_K": "", "Input_B_K": ""},
        "2026-03-01T12:00:00", {"Input_A_K": 77.35, "Input_B_K": 4.211},
    ),
    "time in the second column": Sample(
        "No.;Time;Value / mV\n1;2026-03-01 12:00:00;5,25\n2;2026-03-01 12:00:01;5,26\n"
        "3;2026-03-01 12:00:02;5,26\n",
        {"separator": "semicolon", "decimal": ",", "time_columns": [2]},
        {"No": "", "Value": "mV"},
        "2026-03-01T12:00:00", {"No": 1.0, "Value": 5.25},
    ),
    "pipes": Sample(
        "time | hv [V] | i [uA]\n2026-03-01 12:00:00 | 1500.1 | 0.12\n"
        "2026-03-01 12:00:01 | 1500.2 | 0.12\n",
        {"separator": "|", "header": 1, "time": "%Y-%m-%d %H:%M:%S"},
        {"hv": "V", "i": "uA"},
        "2026-03-01T12:00:00", {"hv": 1500.1, "i": 0.12},
    ),
    "all in quotes": Sample(
        '"Time","Rate, total","Dead time (%)"\n"2026-03-01 12:00:00","1204","3.1"\n'
        '"2026-03-01 12:00:01","1198","3.0"\n',
        {"separator": "comma", "quote": '"', "time": "%Y-%m-%d %H:%M:%S"},
        {"Rate_total": "", "Dead_time": "%"},
        "2026-03-01T12:00:00", {"Rate_total": 1204.0, "Dead_time": 3.1},
    ),
    "matlab export": Sample(
        "%time_s temp_K\n1772366400 4.2\n1772366460 4.3\n1772366520 4.3\n",
        {"separator": "space", "comment": "%", "time": "unix"},
        {"temp": "K"},
        "2026-03-01T12:00:00", {"temp": 4.2},
    ),
    "compact date": Sample(
        "20260301 12:00:00 1013.2 21.5\n20260301 12:00:01 1013.2 21.5\n",
        {"separator": "space", "time": ["%Y%m%d", "%H:%M:%S"],
         "time_columns": [1, 2]},
        {"c3": "", "c4": ""},
        "2026-03-01T12:00:00", {"c3": 1013.2, "c4": 21.5},
    ),
    "agilent 34970": Sample(
        "Scan,Time,101 <TC1> (C),102 <TC2> (C)\n1,03/01/2026 12:00:00:123,21.1,22.2\n"
        .replace(":123", ".123")
        + "2,03/15/2026 12:00:10.123,21.1,22.2\n3,03/15/2026 12:00:20.123,21.1,22.2\n",
        {"separator": "comma", "time": "%m/%d/%Y %H:%M:%S.%f", "time_columns": [2]},
        {"Scan": "", "c101_TC1": "C", "c102_TC2": "C"},
        "2026-03-01T12:00:00.123", {"Scan": 1.0, "c101_TC1": 21.1, "c102_TC2": 22.2},
    ),
    "an empty column": Sample(
        "time;a;spare;b\n2026-03-01 12:00:00;1;;2\n2026-03-01 12:00:01;1;;2\n",
        {"separator": "semicolon", "names": ["a", "-", "b"]},
        {"a": "", "b": ""},
        "2026-03-01T12:00:00", {"a": 1.0, "b": 2.0},
        ["Column 3 is empty"],
    ),
    "byte order mark and a cut last line": Sample(
        "\ufefftime,a\n2026-03-01 12:00:00,1\n2026-03-01 12:00:01,2\n2026-03-01 12:0",
        {"separator": "comma", "header": 1},
        {"a": ""},
        "2026-03-01T12:00:00", {"a": 1.0},
    ),
    "a bad line in the middle": Sample(
        "time,a,b\n2026-03-01 12:00:00,1,2\n2026-03-01 12:00:01,1,2\n2026-03-01 12:0\n"
        "2026-03-01 12:00:02,1,2\n2026-03-01 12:00:03,1,2\n",
        {"separator": "comma"},
        {"a": "", "b": ""},
        "2026-03-01T12:00:00", {"a": 1.0, "b": 2.0},
        ["1 line cannot be read so; the first is line 4: 1 column in place of 3"],
    ),
    "twice the same name": Sample(
        "time,T,T\n2026-03-01 12:00:00,1,2\n2026-03-01 12:00:01,1,2\n",
        {"separator": "comma"},
        {"T": "", "T_2": ""},
        "2026-03-01T12:00:00", {"T": 1.0, "T_2": 2.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str) -> None:
    sample = SAMPLES[name]
    made = guess(sample.text)
    found = {key: made.columns.get(key) for key in sample.columns}
    assert found == sample.columns, made
    units = {key: channel.get("units", "") for key, channel in made.channels.items()}
    assert units == sample.units, made
    time, values = made.rows[0]
    assert values == sample.first
    if sample.time:
        assert time is not None
        wanted = datetime.fromisoformat(sample.time).replace(tzinfo=UTC)
        assert time == pytest.approx(wanted.timestamp(), abs=1e-6)
    else:
        assert time is None
    for doubt in sample.doubts:
        assert any(doubt in one for one in made.doubts), made.doubts
    if not any("cannot be read" in doubt for doubt in sample.doubts):
        assert not any("cannot be read" in one for one in made.doubts), made.doubts


@pytest.mark.parametrize("name", SAMPLES)
def test_the_section_is_one_of_an_experiment_file(name: str) -> None:
    made = guess(SAMPLES[name].text)
    section = made.section("gas", "/data/*.csv")
    read = YAML(typ="safe").load(section)["instruments"]["gas"]
    settings = InstrumentSettings.model_validate(read)
    assert list(settings.channels) == list(made.channels)
    assert len(made.table().splitlines()) == len(made.rows) + 1


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("", "No lines of values"),
        ("once upon a time\nthere was a gauge\n", "No lines of values"),
        ("T1=23.1;T2=22.8\nT1=23.2;T2=22.8\n", "names with values"),
        ("\0\1\2\n\0\0\n", "No lines of values"),
    ],
)
def test_what_is_no_file_of_columns(text: str, doubt: str) -> None:
    made = guess(text)
    assert doubt in made.doubts[0]
    assert not made.columns
