"""Marks the output of a language model with isotope/1, from Python.

docs/spec.md of the Isotope project defines the marks. Text that this package marks is tested by
`isotope detect` with the same profile and key.

    key = read_key("model.key")
    mark = Mark(read_profile("model.json"), key)

`transformers.MarkProcessor` and `vllm.MarkProcessor` put a mark into those engines. An engine of
another kind calls `Mark.bias` or `Mark.draw` for each step, with a `History` of the text.
"""

from .errors import KeyFileError, ProfileError
from .history import History
from .keys import Key, parse_key, read_key
from .mark import Mark
from .profile import Profile, parse_profile, read_profile

__all__ = [
    "History", "Key", "KeyFileError", "Mark", "Profile", "ProfileError", "parse_key", "parse_profile", "read_key", "read_profile",
]
