"""docs/protocol.md and the compiled .proto say the same."""

import re
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from nexy_core.proto import streaming_pb2

from nexy_core import ErrorType

PAGE = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
SCALARS = {
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


def type_of(field):
    if field.message_type and field.message_type.GetOptions().map_entry:
        return "map<string, string>"
    named = field.message_type or field.enum_type
    name = named.name if named else SCALARS[field.type]
    if field.is_repeated:
        return f"repeated {name}"
    return f"optional {name}" if _alone(field) else name


def _alone(field):
    """Whether the field is in a one-of of its own: what proto3's `optional` compiles to."""
    return field.containing_oneof is not None and len(field.containing_oneof.fields) == 1


def compiled_rows():
    file = streaming_pb2.DESCRIPTOR
    for message in file.message_types_by_name.values():
        yield from ((message.name, field.name, str(field.number), type_of(field)) for field in message.fields)
    for enum in file.enum_types_by_name.values():
        yield from ((enum.name, value.name, str(value.number), "value") for value in enum.values)


def table_after(marker):
    lines = PAGE.split(marker, 1)[1].splitlines()
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def test_the_compatibility_table_has_every_field_and_nothing_else():
    documented = [tuple(row[:4]) for row in table_after("<!-- compatibility:")]
    assert sorted(documented) == sorted(compiled_rows())
    assert len(documented) == len(set(documented))


def test_every_field_says_since_when_and_for_whom():
    for row in table_after("<!-- compatibility:"):
        assert re.fullmatch(r"\d+\.\d+\.\d+", row[4]), row
        assert row[5], row


def test_every_error_type_and_rpc_is_documented():
    errors = PAGE.split("## Errors", 1)[1].split("## Compatibility", 1)[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", errors, re.MULTILINE)) == {kind.value for kind in ErrorType}
    service = streaming_pb2.DESCRIPTOR.services_by_name["StreamingService"]
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE)) == {method.name for method in service.methods}
