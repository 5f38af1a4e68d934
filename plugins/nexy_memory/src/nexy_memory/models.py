"""The tables. Unbound: every query names its database, so that one process can hold several.

Times are seconds since the epoch. ``stems`` and ``embedding`` live in the memory's own row, so that deleting the row
leaves no index behind.
"""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


class User(Model):  # type: ignore[misc]
    """A device's user: ``key`` is the keyed hash of the hardware_id, ``consent`` null until they say yes or no."""

    key = CharField(max_length=64, unique=True)
    consent = BooleanField(null=True)
    created_at = DoubleField()

    class Meta:
        table_name = "users"


class Session(Model):  # type: ignore[misc]
    """One conversation as the client names it."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    session_id = CharField(max_length=128)
    started_at = DoubleField()
    last_at = DoubleField()

    class Meta:
        table_name = "sessions"
        indexes = ((("user", "session_id"), True),)


class Turn(Model):  # type: ignore[misc]
    """A question and its answer as delivered; ``cut``: it was interrupted."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    session = ForeignKeyField(Session, on_delete="CASCADE")
    turn_id = CharField(max_length=128, unique=True)
    generation = BigIntegerField()
    prompt = TextField()
    answer = TextField()
    cut = BooleanField()
    language = CharField(max_length=16)
    at = DoubleField()

    class Meta:
        table_name = "turns"
        indexes = ((("user", "at"), False), (("at",), False))


class Memory(Model):  # type: ignore[misc]
    """Something known about a user. A newer memory of the same ``slot`` supersedes the older one."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    text = TextField()
    kind = CharField(max_length=16)
    slot = CharField(max_length=80)
    source_turn = CharField(max_length=128)
    superseded_by = BigIntegerField(null=True)
    created_at = DoubleField()
    expires_at = DoubleField(null=True)
    stems = BlobField()
    embedding = BlobField(null=True)

    class Meta:
        table_name = "memories"
        indexes = ((("user", "superseded_by"), False), (("expires_at",), False))


class Usage(Model):  # type: ignore[misc]
    """Token counts of a day. No user: counts are not personal."""

    day = IntegerField()
    source = CharField(max_length=64)
    model = CharField(max_length=128)
    reports = BigIntegerField()
    input_tokens = BigIntegerField()
    output_tokens = BigIntegerField()

    class Meta:
        table_name = "usage"
        indexes = ((("day", "source", "model"), True),)


class Outbox(Model):  # type: ignore[misc]
    """Work to do on a turn after it is stored (``extract``, ``summarise``), kept until it is done."""

    user = ForeignKeyField(User, on_delete="CASCADE")
    kind = CharField(max_length=16)
    turn_id = CharField(max_length=128)
    attempts = IntegerField()
    next_at = DoubleField(index=True)

    class Meta:
        table_name = "outbox"


class Erasure(Model):  # type: ignore[misc]
    """That something was erased, and how much: never what."""

    user_key = CharField(max_length=64)
    scope = CharField(max_length=16)
    memories = IntegerField()
    turns = IntegerField()
    at = DoubleField()

    class Meta:
        table_name = "erasures"


TABLES = (User, Session, Turn, Memory, Usage, Outbox, Erasure)
