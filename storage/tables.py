"""The tables: runs, what they start from, the jobs that make them, notebooks, cells and links.

Times are UNIX seconds. A run id is a ULID, so ids sort by the time of submission. A `Job` exists
exactly while its run is queued (no worker) or running (a worker and a lease); `Run.state` is
written in the same transaction, by `storage.queue` alone. What decides a run's pixels never changes
once it has started; rating, note, tags and whether it lies in the trash may at any time.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Computed, ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

INBOX = "inbox"  # the notebook that is always there
# A search looks at these of every run; an index that holds them all spares it the long rows.
GALLERY_COLUMNS = (
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
)
PATH_NAME = (  # a preset's id; "own" for actions and poses
    "CASE WHEN json_extract(path_source, '$.kind') = 'preset' "
    "THEN json_extract(path_source, '$.preset') ELSE 'own' END"
)


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        dict[str, float]: JSON,
        list[list[float]]: JSON,
        list[str]: JSON,
    }


class Counter(Base):
    """A number that only grows: "rev" counts changes a page may care about, "number" the runs."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class Setting(Base):
    """A value kept for the whole notebook, such as whether the queue is paused."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]


class Asset(Base):
    """A file under `assets/` named by the hash of its content: a first frame or a camera path."""

    __tablename__ = "assets"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    extension: Mapped[str]  # png, jpg, npz
    width: Mapped[int]  # 0 for a camera path
    height: Mapped[int]
    created_at: Mapped[float]


class Run(Base):
    """One generation: everything that decides its pixels, where it stands, what it took."""

    __tablename__ = "runs"
    # Nobody asks a new row for its computed column, and reading it back costs every press.
    __mapper_args__: dict[str, Any] = {"eager_defaults": False}  # noqa: RUF012 - as the base has it
    __table_args__ = (
        Index("runs_rev", "rev"),
        Index("runs_ended", "ended_at"),
        Index("runs_done", "model", "ended_at", sqlite_where=text("state = 'done'")),
        Index("runs_root", "root_id"),
        Index("runs_gallery", *GALLERY_COLUMNS),
        Index("runs_parent", "parent_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    rev: Mapped[int]
    state: Mapped[str]
    stage: Mapped[str] = mapped_column(default="")
    step: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    preview: Mapped[str] = mapped_column(default="")  # file name inside the attempt's folder
    attempt: Mapped[int] = mapped_column(default=0)  # how often it was claimed; names the folder
    error: Mapped[str] = mapped_column(default="")

    client_key: Mapped[str | None] = mapped_column(unique=True)
    visitor: Mapped[str] = mapped_column(default="")  # hash of the visitor's key
    parent_id: Mapped[str | None]
    root_id: Mapped[str] = mapped_column(default="")  # the oldest ancestor; its own id of one
    relation: Mapped[str] = mapped_column(default="")  # to its parent: remix, reseed, extend, ...
    start_frame: Mapped[int | None]  # the frame of its parent that an `extend` goes on from
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]

    prompt: Mapped[str]
    negative_prompt: Mapped[str]
    image_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"))
    path_sha256: Mapped[str] = mapped_column(ForeignKey("assets.sha256"))
    path_source: Mapped[dict[str, Any]]
    path_name: Mapped[str] = mapped_column(Computed(PATH_NAME, persisted=False))
    path_points: Mapped[list[list[float]]]
    num_frames: Mapped[int]
    fps: Mapped[float]
    width: Mapped[int]  # of the video
    height: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    num_inference_steps: Mapped[int]
    guidance_scale: Mapped[float]
    model: Mapped[str]
    model_revision: Mapped[str]

    rating: Mapped[int] = mapped_column(default=0)  # stars, 1 to 5; 0 where nobody gave any
    note: Mapped[str] = mapped_column(default="")  # Markdown
    tags: Mapped[list[str]] = mapped_column(default=list)
    deleted_at: Mapped[float | None]  # since when it lies in the trash

    timings: Mapped[dict[str, float]] = mapped_column(default=dict)  # seconds per stage
    savings: Mapped[dict[str, float]] = mapped_column(default=dict)  # seconds per cache that had it
    stopped_at: Mapped[int | None]  # the step after which it was stopped early and kept
    device: Mapped[str] = mapped_column(default="")  # what it ran on, as speed depends on it
    plan: Mapped[str] = mapped_column(default="")  # and how: precision, guidance
    check: Mapped[dict[str, Any]] = mapped_column(default=dict)  # of a repetition: how alike
    record: Mapped[dict[str, Any]] = mapped_column(
        default=dict,
        deferred=True,  # threads, precision, ... as it ran; long, and rarely read
    )

    @property
    def seconds(self) -> float | None:
        """From start to end; None where it has not ended or never started."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


class Job(Base):
    """Work to do for a run. Without a worker it waits; with one it runs until its lease ends.

    Who waits is served by rising position. A wish is what a person asked of a run that is being
    made: to cancel it, or to stop early and keep what there is.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_waiting", "position", sqlite_where=text("worker IS NULL")),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), unique=True)
    position: Mapped[int]
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)  # attempts whose worker died
    worker: Mapped[str | None]
    lease_until: Mapped[float | None]
    wish: Mapped[str] = mapped_column(default="")  # "", cancel, keep


class Notebook(Base):
    """An ordered list of cells under a title."""

    __tablename__ = "notebooks"

    id: Mapped[str] = mapped_column(primary_key=True)  # a ULID, or INBOX
    rev: Mapped[int]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    newest_first: Mapped[bool] = mapped_column(default=True)
    visitor: Mapped[str] = mapped_column(default="")  # hash of the key of whoever made it
    created_at: Mapped[float]
    deleted_at: Mapped[float | None]


class Cell(Base):
    """A place in a notebook: a run, a text, a comparison of runs, or a sweep.

    Positions rise in the order in which cells were added; a notebook that shows the newest first
    shows them downwards. A run may have cells in several notebooks.
    """

    __tablename__ = "cells"
    __table_args__ = (
        Index("cells_order", "notebook_id", "position"),
        Index("cells_run", "run_id"),
        Index("cells_rev", "rev"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    rev: Mapped[int]
    notebook_id: Mapped[str] = mapped_column(ForeignKey("notebooks.id", ondelete="CASCADE"))
    visitor: Mapped[str] = mapped_column(default="")  # of its runs, else of its notebook
    kind: Mapped[str]  # run, text, compare, sweep
    position: Mapped[float]
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"text"}, {"runs", ...}
    collapsed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]
    deleted_at: Mapped[float | None]


class Share(Base):
    """A link to one run or one notebook, read-only. Whoever has the token sees what it shows."""

    __tablename__ = "shares"
    __table_args__ = (Index("shares_run", "run_id"), Index("shares_notebook", "notebook_id"))

    token: Mapped[str] = mapped_column(primary_key=True)  # 128 random bits
    kind: Mapped[str]  # run, notebook
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    notebook_id: Mapped[str | None] = mapped_column(ForeignKey("notebooks.id", ondelete="CASCADE"))
    visitor: Mapped[str] = mapped_column(default="")  # hash of the key of whoever made it
    with_recipe: Mapped[bool] = mapped_column(default=True)  # settings, path, remix and bundle
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class KeptDraft(Base):
    """What somebody's form holds, so that no typing is lost: one for each visitor."""

    __tablename__ = "drafts"

    visitor: Mapped[str] = mapped_column(primary_key=True)
    form: Mapped[dict[str, Any]]
    parent_id: Mapped[str | None]
    updated_at: Mapped[float]
