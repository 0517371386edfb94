"""Extra fields of zip members (APPNOTE 4.5): which may be there, and the sizes that a ZIP64 field holds."""

import struct

from entrepot.archives.faults import invalid, shown

ZIP64 = 0x0001
# Times and owners only. A field that gives a member another name, kind or content to some readers is not among them:
# 0x7075 and 0x6375 (Unicode name, comment), 0x756e and 0x000d (Unix, with link targets), 0x9901 (encryption), ...
HARMLESS = frozenset(
    {
        0x000A,  # NTFS times
        0x5455,  # Unix times
        0x5855,  # Unix times and owner, old
        0x7855,  # Unix owner, old
        0x7875,  # Unix owner
        0xCAFE,  # marks a Java archive; some tools put it on any zip
        0xD935,  # alignment of the data that follows
    }
)
_FULL32 = 0xFFFFFFFF


def large_fields(extra: bytes, name: bytes) -> bytes:
    """The content of the ZIP64 field in `extra`, or nothing.

    Raises `Refused` when the fields are malformed, doubled, or any of them is not known to be harmless.
    """
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(extra):
        head = extra[position : position + 4]
        if len(head) < 4:
            raise invalid("zip-extra-field", f"The extra fields of member {shown(name)} are malformed.")
        kind, length = struct.unpack("<2H", head)
        content = extra[position + 4 : position + 4 + length]
        if len(content) < length:
            raise invalid("zip-extra-field", f"The extra fields of member {shown(name)} are malformed.")
        if kind in fields:
            raise invalid("zip-extra-field", f"Extra field {kind:#06x} of member {shown(name)} occurs twice.")
        if kind != ZIP64 and kind not in HARMLESS:
            raise invalid("zip-extra-field", f"Extra field {kind:#06x} of member {shown(name)} is not allowed.")
        fields[kind] = content
        position += 4 + length
    return fields.get(ZIP64, b"")


def resolve(values: tuple[int, ...], large: bytes, name: bytes) -> tuple[int, ...]:
    """`values` with those that are only a sentinel taken, in order, from the ZIP64 field `large`.

    Raises `Refused` unless the field holds exactly those.
    """
    wanted = sum(value == _FULL32 for value in values)
    if len(large) != 8 * wanted:
        raise invalid("zip-extra-field", f"The ZIP64 field of member {shown(name)} does not match its sizes.")
    found = iter(struct.unpack(f"<{wanted}Q", large))
    return tuple(next(found) if value == _FULL32 else value for value in values)
