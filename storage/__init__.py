"""Rows, files and the queue's statements: SQLite through SQLAlchemy. No torch, no page."""
