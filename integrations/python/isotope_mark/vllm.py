"""A logits processor for vLLM (its interface of version 1).

    ISOTOPE_PROFILE_FILE=model.json ISOTOPE_KEY_FILE=model.key vllm serve MODEL --no-async-scheduling \\
        --logits-processors isotope_mark.vllm:MarkProcessor

vLLM applies the processor before temperature and truncation. A green list belongs there. For a gumbelmax the processor
takes temperature, top_k, top_p and min_p of the request itself and leaves one token. Penalties that vLLM applies later
then have no effect on a marked position.

With asynchronous scheduling vLLM shows processors the number -1 in place of tokens that are not known yet. The
processor then raises an error, because it would mark with wrong contexts.
"""

import os
import random

import numpy as np

from .history import History
from .keys import read_key
from .mark import Mark
from .profile import read_profile
from .transformers import MarkProcessor as _Rows

try:
    from vllm.v1.sample.logits_processor import LogitsProcessor as _Base
except ImportError:  # for tests, and for engines with the same interface
    _Base = object


class _Request:
    """One request: its parameters and its history. output grows while vLLM writes."""

    def __init__(self, mark, params, prompt, output):
        greedy = getattr(params, "temperature", 1.0) == 0
        self.output, self.accepted = output, 0
        self.skip = greedy and mark.is_draw
        self.history = History(mark, prompt or ())
        self.rows = None
        if not self.skip:
            self.rows = _Rows(
                mark, 0,
                temperature=getattr(params, "temperature", 1.0) or 1.0 if mark.is_draw else 1.0,
                top_k=max(getattr(params, "top_k", 0) or 0, 0),
                top_p=getattr(params, "top_p", 1.0),
                min_p=getattr(params, "min_p", 0.0),
            )

    def catch_up(self):
        for token in self.output[self.accepted:]:
            if token < 0:
                raise RuntimeError("vLLM does not know the last token yet; run it with --no-async-scheduling")
            self.history.accept(token)
        self.accepted = len(self.output)


class MarkProcessor(_Base):
    """Marks every request of a server."""

    def __init__(self, vllm_config, device, is_pin_memory):
        for name in ["ISOTOPE_PROFILE_FILE", "ISOTOPE_KEY_FILE"]:
            if not os.environ.get(name):
                raise ValueError(f"the environment variable {name} is not set; give the server the name of the file in it")
        profile = read_profile(os.environ["ISOTOPE_PROFILE_FILE"])
        key = read_key(os.environ["ISOTOPE_KEY_FILE"])
        selector = os.environ.get("ISOTOPE_SELECTOR_FILE")
        more = {"selector": read_key(selector)} if selector else {}
        self._marks = [Mark(profile, key, variant=i if profile.variants > 1 else None, **more) for i in range(profile.variants)]
        self._requests = {}

    def is_argmax_invariant(self):
        return False

    def update_state(self, batch_update):
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._requests.pop(index, None)
        for index, params, prompt, output in batch_update.added:
            self._requests[index] = _Request(random.choice(self._marks), params, prompt, output)
        for a, b, direction in batch_update.moved:
            moved, replaced = self._requests.pop(a, None), self._requests.pop(b, None)
            if moved is not None:
                self._requests[b] = moved
            if replaced is not None and direction.name == "SWAP":
                self._requests[a] = replaced

    def apply(self, logits):
        for index, request in self._requests.items():
            request.catch_up()
            if request.skip:
                continue
            row = np.array(logits[index].detach().float().cpu().numpy())
            request.rows.row(row, request.history)
            logits[index] = logits.new_tensor(row)
        return logits
