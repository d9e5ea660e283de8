"""Schemas of data: a structural break told from an addition."""

from __future__ import annotations

import json

import pytest

from release_mgmt.core.evidence import schemas
from release_mgmt.core.evidence.bounded import Unreadable


def told(path: str, old: str | None, new: str | None) -> list[tuple[str, str, bool]]:
    sides = [text.encode() if text is not None else None for text in (old, new)]
    return [(one.subject, one.what, one.breaks) for one in schemas.changes(path, *sides)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE shop.orders DROP COLUMN total;", ("shop.orders.total", "column removed", True)),
        ("alter table orders add column note text;", ("orders.note", "column added", False)),
        ("ALTER TABLE orders ADD note TEXT NOT NULL", ("orders.note", "column added that must be filled", True)),
        ("ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0", ("orders.n", "column added", False)),
        ("ALTER TABLE orders RENAME COLUMN a TO b;", ("orders.a", "column renamed", True)),
        ('ALTER TABLE "orders" ALTER COLUMN "a" TYPE bigint', ("orders.a", "column type changed", True)),
        ("ALTER TABLE orders ALTER a DROP NOT NULL", ("orders.a", "column loosened", False)),
        ("DROP TABLE IF EXISTS orders", ("orders", "table removed", True)),
        ("CREATE TABLE IF NOT EXISTS t (id int primary key, x text)", ("t", "table added", False)),
        ("DROP VIEW v", ("v", "view removed", True)),
    ],
)
def test_sql_migration(statement: str, expected: tuple[str, str, bool]) -> None:
    """Each statement of a new migration says what it does."""
    assert told("migrations/0002.sql", None, f"-- DROP TABLE x;\n{statement}") == [expected]


def test_sql_schema_file() -> None:
    """A schema kept as one file is compared column by column; queries say nothing."""
    old = "CREATE TABLE t (id int, a text, b numeric(10, 2), PRIMARY KEY (id));\nCREATE TABLE gone (x int);"
    new = "CREATE TABLE t (id int, a varchar(5), c text, PRIMARY KEY (id));\nSELECT 1;"
    assert told("schema.sql", old, new) == [
        ("t.a", "column changed", True),
        ("t.b", "column removed", True),
        ("t.c", "column added", False),
        ("gone", "table removed", True),
    ]
    assert told("models/orders.sql", "select a from t", "select b from t") == []


def test_python_migrations() -> None:
    """Alembic and Django say it in calls; the way back does not count."""
    alembic = (
        "from alembic import op\nimport sqlalchemy as sa\n"
        "def upgrade():\n"
        "    op.add_column('orders', sa.Column('note', sa.Text(), nullable=True))\n"
        "    op.drop_column('orders', 'total')\n"
        "    op.alter_column('orders', 'a', new_column_name='b')\n"
        "def downgrade():\n    op.drop_table('orders')\n"
    )
    assert told("migrations/versions/0002_x.py", None, alembic) == [
        ("orders.note", "column added", False),
        ("orders.total", "column removed", True),
        ("orders.a", "column changed", True),
    ]
    django = "class Migration(migrations.Migration):\n    operations = [migrations.RemoveField('order', 'total')]\n"
    assert told("shop/migrations/0002_x.py", None, django) == [("order.total", "column removed", True)]


PROTO = """
syntax = "proto3";
message Score { // a comment
  string id = 1;
  repeated double values = 2;
  message Inner { int32 x = 1; }
  oneof which { string a = 3; }
}
enum Kind { UNKNOWN = 0; GOOD = 1; }
service Scoring { rpc Get (Score) returns (stream Score) {} }
"""


def test_protobuf() -> None:
    """Fields are compared by number, values and calls by name."""
    new = (
        PROTO.replace("repeated double values = 2", "repeated float values = 2;\n  int64 n = 4")
        .replace("int32 x = 1", "int32 y = 1")
        .replace(" GOOD = 1;", "")
        .replace("rpc Get (Score)", "rpc Get (Kind)")
    )
    assert told("api/score.proto", PROTO, new) == [
        ("Score.values", "field type changed", True),
        ("Score.Inner.x", "field renamed", True),
        ("Score.n", "field added", False),
        ("Kind.GOOD", "value removed", True),
        ("Scoring.Get", "call changed", True),
    ]


