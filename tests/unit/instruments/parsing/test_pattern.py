"""Patterns: what is read, what is refused, and what is written."""

from __future__ import annotations

import contextlib
import math
import re
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daqpv.instruments.parsing import Pattern, Value


def plain(values: dict[str, Value]) -> dict[str, object]:
    """The values, arrays as lists."""
    return {
        k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()
    }


def refusal(made: Pattern, line: bytes | str) -> str | None:
    """What `made` says against the line; None: it reads it."""
    try:
        made.parse(line)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        # answers of instruments
        ("{status:d},{p:g}", "5,2.0000E-2", {"status": 5, "p": 0.02}),
        ("@{a:d}ACK{p:g}", "@253ACK7.602E+2", {"a": 253, "p": 760.2}),
        ("@{a:d}ACK{p:g}", "@253ACKLO<E-3", {"a": 253, "p": "LO<E-3"}),
        (
            "=V{n:d} {p:g};{u:d};{}",
            "=V913 1.0000e+02;59;11;0;0",
            {"n": 913, "p": 100, "u": 59},
        ),
        (
            "#BD:{b:d},CMD:OK,VAL:{v:g;...}",
            "#BD:00,CMD:OK,VAL:1;2",
            {"b": 0, "v": [1, 2]},
        ),
        (
            "{i:g}A,{t:g},{s:g}",
            "+1.040564E-06A,+2.236299E+02,+1.38E+02",
            {"i": 1.040564e-06, "t": 223.6299, "s": 138},
        ),
        ("{u:g}{unit},{}", "1.2345E3V,1.0E0V", {"u": 1234.5, "unit": "V"}),
        ("S1={state} ", "S1=ON ", {"state": "ON"}),
        ("S1={state}", "S1=ON \r", {"state": "ON"}),
        (
            "A {p:g} {t:g} {} {} {} {gas} {flags}",
            "A +014.85 +023.07 +000.10 +000.10 +000.10 He MOV",
            {"p": 14.85, "t": 23.07, "gas": "He", "flags": "MOV"},
        ),
        ("{n:04x}{rest:x}", "00FF1", {"n": 255, "rest": 1}),
        ("crc={c:x} {ok}", "crc=1c YES", {"c": 28, "ok": "YES"}),
        # numbers
        ("{v:g}", "9.91E37", {"v": 9.91e37}),
        ("{v:g}", "-inf", {"v": -math.inf}),
        ("{v:g},{u:g}", "-1.#INF00,1.#INF", {"v": -math.inf, "u": math.inf}),
        ("{v:g},{u:g}", "+.5e1,4.", {"v": 5, "u": 4}),
        ("{v:g}", "INFO", {"v": "INFO"}),
        ("{v:g}", "NANCY", {"v": "NANCY"}),
        ("{v:g}{u}", "INFO", {"v": "INFO", "u": ""}),
        ("{v:g}E", "1.5E", {"v": 1.5}),
        ("{u} V s", "V s V  s", {"u": "V s"}),
        ("{a:g}E{b:d}", "1.2E5", {"a": 1.2, "b": 5}),
        ("{a:b},{b:o}", "101,0o17", {"a": 5, "b": 15}),
        # white space
        ("{a:g}\t{b:g}\t{c:g}", "1\t\t 3", {"a": 1, "b": "", "c": 3}),
        ("{a:g}\t{b:g}", "1\t", {"a": 1, "b": ""}),
        ("{a} {b}", "  x \t y ", {"a": "x", "b": "y"}),
        ("P = {a:g} mbar", "P=5 mbar", {"a": 5}),
        ("P= {a} {b}", "P=   x y", {"a": "x", "b": "y"}),
        ("a b {n:d}", "a   b 3", {"n": 3}),
        # braces, percent signs
        ("{{{n:d}}}", "{3}", {"n": 3}),
        ("{h:g}%", "40%", {"h": 40}),
        ("%(h)d%%", "40%", {"h": 40}),
        ("{_:g},{-},{:x},{a:d}", "1,x,F,2", {"a": 2}),
        ("OK", " OK", {}),
        ("", "", {}),
        # choices
        ("{s:ON|ONLINE}!", "ONLINE!", {"s": 1}),
        ("{s:ON|OFF}", "TRIP", {"s": "TRIP"}),
        # converters
        ("%(a)f %(b)d", "1.5 2", {"a": 1.5, "b": 2}),
        ("%(a)i,%(b)i,%(c)i,%(d)i", "0x10,010,9,08", {"a": 16, "b": 8, "c": 9, "d": 8}),
        ("%(a)Bzo", "ozz", {"a": 4}),
        ("%(a)[^,],%(b)s", "x y,z", {"a": "x y", "b": "z"}),
        ("%(a)3c%(b)c", "a bc", {"a": "a b", "b": "c"}),
        ("%(a)?d,%(b)d", ",3", {"b": 3}),
        ("%(a)!3d%(b)d", "0123", {"a": 12, "b": 3}),
        ("%(a){A\\|B|C}", "A|B", {"a": 0}),
        ("%(a)x", "ff", {"a": 255}),
        # regular expressions
        ("/a=(?P<a>.*)/i", "A=7", {"a": 7}),
        ("/(?P<a>\\d+)?(?P<b>x)/", "x", {"b": "x"}),
        # pairs
        ("pairs: , :", "a:1,b:x y,", {"a": 1, "b": "x y"}),
    ],
)
def test_a_line_is_read(pattern: str, line: str, expected: dict[str, object]) -> None:
    made = Pattern(pattern)
    assert plain(made.parse(line)) == expected
    assert plain(made.parse(line.encode())) == expected


