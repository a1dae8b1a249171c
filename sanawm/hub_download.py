"""Files of a public repository into the Hugging Face cache; a large one goes on where it stopped.

huggingface_hub 2.4 begins a file anew when its download was interrupted. Of files of gigabytes
what has come is kept here, in the cache's own folder under a name of ours, and once it is whole
and its hash is the published one, it becomes the cache's file. Sizes are bytes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    get_token,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.file_download import http_get, repo_folder_name

from sanawm.errors import ModelFilesMissingError

LARGE_BYTES = 16 << 20  # less is quicker fetched again than taken up
HASHED_BYTES = 1 << 24  # read at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file of a repository at one commit; `sha256` is "" of a file that lies in git itself."""

    repo: str
    commit: str
    path: str
    size: int
    sha256: str


def list_files(repo: str, revision: str) -> list[HubFile]:
    """What a repository holds at a branch, tag or commit; asks the hub."""
    info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    assert info.sha is not None, repo
    return [
        HubFile(
            repo=repo,
            commit=info.sha,
            path=file.rfilename,
            size=file.size or 0,
            sha256=file.lfs.sha256 if file.lfs else "",
        )
        for file in info.siblings or ()
    ]


def bytes_here(file: HubFile) -> int:
    """How much of a file need not be fetched."""
    if try_to_load_from_cache(file.repo, file.path, revision=file.commit):
        return file.size
    for path in (_blob(file), _partial(file)) if file.sha256 else ():
        if path.is_file():
            return min(path.stat().st_size, file.size)
    return 0


def download(file: HubFile) -> Path:
    """Its place in the cache, where it is after this."""
    if file.sha256 and file.size >= LARGE_BYTES and bytes_here(file) < file.size:
        _download_large(file)
    return Path(hf_hub_download(file.repo, file.path, revision=file.commit))


def _download_large(file: HubFile) -> None:
    url = hf_hub_url(file.repo, file.path, revision=file.commit)
    location = get_hf_file_metadata(url).location
    # A signed address of a store elsewhere needs no token, and gets none.
    token = get_token() if urlsplit(location).netloc == urlsplit(url).netloc else None
    partial = _partial(file)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as stream:
        http_get(
            location,
            stream,
            resume_size=stream.tell(),
            headers={"authorization": f"Bearer {token}"} if token else {},
            expected_size=file.size,
            displayed_filename=file.path,
        )
    if _sha256(partial) != file.sha256:
        partial.unlink()
        raise ModelFilesMissingError(
            f"{file.path} of {file.repo} arrived damaged and was removed. Fetch it once more."
        )
    partial.replace(_blob(file))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(HASHED_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _blob(file: HubFile) -> Path:
    """Where the cache keeps a large file: under its hash."""
    folder = repo_folder_name(repo_id=file.repo, repo_type="model")
    return Path(constants.HF_HUB_CACHE).expanduser() / folder / "blobs" / file.sha256


def _partial(file: HubFile) -> Path:
    return _blob(file).with_name(f"{file.sha256}.wanderbook.incomplete")
