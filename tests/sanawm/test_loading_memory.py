"""Loading for a graphics card needs hardly any of the computer's own memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIZES = (
    "TransformerConfig(num_layers=4, hidden_size=768, num_attention_heads=8, linear_head_dim=96)"
)

WRITING = f"""
import json, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from sanawm.config import TransformerConfig
from sanawm.transformer import SanaWMTransformer
part = Path(sys.argv[1]) / "transformer"
part.mkdir(parents=True)
transformer = SanaWMTransformer({SIZES})
save_file(transformer.state_dict(), part / "diffusion_pytorch_model.safetensors")
(part / "config.json").write_text(json.dumps(transformer.config.to_diffusers()))
"""

# Own memory, which is not the mapped file's, is looked at after every tensor. Nothing lies on the
# meta device, as nothing of what lies on a card lies in the computer's memory.
LOADING = """
import sys
from pathlib import Path
import torch
from sanawm import weights
from sanawm.card import ModelCard

def own():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024

seen = []
def looking(*arguments, merged=weights.merged, **options):
    result = merged(*arguments, **options)
    seen.append(own())
    return result

with torch.device("meta"):  # what torch itself needs for it comes first
    weights.SanaWMTransformer(weights.find_checkpoint(Path(sys.argv[1])).config).to(torch.bfloat16)
torch.ones(1).to("meta")
weights.merged = looking
before = own()
transformer = weights.load_transformer(
    Path(sys.argv[1]), ModelCard(), device=torch.device(sys.argv[2]), dtype=torch.bfloat16
)
print(max(seen) - before, sum(x.numel() for x in transformer.parameters()) * 4)
"""


def in_a_process_of_its_own(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells own memory")
def test_a_checkpoint_goes_to_a_card_without_lying_in_the_computer_s_memory(tmp_path):
    in_a_process_of_its_own(WRITING, tmp_path)
    on_a_card, size = in_a_process_of_its_own(LOADING, tmp_path, "meta")
    here, _ = in_a_process_of_its_own(LOADING, tmp_path, "cpu")
    assert size > 200 << 20
    assert on_a_card < size / 8
    assert 0.9 * size / 2 < here < size / 2 + (96 << 20)  # the model itself, in half the bytes
