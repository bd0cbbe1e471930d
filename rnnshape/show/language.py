"""The language of the teaching parts: tour, quiz, and the sentences of the page.

English stands where it is said; Chinese is a catalogue of the same templates, chinese.json. All
else stays English: torch's messages, names, JSON, the commands' own texts.
"""

from __future__ import annotations

import os
from functools import cache

LANGUAGES = ("en", "zh")


def language() -> str:
    """What the reader reads: by LC_ALL, LC_MESSAGES, LANG, the first that is set."""
    locale = next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG")
                 if (found := os.environ.get(name))), "")  # fmt: skip
    return next((known for known in LANGUAGES if locale.lower().startswith(known)), "en")


def catalogue() -> dict[str, str]:
    """English templates to those of the reader's language; empty for English."""
    return _chinese() if language() == "zh" else {}


@cache
def _chinese() -> dict[str, str]:
    import json
    from importlib.resources import files

    parts = json.loads(files(__package__).joinpath("chinese.json").read_text(encoding="utf-8"))
    return {english: chinese for part in parts.values() for english, chinese in part.items()}


def said(template: str, **fields: object) -> str:
    """A template in the reader's language, its `{fields}` filled in."""
    words = catalogue().get(template, template)
    return words.format(**fields) if fields else words
