#!/usr/bin/env python3
"""Makes a small file of rows from a large one, for the committed test data.

    python3 prune.py rows.jsonl small.jsonl TEXTS FLOOR DIGITS

It keeps the first TEXTS texts, and of each row the likeliest token and probabilities of at least FLOOR,
with DIGITS digits. The rule does not look at a key.
"""

import json
import sys

source, target = sys.argv[1:3]
texts, floor, digits = int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
with open(source, encoding="utf-8") as rows, open(target, "w", encoding="utf-8") as out:
    for number, line in enumerate(rows):
        if number > texts:
            break
        text = json.loads(line)
        for row in text.get("rows", []):
            if row:
                most = max(row["p"])
                kept = [(i, p) for i, p in zip(row["ids"], row["p"]) if p >= floor or p == most]
                row["ids"] = [i for i, _ in kept]
                row["p"] = [float("%.*g" % (digits, p)) for _, p in kept]
        out.write(json.dumps(text, separators=(",", ":")) + "\n")