@pytest.mark.parametrize(
    ("pattern", "line", "why"),
    [
        ("{a:g},{b:g}", "1.2E-5;3", "expected ',' at character 7 of '1.2E-5;3'"),
        ("{a:g},{b:g}", "1,2,3", "expected the end at character 4 of '1,2,3'"),
        ("{a:g},{b:g}", "1", "expected ',' at character 2 of '1'"),
        ("{a:d}", "3.5", "expected the end at character 2"),
        ("{a:g}", "", "expected a number at character 1 of ''"),
        ("{a:g}", "\x01\x02", "expected a number at character 1 of "),
        ("{a:g}", "x" * 81, "expected a number at character 1 of 'xxx"),
        ("{a:g}V", "OVER", "expected 'V' at character 5 of 'OVER'"),
        ("{a:g}V", "10VV", "expected 'V' at character 3 of '10VV'"),
        ("{a:g} V s", "10 V  s s", "expected 'V s' at character 3 of '10 V"),
        ("\x02{a:u1}\x03", b"\x02\x01\x03\x03", "expected .* at byte 3 of 02 01 03 03"),
        ("V={a:g}", "I=3", "expected 'V=' at character 1 of 'I=3'"),
        ("OK", "OK then", "expected the end at character 3"),
        ("{a:g} {b:g}", "5", "expected white space at character 2"),
        ("{a:>u4}", b"\x01", "expected 4 bytes at byte 1 of 01"),
        ("\x02{a:u1}\x03", b"\x02\x01\x04", r"expected '\\x03' at byte 3 of 02 01 04"),
        ("{a:bcd2}", b"\x1a\x00", "expected 2 bytes of decimal digits at byte 1"),
        ("{a:>i2...}", b"\x1a\x00\x01", "expected a multiple of 2 bytes at byte 1"),
        ("{a:g}", b"\xff\xfe", "the bytes ff fe are no utf-8"),
        ("{a:u1}", "\u20ac", "has characters that are no bytes"),
        ("/(?P<a>x)/", "y" * 70000, "70000 characters are too many"),
        ("/(?P<a>.*)x.*/", "y" * 5000, "too many .*: at most 2000"),
        ("pairs: ; =", "", "expected a key with '=' and a value at character 1"),
        ("pairs: ; =", "a=1;a=2", "expected a new key .* at character 5"),
        ("pairs: ; =", "a=1x", "expected a number or a word for a"),
    ],
)
def test_a_line_is_refused(pattern: str, line: str | bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Pattern(pattern).parse(line)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{a:g", "'{' at character 1 has no '}'; a brace as it is, is written twice"),
        ("a:g}", "'}' at character 4 has no '{'"),
        ("{a:g},{a:d}", "'a' occurs twice"),
        ("{a}{b}", "where 'a' ends is not known"),
        ("{}{b:g}", "where '{}' ends is not known"),
        ("{a b:g}", "'a b' in {a b:g} is no name"),
        ("{a:}", "has no form after its colon"),
        ("{a:q}", "'q' is none of the forms d, x, o, b,"),
        ("{a:n}", "'n' is none of the forms"),
        ("{a:.2d}", "Precision not allowed"),
        ("{a:=5s}", "'=5s'"),
        ("{a:f4}", "does not say the order of its bytes: < or >"),
        ("{a:>f3}", "has 3 bytes; possible are 2, 4, 8"),
        ("{a:>u3...}", "an array cannot have elements of 3 bytes"),
        ("{a:s,...}", "an array is written {name:g,...}"),
        ("{a:ON||OFF}", "one of the texts is empty, or occurs twice"),
        ("%(a)q", "there is no such converter"),
        ("%(a)d%5d", "it has no name: %(pressure)g, or %*g to skip it"),
        ("%(a)d%<sum>", "it has no name"),
        ("%(a)d%*<sum>", "a check sum is named by the key `checksum`"),
        ("%(a)=d", "cannot compare"),
        ("%(a)3R", "%R has 4 or 8 bytes"),
        ("%(a)Bxx", "the characters for 0 and 1"),
        ("%(a)[z-a]", "bad character range"),
        ("%(a)#{x=1|y=z}", "'z' in 'y=z' is no integer"),
        ("/(?P<a>x/", "is no regular expression"),
        ("/x/", "no group has a name"),
        ("/(?P<a>x)/m/i", None),
        ("/((?P<a>a+)b?)+/", "repeat or alternatives stand in a repeat"),
        ("/(?:a|ab)+(?P<b>.)/", "repeat or alternatives stand in a repeat"),
        ("/(?:a?){30}a{30}(?P<b>.)/", "repeat or alternatives stand in a repeat"),
        ("/(?:\\d+,?)*(?P<b>.)/", "repeat or alternatives stand in a repeat"),
        ("/(?:A|a\\d)*(?P<b>.)/i", "repeat or alternatives stand in a repeat"),
        ("/(?P<b>x)(?:[^,]|y)*/", "repeat or alternatives stand in a repeat"),
        ("/(?:(?>a+))+a(?P<b>x)/", None),
        ("/(?:a++)+b(?P<b>x)/", None),
        ("/(?P<b>x)(?:,\\d+)*/", None),
        ("/(?:[-+]?\\d+(?:\\.\\d*)?;|x\\D)*(?P<b>x)/", None),
        ("/(?P<b>.)(?P=b)*(?(b)x|y)(?=z)(?!y)$/", None),
        ("/.*x.*y.*z.*(?P<a>x)/", "4 repeats do not tell by the next character"),
        ("/\\d+\\d*\\d*\\d*\\d*(?P<a>x)/", "4 repeats do not tell"),
        ("pairs: ;", "it names two separators"),
    ],
)
def test_a_pattern_is_refused(pattern: str, why: str | None) -> None:
    if why is None:
        assert Pattern(pattern).names
        return
    with pytest.raises(ValueError, match=re.escape(why)):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "values", "line"),
    [
        ("SP {v:.2f}", {"v": 1.005}, "SP 1.00"),
        ("SP {v:+.4E}", {"v": np.float32(2.5)}, "SP +2.5000E+00"),
        ("D1={v:04d}", {"v": 500.0}, "D1=0500"),
        ("N {v:d}", {"v": True}, "N 1"),
        ("{{{v:08b}}}", {"v": 5}, "{00000101}"),
        ("S {s:OFF|ON}", {"s": 1}, "S ON"),
        ("S {s:OFF|ON}", {"s": "OFF"}, "S OFF"),
        ("C {w:g,...}", {"w": np.array([1.0, 2.5])}, "C 1,2.5"),
        ("C {w:d ...}", {"w": (1, 2)}, "C 1 2"),
        ("\x02{v:>u2}{x:<f4}", {"v": 258, "x": 1.0}, b"\x02\x01\x02\0\0\x80?"),
        ("{v:bcd2}{b:bytes}", {"v": 1234, "b": b"\xff"}, b"\x124\xff"),
        ("{v:>i2...}", {"v": [1, -1]}, b"\0\x01\xff\xff"),
        ("%(v)-5d|", {"v": 7}, "7    |"),
        ("%(v)05.1f", {"v": 2.25}, "002.2"),
        ("%(v)Bzo", {"v": 5}, "ozo"),
        ("%(v)#2r", {"v": 258}, b"\x02\x01"),
    ],
)
def test_a_command_is_written(
    pattern: str, values: dict[str, object], line: str | bytes
) -> None:
    assert Pattern(pattern).format(**values) == line


