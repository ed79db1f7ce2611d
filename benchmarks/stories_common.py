"""Writes monitor/stories/common_words.txt: English stems, the commonest first.

    python benchmarks/stories_common.py

Source: the vocabulary of the packaged model (BERT uncased, Apache-2.0), whose whole words stand roughly in order of frequency.
"""

from __future__ import annotations

import pathlib

from transformers import AutoTokenizer

from monitor.stories.embed import packaged_model
from monitor.stories.words import words

TABLE = pathlib.Path(__file__).parents[1] / "monitor" / "stories" / "common_words.txt"


def main() -> None:
    numbers = AutoTokenizer.from_pretrained(str(packaged_model()), local_files_only=True).get_vocab()
    in_order = sorted(numbers, key=numbers.__getitem__)
    stems = dict.fromkeys(s for t in in_order if t.isascii() and t.isalpha() and len(t) > 1 for s in words(t))
    TABLE.write_text("\n".join(stems) + "\n", encoding="utf-8")
    print(f"wrote {TABLE}: {len(stems)} stems")


if __name__ == "__main__":
    main()
