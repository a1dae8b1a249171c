"""The application without a page: use cases, the worker process, live events."""
