"""Why a run made once more may not be the same: what differed around the two, by their records.

Pixels are the same, bit for bit, under the same request, model, program, libraries, processor and
number of threads. A record is `sanawm.record.make_record`'s; an older one says less, and what one
of the two does not say is not compared.
"""

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]

ENVIRONMENT = (  # where in a record, and the sentence about it
    (("model", "title"), "The model was {0}, now it is {1}."),
    (("model", "revision"), "The model's files have changed: {0} then, {1} now."),
    (("model", "loras"), "The LoRA files were {0}, now they are {1}."),
    (("device",), "It ran on {0}, now on {1}."),
    (("processor",), "The processor was {0}, now it is {1}."),
    (("threads",), "It ran with {0}, now with {1}."),
    (("precision",), "It was computed in {0}, now in {1}."),
    (("code",), "Wanderbook itself has changed since."),
)
LIBRARIES = {
    "torch": "PyTorch",
    "python": "Python",
    "numpy": "NumPy",
    "diffusers": "diffusers",
    "transformers": "transformers",
    "tokenizers": "tokenizers",
}
SHOWN = 12  # characters of a revision


def differences(record_a: Record, record_b: Record) -> list[str]:
    """Sentences on what differed between the first run and its repetition; none: nothing known."""
    return [
        *_around(record_a, record_b),
        *_libraries(record_a, record_b),
        *_end(record_a, record_b),
    ]


def _around(one: Record, other: Record) -> Iterator[str]:
    for place, sentence in ENVIRONMENT:
        then, now = _at(one, place), _at(other, place)
        is_thread_count = place == ("device",) and _without_threads(then) == _without_threads(now)
        if None not in (then, now) and then != now and not is_thread_count:
            yield sentence.format(_words(place, then), _words(place, now))


def _libraries(one: Record, other: Record) -> Iterator[str]:
    for name, title in LIBRARIES.items():
        then, now = (_at(record, ("versions", name)) for record in (one, other))
        if then and now and then != now:
            yield f"{title} was {then}, now it is {now}."


def _end(one: Record, other: Record) -> Iterator[str]:
    then, now = one.get("stopped_at"), other.get("stopped_at")
    if then != now:
        first, second = (
            f"was stopped after step {step}" if step else "was drawn to the end"
            for step in (then, now)
        )
        yield f"It {first}; the repetition {second}."


def _at(record: Record, place: tuple[str, ...]) -> Any:
    """A value in a record, which may come from another computer; None where it is not there."""
    value: Any = record
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _words(place: tuple[str, ...], value: Any) -> str:
    if place == ("threads",):
        return "1 thread" if value == 1 else f"{value} threads"
    if place == ("model", "loras"):
        return _loras(value)
    return str(value)[:SHOWN] if place == ("model", "revision") else str(value)


def _loras(value: Any) -> str:
    """Names, weights and contents; the record may come from another program."""
    loras = [lora for lora in value if isinstance(lora, dict)] if isinstance(value, list) else []
    return ", ".join(_lora(lora) for lora in loras) or "none"


def _lora(lora: Record) -> str:
    name, weight, content = (str(lora.get(key, "?")) for key in ("name", "weight", "sha256"))
    return f"{name} × {weight} ({content[:SHOWN]})"


def _without_threads(device: Any) -> str:
    """A device's name; the number of threads, which a processor's name has, is told by itself."""
    return str(device).partition(",")[0]
