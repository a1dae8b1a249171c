"""What made-up runs say: words added to prompts, notes, tags, texts between cells, and errors."""

FLAVOURS = (
    "", "", "", "warm evening light", "thin fog", "after the rain", "soft shadows",
    "early morning, long shadows", "as a painting in thick oils", "very quiet, nobody there",
    "dust in the air", "seen through old glass",
    "in the last light of a long summer day, with the windows open, a breeze that moves the "
    "curtains, the smell of cut grass, and far away a church bell that counts the hours",
    "im Abendlicht", "夕方の光",
)  # fmt: skip
TAGS = (
    "keeper", "corridor", "fog", "for the talk", "test", "orbit", "flicker", "colour", "portfolio",
    "needs another seed", "first try",
)  # fmt: skip
NOTES = (
    "The floor holds still. **Keep this one.**",
    "Flickers where the wall ends, around 2 s.",
    "Better than the one before; the sphere stays round.\n\n- try a longer clip\n- try orbit right",
    "Same seed as the corridor, for the talk.",
    "Too dark. See [the paper](https://arxiv.org/abs/2305.00000) on tone mapping.",
)
FAILURES = (
    "Not enough memory for 65 frames. The prompt, the picture and the path are kept. Try a shorter "
    "clip.",
    "The picture broke in drawing step 3: the numbers went out of range. Try other settings, such "
    "as less guidance; if it happens again, the model's weights are damaged.",
)
CHECK: tuple[dict[str, object], ...] = (
    {"identical": True, "frames": 33, "psnr": None, "worst": 0, "differs": []},
    {
        "identical": False,
        "frames": 33,
        "psnr": 41.7,
        "worst": 9,
        "differs": ["It ran with 4 threads, now with 2 threads."],
    },
)
INBOX_TEXT = "## This week\n\nHow long do corners hold? One picture, **three paths**, three seeds."
NOTEBOOKS = (
    (
        "Corridors",
        "Long walks through narrow places.",
        "# What a corridor needs\n\nA floor with a pattern, or nothing tells how far one has gone.",
    ),
    (
        "Orbits around pillars",
        "",
        "## Left or right\n\n1. the same seed both ways\n2. then compare in sync\n\n"
        "> The pillar must not lean.",
    ),
    (
        "Talk in December",
        "What to show, in the order of showing.",
        "# Opening\n\nStart with the *plain at dusk*; it needs no words.",
    ),
)
