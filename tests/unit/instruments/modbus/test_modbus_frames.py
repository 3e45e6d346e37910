"""Questions, answers and frames, compared with those of pymodbus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from daqpv.instruments.modbus import pdu
from daqpv.instruments.modbus.frames import (
    TcpFrame,
    TcpFrames,
    crc,
    rtu_answer,
    rtu_frame,
    rtu_question,
)
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.modbus.pdu import Question
from daqpv.instruments.modbus.place import Table

PAIRS: list[tuple[Question, ModbusPDU]] = [
    (pdu.read(Table.COIL, 5, 3), ReadCoilsRequest(address=5, count=3)),
    (
        pdu.read(Table.DISCRETE, 500, 2000),
        ReadDiscreteInputsRequest(address=500, count=2000),
    ),
    (
        pdu.read(Table.HOLDING, 0, 125),
        ReadHoldingRegistersRequest(address=0, count=125),
    ),
    (
        pdu.read(Table.INPUT, 65535, 1),
        ReadInputRegistersRequest(address=65535, count=1),
    ),
    (
        pdu.write(Table.COIL, 9, b"\x01"),
        WriteSingleCoilRequest(address=9, bits=[True]),
    ),
    (
        pdu.write(Table.COIL, 9, bytes([1, 0, 0, 0, 0, 0, 0, 0, 1])),
        WriteMultipleCoilsRequest(address=9, bits=[True] + [False] * 7 + [True]),
    ),
    (
        pdu.write(Table.HOLDING, 9, b"\x12\x34"),
        WriteSingleRegisterRequest(address=9, registers=[0x1234]),
    ),
    (
        pdu.write(Table.HOLDING, 9, b"\x12\x34", single=False),
        WriteMultipleRegistersRequest(address=9, registers=[0x1234]),
    ),
    (
        pdu.write_masked(4, 0xFF0F, 0x0030),
        MaskWriteRegisterRequest(address=4, and_mask=0xFF0F, or_mask=0x0030),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_questions_are_those_of_pymodbus(ours: Question, theirs: ModbusPDU) -> None:
    assert ours.pdu == bytes((theirs.function_code,)) + theirs.encode()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_frames_are_those_of_pymodbus(ours: Question, theirs: ModbusPDU) -> None:
    theirs.dev_id, theirs.transaction_id = 17, 4711
    decoder = DecodePDU(is_server=False)
    assert rtu_frame(17, ours.pdu) == FramerRTU(decoder).buildFrame(theirs)
    frame = TcpFrame(4711, 17, ours.pdu).packed()
    assert frame == FramerSocket(decoder).buildFrame(theirs)


@given(st.binary(max_size=300))
def test_the_check_sum_is_that_of_pymodbus(data: bytes) -> None:
    assert crc(data) == FramerRTU.compute_CRC(data).to_bytes(2, "big")


frames = st.builds(
    TcpFrame,
    st.integers(0, 65535),
    st.integers(0, 255),
    st.binary(min_size=1, max_size=253),
)


@given(st.lists(frames, max_size=5), st.data())
def test_tcp_frames_are_found_however_they_are_cut(
    sent: list[TcpFrame], data: st.DataObject
) -> None:
    stream = b"".join(one.packed() for one in sent)
    taker = TcpFrames()
    found: list[TcpFrame] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += taker.fed(stream[:size])
        stream = stream[size:]
    assert found == sent


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad", b"\0\1\0\0\0\0\1", b"\xff" * 7])
def test_what_is_no_modbus_tcp_is_said(text: bytes) -> None:
    with pytest.raises(ValueError, match=text[:7].hex(" ")):
        list(TcpFrames().fed(text))


QUESTION = pdu.read(Table.HOLDING, 0, 2)
ANSWER = bytes.fromhex("03 04 00 01 00 02")


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_an_rtu_answer_is_found_in_noise(before: bytes, after: bytes) -> None:
    assert rtu_answer(before + rtu_frame(5, ANSWER) + after, 5, QUESTION) == ANSWER


@pytest.mark.parametrize(
    "other",
    [
        rtu_frame(6, ANSWER),  # of another unit
        rtu_frame(5, bytes.fromhex("03 02 00 01")),  # to a question for one register
        rtu_frame(5, bytes.fromhex("04 04 00 01 00 02")),  # of another table
        rtu_frame(5, QUESTION.pdu),  # the echo
        rtu_frame(5, ANSWER)[:-1],
        rtu_frame(5, ANSWER)[:-1] + b"\0",
        b"",
    ],
)
def test_what_is_no_rtu_answer_to_the_question_does_not_count(other: bytes) -> None:
    assert rtu_answer(other, 5, QUESTION) is None
    assert rtu_answer(other + rtu_frame(5, ANSWER), 5, QUESTION) == ANSWER
    exception = rtu_frame(5, b"\x83\x02")
    assert rtu_answer(other + exception, 5, QUESTION) == b"\x83\x02"


@pytest.mark.parametrize("question", [ours for ours, _ in PAIRS])
def test_an_rtu_question_is_complete_at_its_last_byte(question: Question) -> None:
    frame = rtu_frame(1, question.pdu)
    assert rtu_question(frame + b"\1\3") == len(frame)
    assert all(rtu_question(frame[:n]) is None for n in range(len(frame)))


def memory() -> Memory:
    made = Memory()
    made.set(Table.HOLDING, 0, bytes(range(20)))
    made.set(Table.COIL, 0, bytes((1, 0, 1)))
    return made


@given(
    st.binary(max_size=12)
    | st.builds(
        lambda function, rest: bytes((function,)) + rest,
        st.integers(1, 24),
        st.binary(max_size=10),
    )
)
def test_a_simulated_device_answers_anything(question: bytes) -> None:
    assert 2 <= len(memory().answer(question or b"\0")) <= 253


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("03 00 00 00 0b", 2),  # one more than there are
        ("04 00 00 00 01", 2),
        ("03 00 00 00 7e", 3),
        ("03 00 00 00 00", 3),
        ("2b 0e 01 00", 1),
        ("05 00 00 12 34", 3),
        ("06 01 00 12 34", 2),
        ("10 00 00 00 02 03 01 02 03", 3),
    ],
)
def test_a_simulated_device_refuses_what_real_ones_do(question: str, code: int) -> None:
    pdu_ = bytes.fromhex(question)
    assert memory().answer(pdu_) == bytes((pdu_[0] | 0x80, code))


def test_what_is_written_to_a_simulated_device_is_there() -> None:
    device, written = memory(), []
    device.written = lambda *what: written.append(what)
    for question in (
        pdu.write(Table.HOLDING, 1, b"\x12\x34"),
        pdu.write(Table.HOLDING, 2, b"\x56\x78\x9a\xbc"),
        pdu.write(Table.COIL, 1, b"\1\0"),
        pdu.write_masked(0, 0xFF00, 0x0042),
    ):
        assert question.fits(device.answer(question.pdu))
    assert device.get(Table.HOLDING, 0, 4).hex() == "0042123456789abc"
    assert device.get(Table.COIL, 0, 3) == b"\1\1\0"
    assert written == [
        (Table.HOLDING, 1, 1),
        (Table.HOLDING, 2, 2),
        (Table.COIL, 1, 2),
        (Table.HOLDING, 0, 1),
    ]


def test_a_byte_of_bits_has_no_more_than_were_asked_for() -> None:
    """pymodbus' read_coils(count=3) gives eight."""
    assert pdu.unpacked(b"\xff", 3) == b"\1\1\1"


@given(st.binary(min_size=1, max_size=60).map(lambda b: bytes(n & 1 for n in b)))
def test_bits_come_back_as_they_were_packed(bits: bytes) -> None:
    assert pdu.unpacked(pdu.packed(bits), len(bits)) == bits


def test_an_answer_of_another_size_does_not_fit() -> None:
    assert QUESTION.fits(ANSWER)
    assert QUESTION.fits(b"\x83\x04")
    assert not QUESTION.fits(ANSWER + b"\0\0")
    assert not QUESTION.fits(b"\x84\x04")
    assert not QUESTION.fits(b"")
