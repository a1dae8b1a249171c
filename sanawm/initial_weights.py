"""First weights of a transformer that is trained from scratch.

Some zeros are dead for good: with a zero short convolution all keys are zero, and with both
the Plücker embedding and its projection at zero neither gets a gradient. So the short
convolution starts as the identity, and every path starts open, if narrow; only the output
starts at zero, where the best guess of a velocity is nothing.
"""

from math import sqrt

import torch
from torch import Generator, nn

_GATE = 0.5  # of each residual branch, before the timestep has a say
_SILU_INVERSE_OF_ONE = 1.27846  # the output gate starts as no gate


@torch.no_grad()
def init_weights(transformer: nn.Module, generator: Generator) -> None:
    """Overwrite every parameter; the same generator state gives the same weights."""
    for name, parameter in transformer.named_parameters():
        if name.endswith("scale_shift_table"):
            parameter.normal_(std=parameter.shape[-1] ** -0.5, generator=generator)
        elif name.endswith(("norm.weight", "norm_cam.weight")):
            parameter.fill_(0.3 if name == "attention_y_norm.weight" else 1)
        elif name.endswith((".conv_k.weight", ".conv_k_cam.weight")):
            parameter.zero_()[..., -1] = 1
        elif parameter.dim() >= 2:
            _init_matrix(name, parameter, generator)
        else:
            _init_vector(name, parameter)


def _init_matrix(name: str, weight: nn.Parameter, generator: Generator) -> None:
    if "final_layer" in name or ".t_conv" in name:
        weight.zero_()
    elif any(part in name for part in ("out_proj_cam", "plucker_proj", "t_block")):
        weight.normal_(std=0.02, generator=generator)
    elif "plucker_embedder" in name:
        weight.normal_(std=1 / sqrt(weight[0].numel()), generator=generator)
    else:
        bound = 1 / sqrt(weight[0].numel())
        weight.uniform_(-bound, bound, generator=generator)


def _init_vector(name: str, vector: nn.Parameter) -> None:
    vector.zero_()
    if name.endswith("beta_proj.bias"):
        vector.fill_(2)
    elif name.endswith("dt_bias"):
        vector.fill_(-5)
    elif name.endswith("output_gate.bias"):
        vector.fill_(_SILU_INVERSE_OF_ONE)
    elif name == "t_block.1.bias":
        vector.view(6, -1)[[2, 5]] = _GATE
