#!/usr/bin/env python3
"""Writes the rows of a reference model for outputs, with transformers.

    python write_rows.py --model HuggingFaceTB/SmolLM2-135M-Instruct --width 1 --temperature 0.8 \
        outputs.jsonl rows.jsonl
    isotope audit --key my.key --profile my.json --reference rows.jsonl outputs.jsonl

outputs.jsonl has an object a line: "prompt" and "output", each a list of token ids or a text. A prompt
that is a text goes through the model's chat template. The format is in docs/formats/rows.md. The
program knows no key and needs none.
"""

import argparse
import json
import sys

LEAST = 1e-5  # the smallest probability that is written of a token that is not the likeliest


def followers(outputs, width):
    """Returns the tokens that follow each context of `width` tokens anywhere in the outputs."""
    found = {}
    for _, text in outputs:
        for at in range(width, len(text)):
            found.setdefault(tuple(text[at - width:at]), set()).add(text[at])
    return found


def sparse(law, wanted, drawn):
    """Returns a row of a law, a list of probabilities: the likeliest token, the drawn one, the wanted ids."""
    best = max(range(len(law)), key=law.__getitem__)
    ids = sorted({best, drawn} | {t for t in wanted if 0 <= t < len(law) and law[t] >= LEAST})
    return {"ids": ids, "p": [min(float("%.4g" % law[t]), 1.0) for t in ids]}


def read_outputs(file, tokenizer):
    """Returns the prompt and the output of each line, as token ids."""
    outputs = []
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        row = json.loads(line)
        prompt, text = row.get("prompt", []), row.get("output")
        if text is None:
            sys.exit("line %d has no output; write the field \"output\"" % number)
        if isinstance(prompt, str):
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=False)
        if isinstance(text, str):
            text = tokenizer.encode(text, add_special_tokens=False)
        outputs.append((list(prompt), list(text)))
    return outputs


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--model", required=True, help="folder or name of the reference model")
    a.add_argument("--gguf", help="file of the folder, if the model is a GGUF")
    a.add_argument("--width", type=int, required=True, help="context width of the profile")
    a.add_argument("--temperature", type=float, default=1.0, help="that at which the outputs were sampled")
    a.add_argument("--vocab", type=int, help="vocabulary size of the profile (default: the model's)")
    a.add_argument("outputs")
    a.add_argument("rows")
    a = a.parse_args()
    if a.width < 0 or not a.temperature > 0:
        a.error("the width must be at least 0, and the temperature above 0")

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    more = {"gguf_file": a.gguf} if a.gguf else {}
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, **more).eval()
    if torch.cuda.is_available():
        model = model.cuda()
    with open(a.outputs, encoding="utf-8") as file:
        lines = file.readlines()
    texts = any(isinstance(json.loads(l).get(k), str) for l in lines if l.strip() for k in ("prompt", "output"))
    tokenizer = AutoTokenizer.from_pretrained(a.model, **more) if texts else None
    outputs = read_outputs(lines, tokenizer)
    vocab = a.vocab or model.config.vocab_size
    follow = followers(outputs, a.width)
    with open(a.rows, "w", encoding="utf-8") as out, torch.no_grad():
        json.dump({"isotope_reading": 1, "kind": "reference", "vocab": vocab, "tokenizer": "none", "model": a.model,
                   "temperature": a.temperature, "top": 1}, out)
        out.write("\n")
        for prompt, text in outputs:
            tokens = prompt + text
            if not text or any(not 0 <= t < vocab for t in tokens):
                print("an output is empty or has ids outside the vocabulary, and gets no rows", file=sys.stderr)
                continue
            logits = model(torch.tensor([tokens], device=model.device)).logits[0, :, :vocab].float()
            rows = [None] * len(tokens)
            for at in range(a.width, len(text)):
                i = len(prompt) + at - 1
                if i >= 0:
                    law = (logits[i] / a.temperature).softmax(-1).tolist()
                    rows[i] = sparse(law, follow[tuple(text[at - a.width:at])], text[at])
            json.dump({"start": len(prompt), "tokens": tokens, "rows": rows}, out)
            out.write("\n")


if __name__ == "__main__":
    main()
