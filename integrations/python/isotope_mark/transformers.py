"""A logits processor for transformers.

    mark = Mark(read_profile("model.json"), read_key("model.key"))
    model.generate(**inputs, do_sample=True, logits_processor=[MarkProcessor(mark, inputs["input_ids"].shape[1])])

A green list is a bias of the raw logits: transformers applies temperature and truncation after it. A gumbelmax is a
draw: give temperature, top_k and top_p to the processor and not to generate, which must get do_sample=True,
temperature=1.0, top_k=0 and top_p=1.0.
"""

import numpy as np

from .history import History
from .sampling import truncate


class MarkProcessor:
    """Marks every row of a batch. Make a new one for each call of generate.

    prompt_length is the number of columns before the first generated token. pad_token_id is left out where it stands
    before a prompt. salt is a number of the request for a mark of two keys.
    """

    def __init__(self, mark, prompt_length, pad_token_id=None, salt=0, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
        if mark.is_draw and not temperature > 0:
            raise ValueError("a gumbelmax has nothing to draw at temperature 0; use a greenlist for greedy decoding")
        self.mark, self.prompt_length, self.pad, self.salt = mark, prompt_length, pad_token_id, salt
        self.sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        self._rows = {}  # ids of a row so far -> its history

    def _history(self, ids):
        """The history of a row. A beam may have come from another row, so rows are found by their ids."""
        before = self._rows.get(ids[:-1]) if len(ids) > self.prompt_length else None
        if before is not None:
            history = before.fork()
            history.accept(ids[-1])
            return history
        prompt = list(ids[:self.prompt_length])
        if self.pad is not None:
            while prompt and prompt[0] == self.pad:
                del prompt[0]
        history = History(self.mark, prompt)
        for t in ids[self.prompt_length:]:
            history.accept(t)
        return history

    def __call__(self, input_ids, scores):
        rows, out = {}, scores.detach().float().cpu().numpy().copy()
        for i, ids in enumerate(input_ids.tolist()):
            ids = tuple(ids)
            history = rows.get(ids) or self._history(ids)
            rows[ids] = history
            self.row(out[i], history)
        self._rows = rows
        return scores.new_tensor(out)

    def row(self, row, history):
        """Marks one row of float32 logits in place."""
        context, marked = history.context(), history.marked()
        if not self.mark.is_draw:
            if marked:
                self.mark.bias(row, context)
            return
        row[self.mark.profile.vocab:] = -np.inf  # what cannot be scored is not drawn
        ids, weights = truncate(row, **self.sampling)
        if marked:
            ids, weights = self.mark.choose(context, ids, weights, self.salt)
        row[:] = -np.inf
        if len(ids):
            row[ids] = np.log(weights)
