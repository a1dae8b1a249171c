"""An order that can be changed, wishes besides cancelling, what caches saved, where it ran."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("savings", sa.JSON(), nullable=False, server_default="{}"))
        runs.add_column(sa.Column("stopped_at", sa.Integer(), nullable=True))
        runs.add_column(sa.Column("device", sa.String(), nullable=False, server_default=""))
        runs.add_column(sa.Column("plan", sa.String(), nullable=False, server_default=""))
    op.create_index("runs_ended", "runs", ["ended_at"])
    op.create_index("runs_done", "runs", ["model", "rev"], sqlite_where=sa.text("state = 'done'"))
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
        jobs.add_column(sa.Column("wish", sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE jobs SET position = id")
    op.execute("UPDATE jobs SET wish = 'cancel' WHERE cancel")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("priority")
        jobs.drop_column("cancel")
    op.create_index("jobs_waiting", "jobs", ["position"], sqlite_where=sa.text("worker IS NULL"))
