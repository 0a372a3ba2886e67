"""Temperature and truncation, for engines whose own come after a logits processor."""

import numpy as np


def truncate(row, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """Returns (ids, weights): what temperature, top-k, top-p and min-p leave of a row of logits, in this order.

    Weights are doubles, the largest 1. NaN is no candidate. If logits are +Inf, only those are candidates.
    """
    row = np.asarray(row, dtype=np.float64)
    ids = np.nonzero(row > -np.inf)[0]
    if len(ids) == 0:
        return ids, np.empty(0)
    if np.isposinf(row[ids]).any():
        ids = ids[np.isposinf(row[ids])]
        return ids, np.ones(len(ids))
    x = row[ids] / temperature
    order = np.argsort(-x, kind="stable")  # ties to the lower id
    ids, x = ids[order], x[order]
    if 0 < top_k < len(ids):
        ids, x = ids[:top_k], x[:top_k]
    weights = np.exp(x - x[0])
    if top_p < 1:
        before = np.cumsum(weights) - weights
        keep = before < top_p * weights.sum()
        keep[0] = True
        ids, weights = ids[keep], weights[keep]
    if min_p > 0:
        keep = weights >= min_p
        ids, weights = ids[keep], weights[keep]
    return ids, weights
