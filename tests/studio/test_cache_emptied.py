"""The model's caches and the clean-up of the settings page, at work on the same folder at once."""

import threading

import torch

from sanawm.cache import TensorCache


def test_a_cache_that_is_emptied_while_it_is_used_only_misses(studio, settings):
    cache = TensorCache(settings.data_folder / "cache" / "latents", limit_bytes=1 << 20)
    tensors = {number: torch.full((64,), float(number)) for number in range(8)}
    stopped, hits = threading.Event(), 0

    def clean():
        while not stopped.is_set():
            studio.housekeeping.clean("latents", "", settings.data_folder / "gradio")

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    for turn in range(400):
        key = f"{turn % 8:064x}"
        found = cache.get(key)
        if found is None:
            cache.put(key, {"latents": tensors[turn % 8]}, seconds=1.0)
            found = cache.get(key)
        if found is not None:
            hits += 1
            assert torch.equal(found.tensors["latents"], tensors[turn % 8])
    stopped.set()
    cleaner.join()

    assert hits
    studio.housekeeping.clean("latents", "", settings.data_folder / "gradio")
    assert list(cache.folder.iterdir()) == []