def test_json_schema() -> None:
    """Required properties, types, values and removals break; further optional properties do not."""
    old = {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"enum": ["x", "y"]},
            "c": {},
            "d": {"items": {"type": "string"}},
        },
        "required": ["a"],
    }
    new = {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"enum": ["x"]}, "d": {"items": {"type": "integer"}}, "e": {}},
        "required": ["a", "d"],
    }
    assert told("order.schema.json", json.dumps(old), json.dumps(new)) == [
        ("a", "type changed", False),
        ("b", "value removed", True),
        ("c", "property removed", True),
        ("d", "property is required now", True),
        ("d[]", "type changed", True),
        ("e", "property added", False),
    ]


def test_openapi() -> None:
    """Operations, parameters and schemas are compared."""
    old = """
openapi: 3.1.0
paths:
  /scores/{id}:
    get:
      parameters: [{name: id, in: path, required: true}]
      responses: {'200': {content: {application/json: {schema: {$ref: '#/components/schemas/Score'}}}}}
    delete: {responses: {}}
components:
  schemas: {Score: {type: object, properties: {value: {type: number}}}}
"""
    new = (
        old.replace("    delete: {responses: {}}\n", "")
        .replace("required: true}]", "required: true}, {name: day, in: query, required: true}]")
        .replace("value: {type: number}", "value: {type: string}")
    )
    assert sorted(told("docs/openapi.yaml", old, new)) == [
        ("DELETE /scores/{id}", "operation removed", True),
        ("GET /scores/{id} day", "required parameter added", True),
        ("Score.value", "type changed", True),
    ]


def test_avro() -> None:
    """A field without default cannot come unnoticed, one that goes is missed; a union may widen."""

    def record(*fields: dict[str, object]) -> str:
        return json.dumps({"type": "record", "name": "R", "fields": list(fields)})

    old = record({"name": "a", "type": "string"}, {"name": "b", "type": "int"}, {"name": "c", "type": "int"})
    new = record(
        {"name": "a", "type": "string"},
        {"name": "b", "type": "string"},
        {"name": "d", "type": "int"},
        {"name": "e", "type": ["null", "int"], "default": None},
    )
    assert told("r.avsc", old, new) == [
        ("R.b", "type changed", True),
        ("R.c", "field removed", True),
        ("R.d", "field added without a default", True),
        ("R.e", "field added", False),
    ]


def test_unreadable_schema() -> None:
    """A broken schema says so."""
    with pytest.raises(Unreadable):
        schemas.changes("a.avsc", b"{}", b"{")


def lines(path: str, old: str, new: str) -> dict[tuple[str, str], int | None]:
    return {(one.subject, one.what): one.line for one in schemas.changes(path, old.encode(), new.encode())}


def test_the_line_of_a_part() -> None:
    """In the new file, in the old one for what is gone; references and longer names do not count."""
    old = """openapi: 3.1.0
paths:
  /orders:
    get:
      parameters:
        - name: limit
      responses:
        '200':
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Order'}
    delete: {}
components:
  schemas:
    OrderLine:
      type: object
    Order:
      type: object
      properties:
        id_of: {type: string}
        id: {type: string}
        gone: {type: string}
"""
    new = old.replace("        id: {type: string}\n        gone", "        id: {type: integer}\n        more")
    new = new.replace("    delete: {}\n", "").replace("name: limit", "name: limit\n          required: true")
    assert lines("openapi.yaml", old, new) == {
        ("DELETE /orders", "operation removed"): 12,
        ("GET /orders limit", "parameter is required now"): 6,
        ("Order.id", "type changed"): 21,
        ("Order.gone", "property removed"): 22,
        ("Order.more", "property added"): 22,
    }
    record = '{"type": "record", "name": "orders",\n "fields": [\n  {"name": "total", "type": "int"}%s\n]}'
    assert lines("orders.avsc", record % "", record % ',\n  {"name": "note", "type": "string"}') == {
        ("orders.note", "field added without a default"): 4
    }
    schema = '{"properties": {\n  "a": {"type": "string"},\n  "b": {"enum": ["x", "y"]}\n}}'
    assert lines("x.schema.json", schema, schema.replace(', "y"', "")) == {("b", "value removed"): 3}


def test_a_line_is_not_looked_for_without_end() -> None:
    """A text over a megabyte has facts without lines."""
    filler = " " * 1_000_001
    schema = '{"properties": {"a": {"type": "string"}}}'
    assert lines("x.schema.json", schema + filler, schema.replace("string", "integer") + filler) == {
        ("a", "type changed"): None
    }
