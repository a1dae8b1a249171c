"""Notebooks of cells, marks on runs, families, drafts, the trash, and words to search."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PATH_NAME = (
    "CASE WHEN json_extract(path_source, '$.kind') = 'preset' "
    "THEN json_extract(path_source, '$.preset') ELSE 'own' END"
)
GALLERY_COLUMNS = [
    "deleted_at",
    "id",
    "created_at",
    "root_id",
    "parent_id",
    "number",
    "rating",
    "state",
    "model",
    "seed",
    "tags",
    "path_name",
]
# Tags are JSON, in which letters such as é are written as numbers.
TAGS = "(SELECT group_concat(value, ' ') FROM json_each({row}.tags))"
FOUND = f"new.number, new.prompt, new.note, {TAGS.format(row='new')}"
WORDS = "INSERT INTO run_words (rowid, prompt, note, tags)"
ROOTS = """
WITH RECURSIVE family (id, root) AS (
    SELECT id, id FROM runs WHERE parent_id IS NULL OR parent_id NOT IN (SELECT id FROM runs)
    UNION ALL
    SELECT runs.id, family.root FROM runs JOIN family ON runs.parent_id = family.id
)
UPDATE runs SET root_id = family.root FROM family WHERE family.id = runs.id
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    _mark_runs()
    _make_notebooks()
    op.create_table(
        "drafts",
        sa.Column("visitor", sa.String(), primary_key=True),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
    )
    _make_search()


def _mark_runs() -> None:
    text, number = sa.String(), sa.Integer()
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("root_id", text, nullable=False, server_default=""))
        runs.add_column(sa.Column("relation", text, nullable=False, server_default=""))
        runs.add_column(sa.Column("start_frame", number, nullable=True))
        runs.add_column(sa.Column("rating", number, nullable=False, server_default="0"))
        runs.add_column(sa.Column("note", text, nullable=False, server_default=""))
        runs.add_column(sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
        runs.add_column(sa.Column("deleted_at", sa.Double(), nullable=True))
        runs.add_column(sa.Column("check", sa.JSON(), nullable=False, server_default="{}"))
    op.execute(ROOTS)
    op.execute("UPDATE runs SET root_id = id WHERE root_id = ''")  # its ancestors go in a circle
    op.execute("UPDATE runs SET relation = 'remix' WHERE parent_id IS NOT NULL")
    op.drop_index("runs_done", "runs")
    op.create_index(
        "runs_done", "runs", ["model", "ended_at"], sqlite_where=sa.text("state = 'done'")
    )
    op.create_index("runs_root", "runs", ["root_id"])
    op.create_index("runs_parent", "runs", ["parent_id"])
    op.execute(f"ALTER TABLE runs ADD COLUMN path_name VARCHAR NOT NULL AS ({PATH_NAME})")
    op.create_index("runs_gallery", "runs", GALLERY_COLUMNS)


def _make_notebooks() -> None:
    op.create_table(
        "notebooks",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("newest_first", sa.Boolean(), nullable=False),
        sa.Column("visitor", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
    )
    notebook, run = "notebooks.id", "runs.id"
    op.create_table(
        "cells",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column(
            "notebook_id", sa.String(), sa.ForeignKey(notebook, ondelete="CASCADE"), nullable=False
        ),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Double(), nullable=False),
        sa.Column("run_id", sa.String(), sa.ForeignKey(run, ondelete="CASCADE"), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("collapsed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
    )
    op.create_index("cells_order", "cells", ["notebook_id", "position"])
    op.create_index("cells_run", "cells", ["run_id"])
    op.create_index("cells_rev", "cells", ["rev"])
    op.execute(
        "INSERT INTO notebooks (id, rev, title, description, newest_first, visitor, created_at) "
        f"VALUES ('inbox', 0, 'Inbox', '', 1, '', {time.time():.0f})"
    )
    op.execute(
        "INSERT INTO cells (id, rev, notebook_id, kind, position, run_id, content, collapsed, "
        "created_at) SELECT id, 0, 'inbox', 'run', number, id, '{}', 0, created_at FROM runs"
    )


def _make_search() -> None:
    """A full-text index that triggers keep true, whoever writes a run."""
    op.execute(
        "CREATE VIRTUAL TABLE run_words USING fts5 "
        "(prompt, note, tags, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"
    )
    op.execute(f"{WORDS} SELECT number, prompt, note, {TAGS.format(row='runs')} FROM runs")
    op.execute(
        f"CREATE TRIGGER run_words_add AFTER INSERT ON runs BEGIN {WORDS} VALUES ({FOUND}); END"
    )
    op.execute(
        "CREATE TRIGGER run_words_change AFTER UPDATE OF prompt, note, tags ON runs BEGIN "
        "UPDATE run_words SET prompt = new.prompt, note = new.note, "
        f"tags = {TAGS.format(row='new')} "
        "WHERE rowid = new.number; END"
    )
    op.execute(
        "CREATE TRIGGER run_words_drop AFTER DELETE ON runs BEGIN "
        "DELETE FROM run_words WHERE rowid = old.number; END"
    )
