"""The inputs of a run as the model takes them, computed or from a cache.

The text encoder is opened when a prompt is in no cache. Opening it is not counted as time that a
cache saves, since an open encoder serves all later prompts.
Shape letters: B batch, C channels, T latent frames, H, W rows and columns, L tokens, D text
channels.
"""

from torch import Tensor

from sanawm.cache_keys import camera_parts, picture_parts, text_parts
from sanawm.model_parts import ModelParts
from sanawm.picture import Picture
from sanawm.rays import camera_inputs
from sanawm.request import GenerationRequest
from sanawm.run_cache import RunCaches, Tensors
from sanawm.text import stack_texts
from sanawm.transformer import CameraInputs


class InputReader:
    """Reads prompts, first frame and camera path of one run."""

    def __init__(self, parts: ModelParts, caches: RunCaches) -> None:
        self._parts = parts
        self.caches = caches

    def texts(self, request: GenerationRequest) -> tuple[Tensor, Tensor]:
        """Embeddings (B, L, D) and mask (B, L): [negative, positive], or only the prompt."""
        texts = [self._text(request.prompt, negative=False)]
        if request.guidance_scale != 1:
            texts.insert(0, self._text(request.negative_prompt, negative=True))
        return stack_texts(texts)

    def first_latent(self, picture: Picture) -> Tensor:
        """The latent (1, C, 1, H, W) of the first frame."""
        autoencoder, deciding = self._parts.autoencoder, picture_parts(self._parts, picture)
        return self.caches.through(
            "latents", deciding, lambda: {"latent": autoencoder.encode(picture.pixels_BCFHW)}
        )["latent"]

    def camera(self, request: GenerationRequest, picture: Picture) -> CameraInputs:
        """Rays of the path; its intrinsics are in pixels of the picture as the file has it."""
        card, path, size = self._parts.card, request.camera_path, picture.source_size

        def compute() -> Tensors:
            return CameraInputs(*camera_inputs(path, card, size))._asdict()

        deciding = camera_parts(card, path, size)
        return CameraInputs(**self.caches.through("features", deciding, compute))

    def _text(self, prompt: str, *, negative: bool) -> Tensor:
        encoder = self._parts.text_encoder
        deciding = text_parts(self._parts, prompt, negative=negative)

        def compute() -> Tensors:
            return {"text": encoder.encode(prompt, negative=negative)}

        return self.caches.through("text", deciding, compute, opening=encoder.open)["text"]
