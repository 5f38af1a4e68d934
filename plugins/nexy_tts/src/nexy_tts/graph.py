"""Cuts a Piper model in four: text to frames, those to latent ones, these to finer steps, and the steps to sound.

What follows the first part looks only so far around itself, so it can run window by window with the very same result:
the first sound does not wait for the whole sentence, and an urgent turn does not wait for a long one. Most of the work
is in the last part, which looks at two frames: cut off by itself it makes windows cost next to nothing.
An ``.onnx`` file is a protobuf message; the few fields that matter are read here, the weights stay slices.
"""

import io
from collections.abc import Iterator

import attrs

_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE = 1, 2, 4
_TENSOR_NAME, _VALUE_NAME, _VALUE_TYPE = 8, 1, 2
_OTHER = "not a model of Piper's kind"
_FLOAT_TENSOR = b"\x0a\x02\x08\x01"  # TypeProto{tensor_type{elem_type: FLOAT}}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CONTINUES, _PAYLOAD, _PAYLOAD_BITS, _TYPE_BITS = 0x80, 0x7F, 7, 3
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


class NotCuttable(ValueError):
    """The model is not built as Piper builds them."""


@attrs.frozen
class Names:
    """What goes between the parts: ``prior`` and ``mask`` (ones) into ``flow``, ``latent`` into ``middle``, ``steps``
    into ``back``.
    """

    prior: str
    mask: str
    latent: str
    steps: str


@attrs.frozen
class Parts:
    """The models.

    ``flow`` is empty where it cannot be told apart: ``front`` then gives ``latent``. Its second output, where that can
    be told, is how many frames each phoneme id lasts.
    """

    front: bytes = attrs.field(repr=False)
    flow: bytes = attrs.field(repr=False)
    middle: bytes = attrs.field(repr=False)
    back: bytes = attrs.field(repr=False)
    names: Names


@attrs.frozen
class _Field:
    number: int
    raw: memoryview  # with its tag, to be copied as it is
    body: memoryview


@attrs.frozen
class _Node:
    raw: memoryview
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@attrs.frozen
class _Graph:
    nodes: tuple[_Node, ...]
    weights: dict[str, memoryview]
    inputs: dict[str, memoryview]
    outputs: tuple[str, ...]
    rest: tuple[memoryview, ...]
    around: tuple[memoryview, ...]


def cut(model: bytes) -> Parts:
    """The parts of ``model``. Raises ``NotCuttable``."""
    try:
        graph = _read(memoryview(model))
        upsamplings = [node for node in graph.nodes if node.kind == "ConvTranspose"]
        latent, steps = _entrance(graph, upsamplings[0]).inputs[0], upsamplings[1].inputs[0]
        durations = [node.outputs[0] for node in graph.nodes if node.kind == "Ceil"]
        known = tuple(durations) if len(durations) == 1 else ()
        prior, mask = _flow_entrance(graph, latent)
        front = _part(graph, (prior, *known), ())
        flow = _part(graph, (latent,), (prior, mask)) if mask else b""
        middle = _part(graph, (steps,), (latent,))
        back = _part(graph, graph.outputs[:1], (steps,))
    except (LookupError, UnicodeDecodeError) as error:
        raise NotCuttable(_OTHER) from error
    return Parts(front, flow, middle, back, Names(prior, mask, latent, steps))


def _entrance(graph: _Graph, node: _Node) -> _Node:
    """The convolution before the first upsampling: what goes into it are the frames of the sound to be."""
    maker = {name: node for node in graph.nodes for name in node.outputs}
    for _ in graph.nodes:
        if node.kind == "Conv":
            return node
        node = maker[node.inputs[0]]
    raise NotCuttable(_OTHER)


def _flow_entrance(graph: _Graph, latent: str) -> tuple[str, str]:
    """The sum of mean and noise that goes into the flow, and the mask it is given; ``latent`` and "" if unknown."""
    users = {name: node for node in graph.nodes for name in node.inputs}
    node = next((node for node in reversed(graph.nodes) if node.kind == "RandomNormalLike"), None)
    for _ in graph.nodes:
        if node is None or node.kind not in {"RandomNormalLike", "Mul"}:
            break
        node = users.get(node.outputs[0])
    if node is None or node.kind != "Add":
        return latent, ""
    prior = node.outputs[0]
    behind = {prior}
    for later in graph.nodes:  # in the order of their work
        if behind.intersection(later.inputs):
            behind.update(later.outputs)
    flow = _needed(graph, (latent,), {prior}) & behind
    nodes = [node for node in graph.nodes if flow.intersection(node.outputs)]
    given = {name for node in nodes for name in node.inputs if name not in behind and name not in graph.weights} - {""}
    return (prior, given.pop()) if len(given) == 1 else (latent, "")


