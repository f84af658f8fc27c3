"""pb: protobuf by hand, so that a test does not trust the code that it tests.

A message is written as (field, value) pairs: a number, bytes, a text, or a list of pairs. Read, it is
{field: [values]}, numbers and bytes.
"""


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while True:
        low, number = number & 127, number >> 7
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def write(*pairs):
    out = bytearray()
    for field, value in pairs:
        if isinstance(value, int):
            out += varint(field << 3) + varint(value)
            continue
        if isinstance(value, str):
            value = value.encode()
        elif isinstance(value, list):
            value = write(*value)
        out += varint(field << 3 | 2) + varint(len(value)) + value
    return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at


def read(data):
    fields, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def texts(data, field=1):
    return [value.decode() for value in read(data).get(field, [])]
