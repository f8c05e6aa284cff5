"""How far approximated tokens are from real ones, by OpenAI's o200k, for texts that are at hand.

    .venv/bin/pip install tiktoken
    .venv/bin/python benchmarks/token_estimate.py [FILE …]

tiktoken fetches its vocabulary from the internet, or reads it from the folder that TIKTOKEN_CACHE_DIR names.
Without files it takes this project's own documents and code. The lines are cut into prompts of 100 to 2,000
characters; printed are the error of all of them together, and of nine prompts in ten.
"""

import argparse
import random
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from overnight.pricing.approximating import approximate_tokens

HERE = Path(__file__).parents[1]
SIZES = (100, 300, 800, 2_000)
PROMPTS = 200


def texts(files: Iterable[Path]) -> dict[str, str]:
    """Return what is measured, by a name."""
    given = {file.name: file.read_text(errors="replace") for file in files}
    if given:
        return given
    code = "".join(file.read_text() for file in sorted((HERE / "overnight").rglob("*.py")))
    documents = "".join(file.read_text() for file in sorted(HERE.glob("*.md")))
    numbers = " ".join(str(random.randrange(10**9)) for _ in range(5_000))  # noqa: S311 - no secret
    return {"documents": documents, "code": code, "numbers": numbers}


def prompts(text: str) -> Iterator[str]:
    """Yield pieces of a text."""
    for number in range(PROMPTS):
        size = SIZES[number % len(SIZES)]
        start = random.randrange(max(1, len(text) - size))  # noqa: S311 - no secret
        yield text[start : start + size]


def main() -> None:
    """Measure and print."""
    import tiktoken  # noqa: PLC0415 - only this script needs it

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    random.seed(1)
    encoding = tiktoken.get_encoding("o200k_base")
    for name, text in texts(parser.parse_args().files).items():
        counted = [
            (approximate_tokens(prompt), len(encoding.encode(prompt, disallowed_special=())))
            for prompt in prompts(text)
        ]
        errors = sorted(about / real - 1 for about, real in counted if real)
        together = sum(about for about, _ in counted) / sum(real for _, real in counted) - 1
        fifth, last = statistics.quantiles(errors, n=20)[0], statistics.quantiles(errors, n=20)[-1]
        print(f"{name:24} together {together:+.1%}   nine in ten {fifth:+.1%} to {last:+.1%}")


if __name__ == "__main__":
    main()
