"""A few real clips for made-up notebooks: this project's own worlds, filmed along camera paths.

Each is what a perfect model would have drawn of a bundled example and a path, so that picture,
words, path and video of a made-up run agree. Some go on from the last frame of another clip.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from examples import FOV_DEGREES, WORLDS

from sanawm.camera.continuation import state_at
from sanawm.camera.path import CameraPath
from sanawm.camera.sources import resolve_source
from sanawm.card import ModelCard
from sanawm.stills import write_hover, write_poster, write_thumbnail
from sanawm.video import write_mp4
from sanawm.video_reading import frame_at
from sanawm.worlds.clips import camera_intrinsics, sample_worlds
from sanawm.worlds.render import render
from sanawm.worlds.scene import Scenes
from storage.database import Database
from storage.files import write_whole
from storage.tables import Asset
from studio.settings import Settings
from studio.studio import Studio

PATHS = (
    ("push-in", 33), ("orbit-left", 33), ("pan-right", 17), ("w-8,dw-8", 17),
    ("truck-right", 17), ("around", 33), ("walk", 33), ("a-8,none-4,d-16", 33),
    ("orbit-right", 33), ("pull-out", 17), ("crane-up", 17), ("i-4,k-8,w-4", 17),
    ("pan-left", 33), ("truck-left", 17), ("hold", 17), ("dw-12,none-4", 17),
)  # fmt: skip
FOLLOWING = ("pan-left", 17)  # what a clip that goes on from another one does
SCENES = (0, 1, 2, 0, 1, 0, 3, 4, 5, 3, 4, 3)  # so that soon there are several clips of one
EXTENDED_EVERY = 4  # clips


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A video with what it was made of."""

    scene: int  # which of the examples
    prompt: str
    image_sha256: str
    path: CameraPath
    path_sha256: str
    files: tuple[Path, ...]  # video.mp4, poster.jpg, ...
    extension: "Clip | None" = None  # what goes on from its last frame


class Camera:
    """Films the examples' worlds and keeps pictures, paths and videos in a data folder."""

    def __init__(self, database: Database) -> None:
        settings = Settings(data_folder=database.folder.root)
        self._database = database
        self._studio = Studio(settings, database, local_owner=True)
        self._card = ModelCard.load(settings.model_folder)
        self._scenes, starts = sample_worlds(list(WORLDS), "held_out")
        self._starts_S44 = starts.matrices()

    def clips(self, count: int, folder: Path) -> Iterator[Clip]:
        """So many clips, one scene after the other; extensions come on top."""
        titles = [title for title, _ in WORLDS.values()]
        prompts = [prompt for _, prompt in WORLDS.values()]
        for index in range(count):
            scene = SCENES[index % len(SCENES)]
            words, num_frames = PATHS[index % len(PATHS)]
            picture = f"{titles[scene].lower().replace(' ', '-')}.jpg"
            clip = self._film(
                scene,
                self._starts_S44[scene],
                resolve_source(source_of(words), num_frames, self._card),
                self._studio.use_example(picture).sha256,
                folder / str(index),
            )
            clip = replace(clip, prompt=prompts[scene])
            extends = index % EXTENDED_EVERY == 0
            yield replace(clip, extension=self._follow(clip)) if extends else clip

    def _follow(self, clip: Clip) -> Clip:
        """What comes after a clip's last frame."""
        last = clip.path.num_frames - 1
        words, num_frames = FOLLOWING
        start = state_at(clip.path, last, self._card).to_dict()
        path = resolve_source(source_of(words) | {"start": start}, num_frames, self._card)
        picture = clip.files[0].with_name("last.png")
        picture.write_bytes(frame_at(clip.files[0], last))
        following = self._film(
            clip.scene,
            self._starts_S44[clip.scene] @ clip.path.c2w[last],
            path,
            self._studio.store_image(picture).sha256,
            picture.parent / "next",
        )
        return replace(following, prompt=clip.prompt)

    def _film(
        self, scene: int, start_44: Any, path: CameraPath, image_sha256: str, folder: Path
    ) -> Clip:
        card, folder = self._card, make_folder(folder)
        lens = camera_intrinsics(np.array([FOV_DEGREES]), path.num_frames, card.height, card.width)
        world: Scenes = self._scenes.take(np.array([scene]))
        poses = (start_44 @ path.c2w)[None]
        frames, _ = render(world, poses, lens, height=card.height, width=card.width)
        video = folder / "video.mp4"
        write_mp4(frames[0].numpy(), video, card.fps, {"scene": scene})
        write_poster(video, folder / "poster.jpg")
        write_thumbnail(video, folder / "thumb.webp")
        write_hover(video, folder / "hover.mp4")
        write_whole(folder / "c2w.npz", path.to_npz())
        return Clip(
            scene=scene,
            prompt="",
            image_sha256=image_sha256,
            path=path,
            path_sha256=self._keep(path),
            files=(video, *sorted(file for file in folder.glob("*.*") if file != video)),
        )

    def _keep(self, path: CameraPath) -> str:
        sha256 = self._database.folder.store_asset(path.to_npz(), "npz")
        with self._database.write() as session:
            session.merge(Asset(sha256=sha256, extension="npz", width=0, height=0, created_at=0.0))
        return sha256


def source_of(words: str) -> dict[str, Any]:
    """A preset's name or an action string as the source of a path."""
    is_actions = any(character.isdecimal() for character in words)
    kind = "actions" if is_actions else "preset"
    return {"kind": kind, kind: words}


def make_folder(folder: Path) -> Path:
    """The folder, there from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
