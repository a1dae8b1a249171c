"""What the model runs on: the graphics card where there is one, else the processor."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device, the numbers it computes with, and its memory."""

    device: torch.device
    dtype: torch.dtype
    memory_bytes: int  # all there is, whoever has it now; 0: not known

    @property
    def on_card(self) -> bool:
        """Whether weights can lie elsewhere than where is computed."""
        return self.device.type == "cuda"

    @property
    def precision(self) -> str:
        """The numbers in a word: float32, bfloat16."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def name(self) -> str:
        """The device in words: "cpu, 2 threads", or what the graphics card is called."""
        if self.on_card:
            return torch.cuda.get_device_name(self.device)
        threads = torch.get_num_threads()
        return f"{self.device.type}, {threads} {'thread' if threads == 1 else 'threads'}"

    def free_bytes(self) -> int:
        """What of a card nobody else has: free, or kept by this program."""
        if not self.on_card:
            return self.memory_bytes
        free, _ = torch.cuda.mem_get_info(self.device)
        return free + torch.cuda.memory_reserved(self.device)

    def peak_bytes(self) -> int | None:
        """The most of a card this program had since it was asked to forget; None: no card."""
        return torch.cuda.max_memory_allocated(self.device) if self.on_card else None

    def forget_peak(self) -> None:
        """Count the peak anew."""
        if self.on_card:
            torch.cuda.reset_peak_memory_stats(self.device)


def best_device() -> Device:
    """The first graphics card that knows bfloat16, else the processor, which takes float32."""
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported():
        _, total = torch.cuda.mem_get_info()
        return Device(device=torch.device("cuda", 0), dtype=torch.bfloat16, memory_bytes=total)
    return processor()


def processor() -> Device:
    """The processor, computing in float32."""
    return Device(device=torch.device("cpu"), dtype=torch.float32, memory_bytes=_computer_bytes())


def _computer_bytes() -> int:
    """Memory of this computer; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
