"""Links to runs and notebooks, and whose each cell is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

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
    "visitor",
]
WHOSE = """
UPDATE cells SET visitor = coalesce(
    (SELECT visitor FROM runs WHERE runs.id = cells.run_id),
    (SELECT visitor FROM runs WHERE runs.id = json_extract(cells.content, '$.runs[0]')
        AND cells.kind = 'sweep'),
    (SELECT visitor FROM notebooks WHERE notebooks.id = cells.notebook_id),
    '')
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.add_column("cells", sa.Column("visitor", sa.String(), nullable=False, server_default=""))
    op.execute(WHOSE)
    op.drop_index("runs_gallery", "runs")
    op.create_index("runs_gallery", "runs", GALLERY_COLUMNS)
    run, notebook = "runs.id", "notebooks.id"
    op.create_table(
        "shares",
        sa.Column("token", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), sa.ForeignKey(run, ondelete="CASCADE"), nullable=True),
        sa.Column(
            "notebook_id", sa.String(), sa.ForeignKey(notebook, ondelete="CASCADE"), nullable=True
        ),
        sa.Column("visitor", sa.String(), nullable=False),
        sa.Column("with_recipe", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
    )
    op.create_index("shares_run", "shares", ["run_id"])
    op.create_index("shares_notebook", "shares", ["notebook_id"])
