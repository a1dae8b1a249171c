"""Sizes of the public models' parts, for plans before anything of them is on this computer.

Counted from the classes they are opened with, at their published sizes. Light: no torch.
"""

from sanawm.config import TransformerConfig
from sanawm.model_facts import ModelFacts

# Whether the released decoder looks ahead in time stands in its config.json, which comes with its
# weights; looking ahead takes more.
PUBLIC_FACTS = ModelFacts(
    config=TransformerConfig(),
    autoencoder_weights=1_222_479_601,
    text_encoder_weights=2_614_341_888,
    decodes_ahead=True,
    small_decoder=0,
)
