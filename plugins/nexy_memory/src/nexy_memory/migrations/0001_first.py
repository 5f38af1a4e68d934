"""The tables of 0.1."""

from typing import Any

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Database,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def _people(db: Database) -> list[type[Model]]:
    """Who speaks and what was said, as in 0.1."""

    class User(Model):  # type: ignore[misc]
        key = CharField(max_length=64, unique=True)
        consent = BooleanField(null=True)
        created_at = DoubleField()

        class Meta:
            table_name = "users"

    class Session(Model):  # type: ignore[misc]
        user = ForeignKeyField(User, on_delete="CASCADE", index=False)
        session_id = CharField(max_length=128)
        started_at = DoubleField()
        last_at = DoubleField()

        class Meta:
            table_name = "sessions"
            indexes = ((("user", "session_id"), True),)

    class Turn(Model):  # type: ignore[misc]
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

    return _bound(db, User, Session, Turn)


def _memories(db: Database, user: type[Model]) -> list[type[Model]]:
    """What is known and what is to be done with turns, as in 0.1."""
    owner = user

    class Memory(Model):  # type: ignore[misc]
        user = ForeignKeyField(owner, on_delete="CASCADE", index=False)
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

    class Outbox(Model):  # type: ignore[misc]
        user = ForeignKeyField(owner, on_delete="CASCADE")
        kind = CharField(max_length=16)
        turn_id = CharField(max_length=128)
        attempts = IntegerField()
        next_at = DoubleField(index=True)

        class Meta:
            table_name = "outbox"

    return _bound(db, Memory, Outbox)


def _records(db: Database) -> list[type[Model]]:
    """Counts without persons, and what was erased, as in 0.1."""

    class Usage(Model):  # type: ignore[misc]
        day = IntegerField()
        source = CharField(max_length=64)
        model = CharField(max_length=128)
        reports = BigIntegerField()
        input_tokens = BigIntegerField()
        output_tokens = BigIntegerField()

        class Meta:
            table_name = "usage"
            indexes = ((("day", "source", "model"), True),)

    class Erasure(Model):  # type: ignore[misc]
        user_key = CharField(max_length=64)
        scope = CharField(max_length=16)
        memories = IntegerField()
        turns = IntegerField()
        at = DoubleField()

        class Meta:
            table_name = "erasures"

    return _bound(db, Usage, Erasure)


def _bound(db: Database, *tables: type[Model]) -> list[type[Model]]:
    db.bind(tables)
    return list(tables)


def _tables(db: Database) -> list[type[Model]]:
    """Frozen copies of the models."""
    people = _people(db)
    return [*people, *_memories(db, people[0]), *_records(db)]


def up(migrator: Any, db: Database) -> None:  # noqa: ARG001  # the runner's signature
    """Create them."""
    db.create_tables(_tables(db))


def down(migrator: Any, db: Database) -> None:  # noqa: ARG001
    """Drop them."""
    db.drop_tables(_tables(db))