def _part(graph: _Graph, outputs: tuple[str, ...], cut_at: tuple[str, ...]) -> bytes:
    """The model that computes ``outputs`` and takes ``cut_at`` as given."""
    needed = _needed(graph, outputs, set(cut_at))
    nodes = [node for node in graph.nodes if needed.intersection(node.outputs)]
    used = {name for node in nodes for name in node.inputs}
    pieces: list[bytes | memoryview] = [*graph.rest, *(node.raw for node in nodes)]
    pieces += [raw for name, raw in graph.weights.items() if name in used]
    pieces += [raw for name, raw in graph.inputs.items() if name in used]
    pieces += [_message(_INPUT, _float_value(name)) for name in cut_at]
    pieces += [_message(_OUTPUT, _float_value(name)) for name in outputs]
    size = sum(len(piece) for piece in pieces)
    model = io.BytesIO()  # one join of so much would hold the GIL, and with it every turn, for a tenth of a second
    for piece in (*graph.around, _varint(_MODEL_GRAPH << _TYPE_BITS | _BYTES), _varint(size), *pieces):
        model.write(piece)
    return model.getvalue()


def _needed(graph: _Graph, outputs: tuple[str, ...], given: set[str]) -> set[str]:
    maker = {name: node for node in graph.nodes for name in node.outputs}
    needed: set[str] = set()
    todo = list(outputs)
    while todo:
        name = todo.pop()
        if name not in needed and name not in given:
            needed.add(name)
            todo += maker[name].inputs if name in maker else ()
    return needed


def _read(model: memoryview) -> _Graph:
    fields = list(_fields(model))
    graph = [field.body for field in fields if field.number == _MODEL_GRAPH]
    inside = list(_fields(graph[0]))
    weights = [field for field in inside if field.number == _INITIALIZER]
    known = {_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO}
    return _Graph(
        nodes=tuple(_node(field) for field in inside if field.number == _NODE),
        weights={_text(field.body, _TENSOR_NAME): field.raw for field in weights},
        inputs={_text(field.body, _VALUE_NAME): field.raw for field in inside if field.number == _INPUT},
        outputs=tuple(_text(field.body, _VALUE_NAME) for field in inside if field.number == _OUTPUT),
        rest=tuple(field.raw for field in inside if field.number not in known),
        around=tuple(field.raw for field in fields if field.number != _MODEL_GRAPH),
    )


def _node(field: _Field) -> _Node:
    inside = list(_fields(field.body))

    def texts(number: int) -> tuple[str, ...]:
        return tuple(str(part.body, "utf-8") for part in inside if part.number == number)

    return _Node(field.raw, "".join(texts(_NODE_TYPE)), texts(_NODE_INPUT), texts(_NODE_OUTPUT))


def _text(message: memoryview, number: int) -> str:
    return next((str(field.body, "utf-8") for field in _fields(message) if field.number == number), "")


def _fields(message: memoryview) -> Iterator[_Field]:
    """The fields of a protobuf message. Raises ``IndexError`` or ``NotCuttable`` for what is none."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind = tag & (1 << _TYPE_BITS) - 1
        if kind == _VARINT:
            _, end = _read_varint(message, at)
        elif kind == _BYTES:
            size, at = _read_varint(message, at)
            end = at + size
        elif kind in _FIXED_SIZES:
            end = at + _FIXED_SIZES[kind]
        else:
            raise NotCuttable("not an ONNX file")
        if end > len(message):
            raise NotCuttable("a truncated ONNX file")
        yield _Field(tag >> _TYPE_BITS, message[start:end], message[at:end])
        at = end


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & _PAYLOAD) << shift
        if not byte & _CONTINUES:
            return value, at
        shift += _PAYLOAD_BITS


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > _PAYLOAD:
        out.append(value & _PAYLOAD | _CONTINUES)
        value >>= _PAYLOAD_BITS
    out.append(value)
    return bytes(out)


def _message(number: int, body: bytes) -> bytes:
    return _varint(number << _TYPE_BITS | _BYTES) + _varint(len(body)) + body


def _float_value(name: str) -> bytes:
    return _message(_VALUE_NAME, name.encode()) + _message(_VALUE_TYPE, _FLOAT_TENSOR)