@pytest.mark.parametrize(
    ("pattern", "values", "why"),
    [
        ("SP {v:.2f}", {}, "no value for 'v'"),
        ("SP {v:.2f}", {"v": math.nan}, "v: nan cannot be sent"),
        ("SP {v:.2f}", {"v": "5"}, "v: '5' is no number"),
        ("SP {v:d}", {"v": 5.5}, "v: 5.5 is no integer"),
        ("SP {v:d}", {"v": None}, "v: None is no number"),
        ("{:g}", {}, "stands for any text, and cannot be written"),
        ("{s}", {"s": "a\rb"}, "control character '\\r'"),
        ("{s},{t}", {"s": "a,b", "t": ""}, "has ',', which would end it"),
        ("{s:4s}{t}", {"s": "abcde", "t": ""}, "s: 'abcde' has not 4 characters"),
        ("{s:OFF|ON}", {"s": 2}, "s: no text has the number 2: one of OFF, ON"),
        ("{s:OFF|ON}", {"s": "on"}, "s: 'on' is not one of OFF, ON"),
        ("{v:u1}", {"v": 256}, "v: 256 does not fit into 1 byte"),
        ("{v:u1}", {"v": -1}, "v: -1 does not fit into 1 byte"),
        ("{v:>f4}", {"v": 1e39}, "v: 1e+39 does not fit into 4 bytes"),
        ("{v:bcd1}", {"v": 100}, "v: 100 does not fit"),
        ("{v:bytes2}", {"v": b"abc"}, "v: 3 bytes are not 2"),
        ("{v:bytes2}", {"v": 3}, "v: 3 are no bytes"),
        ("{v:g,...}", {"v": 3}, "v: 3 is no array"),
        ("%(v)3[0-9]", {"v": "12345"}, "is not characters of [0-9]"),
        ("/(?P<a>x)/", {"a": 1}, "cannot be written, only read"),
        ("pairs: ; =", {"a": 1}, "cannot be written, only read"),
    ],
)
def test_a_command_is_refused(
    pattern: str, values: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Pattern(pattern).format(**values)


def test_what_is_no_number() -> None:
    for text in ("NAN", "nan", "1.#QNAN", "-1.#IND00"):
        found = Pattern("{v:g},{w:g}").parse(f"{text},1")
        assert math.isnan(float(found["v"]))


@pytest.mark.parametrize(
    "regex",
    [
        r"(?P<v>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?),(?P<w>[-+]?\d+(?:\.\d*)?)",
        r"(?P<v>[^,]*),(?P<w>[^,]*),([^,]*)",
        r"(?P<v>\d+)\d*x",
        r".*(?P<v>\d+)x.*",
        r".*(?P<v>\d+).*x\d+",
        r"\d+\d*\d*\d*(?P<v>x)",
        r"(?:\d+,)*(?P<v>\d+)x",
    ],
)
@pytest.mark.parametrize("part", ["1", "1,", "x", "x1", ",,"])
def test_a_regular_expression_takes_a_bounded_time(regex: str, part: str) -> None:
    made = Pattern(f"/{regex}/")
    begin = time.process_time()
    for length in (100, 120, 300, 2000, 65536):
        refusal(made, (part * length)[:length])
    assert time.process_time() - begin < 20  # without bounds it takes days


def test_names_come_in_their_order() -> None:
    assert Pattern("{b:g},{},{a:g}").names == ("b", "a")
    assert Pattern("%(b)d,%*d,%(a)d").names == ("b", "a")
    assert Pattern("/(?P<b>x)(?P<a>y)/").names == ("b", "a")
    assert Pattern("pairs: ; =").names == ()


def test_texts_keep_their_zeros() -> None:
    made = Pattern("/(?P<serial>\\d+),(?P<n>\\d+)/", texts=["serial"])
    assert made.parse("00123,007") == {"serial": "00123", "n": 7}
    assert Pattern("pairs: ; =", texts=["s"]).parse("s=007") == {"s": "007"}


def test_another_encoding() -> None:
    assert Pattern("{t:g}°C", encoding="latin-1").parse(b"23\xb0C") == {"t": 23}


words = st.text(
    st.characters(
        codec="ascii", categories=["L", "P", "S"], exclude_characters="{},%/"
    ),
    min_size=1,
    max_size=20,
)
reals = st.floats(allow_nan=False, allow_infinity=False)


@given(reals, reals, st.integers(-(10**18), 10**18), words)
def test_what_is_written_is_read_back(a: float, b: float, n: int, word: str) -> None:
    for text in ("{a:.17g},{b:.17e} , {n:d},{w}", "{w},{n:d};{a:.17g}  {b:.16E}"):
        made = Pattern(text)
        values = {"a": a, "b": b, "n": n, "w": word}
        if ";" not in word:
            assert made.parse(made.format(**values)) == values


@given(st.integers(0, 2**32 - 1), st.floats(width=32, allow_nan=False), st.binary())
def test_bytes_are_read_back(n: int, x: float, data: bytes) -> None:
    made = Pattern("\x02{n:<u4}{x:>f4}{d:bytes}\x03")
    if math.isfinite(x) and b"\x03" not in data:
        values = {"n": n, "x": x, "d": data}
        assert made.parse(made.format(**values)) == values


EVERY = [
    "{a:g},{b:g}",
    "{a:g}{b:d}{c:x}{d}",
    "T = {a:g} V {b:d} {c}",
    "{a:g,...};{b:d ...}",
    "{s:OFF|ON}{t}",
    "{a:3d}{b:2x}{c:4s}",
    "\x02{a:>f4}{b:bcd2}{c:bytes}\x03",
    "{a:<i2...}",
    "%(a)f%(b)s%(c)3c%(d)[a-z]%(e)#s",
    "%(a)?d%(b)?f%(c)?i",
    "%(a)2r%(b)R%(c)D",
    "/(?P<a>[^,]*),(?P<b>.*)/",
    "pairs: ; =",
    'pairs: " " :',
]


@pytest.mark.parametrize("pattern", EVERY)
@given(line=st.binary() | st.text("0123456789+-.eEdD,; \t=:OVNaif").map(str.encode))
@example(line=b"1" * 5000)
@example(line=b"1_0,\xd9\xa1")
@example(line=b"\x85\xa0\x1c1,2")
def test_any_bytes_are_read_or_refused(pattern: str, line: bytes) -> None:
    for encoding in ("latin-1", "utf-8"):
        why = refusal(Pattern(pattern, encoding=encoding), line)
        assert why is None or re.search("expected|are no|too many", why)


@given(
    st.text(max_size=30)
    | st.text("{}:,.%()/ag0123dx<>fi|*?[]#!=-+sBrR \\", max_size=30)
    | st.text("()|*+?{}[]\\P<a>^x$.d,:", max_size=30).map(lambda t: f"/(?P<a>x){t}/")
)
def test_any_pattern_is_made_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(Pattern(text).names, tuple)


@pytest.mark.parametrize("pattern", EVERY)
@pytest.mark.parametrize("part", ["1", "x", " ", ",", "T = ", "1 ", "=;", "+-", "a b"])
def test_garbage_takes_a_time_that_grows_with_its_length(
    pattern: str, part: str
) -> None:
    made = Pattern(pattern)
    begin = time.process_time()
    for times in (1000, 1_000_000 // len(part)):
        assert len(refusal(made, part * times) or "") < 400
    assert time.process_time() - begin < 20  # quadratic takes hours
