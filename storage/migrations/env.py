"""How Alembic reaches the database; run by `storage.migrate`, or by hand to draft a script.

By hand: `alembic revision --autogenerate` with a Config whose attributes name a "database" file.
Foreign keys are off while tables are rebuilt, and everything happens in one transaction.
"""

from alembic import context
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from storage.tables import Base


def _take_write_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate() -> None:
    database = context.config.attributes["database"]
    engine = create_engine(
        f"sqlite:///{database}", poolclass=NullPool, connect_args={"isolation_level": None}
    )
    event.listen(engine, "begin", _take_write_lock)
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transactional_ddl=True,
        )
        context.run_migrations()


_migrate()
