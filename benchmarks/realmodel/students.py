#!/usr/bin/env python3
"""Trains students of a real model on its marked answers, and audits them.

    python3 students.py --isotope ISOTOPE --work DIR [--model FILE] [--quick] [--arm NAME]

ISOTOPE is the command, built with the tag llama. An arm has four steps, each with a file in DIR/ARM that
is not made twice: the teacher's answers (train.jsonl), the student (student/), the student's answers to
prompts on other topics (answers.jsonl), and the audits (result.json). So the program may be stopped, and
continues where it was. It uses a GPU if torch sees one, and result.json says which device ran.
"""

import argparse
import json
import os
import random
import subprocess
import time

TEMPLATES = {
    "chat": ["Describe the history of {}.", "Write a blog post about {} with a personal tone.", "Why do people care about {}?",
             "Give advice to somebody who starts with {}.", "Explain {} to a child.", "What is hard about {}?"],
    "reason": ["Reason carefully, step by step, about whether {} became more important in the last century.",
               "Think step by step: how many people in a city of 2 million could be involved in {}? Show every step.",
               "Compare {} today and a hundred years ago. Reason step by step."],
}
TRAIN = ["typography", "light", "coal", "bread", "chess", "rivers", "gardens", "maps", "clocks", "glass", "sailing", "weaving", "bees",
         "tunnels", "salt", "paper", "cheese", "radio", "elevators", "fountains", "ice", "kites", "lenses", "mills", "opera", "pottery",
         "quilts", "roses", "soap", "trams", "umbrellas", "violins", "windmills", "yoga", "zoos", "archery", "beekeeping"]
ASK = ["bridges", "bicycles", "lighthouses", "tea", "stamps", "falcons", "canals", "carpets", "dams", "engines", "forests", "gloves",
       "harbours", "inks", "jazz", "knots", "lace", "mirrors", "needles", "orchards", "pianos", "quarries", "railways", "steel"]
# width, delta, share of marked training text, kind; delta 0 is the clean twin.
ARMS = {
    "k1-d3": (1, 3, 1, "chat"), "clean": (1, 0, 0, "chat"), "k2-d3": (2, 3, 1, "chat"), "k1-d2": (1, 2, 1, "chat"),
    "k1-d3-quarter": (1, 3, 0.25, "chat"), "k1-d3-reason": (1, 3, 1, "reason"),
    "k1-d3-5percent": (1, 3, 0.05, "chat"), "k1-d3-key2": (1, 3, 1, "chat"),
}


def isotope(a, *args):
    """Runs the command and returns what it prints."""
    r = subprocess.run([a.isotope, "-q", *args], capture_output=True, text=True)
    if r.returncode != 0:
        raise SystemExit("isotope %s: %s" % (args[0], r.stderr))
    return r.stdout


def once(path, make):
    """Makes a file unless it is there. make gets the name of a file that is renamed at the end."""
    if not os.path.exists(path):
        make(path + ".tmp")
        os.rename(path + ".tmp", path)
    return path


def prompts(kind, topics, count, seed):
    pairs = [t.format(x) for x in topics for t in TEMPLATES[kind]]
    random.Random(seed).shuffle(pairs)
    return pairs[:count]


def template(tokenizer, prompt):
    return tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=False)


def load(a):
    """Returns the untuned model and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.manual_seed(1)
    folder, file = os.path.split(a.model)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device), AutoTokenizer.from_pretrained(folder, gguf_file=file)


def teach(a, arm, profile, key, path):
    """Lets the teacher answer, marked in the share of the arm."""
    _, delta, share, kind = ARMS[arm]
    rng = random.Random(7)
    with open(path, "w", encoding="utf-8") as out:
        for i, prompt in enumerate(prompts(kind, TRAIN, a.train, 1)):
            marked = delta > 0 and rng.random() < share
            mark = ["--key", key, "--profile", profile] if marked else ["--unmarked"]
            ids = isotope(a, "generate", "--gguf", a.model, *mark, "--chat", "--prompt", prompt, "--length", str(a.length),
                          "--temperature", "1", "--top-k", "0", "--min-p", "0", "--seed", str(i), "--print-ids")
            out.write(json.dumps({"prompt": prompt, "marked": marked, "ids": [int(x) for x in ids.split()]}) + "\n")


def train(a, source, path):
    """Fine-tunes all weights for one pass over the answers. The loss is on the answers alone."""
    import torch
    import torch.nn.functional as F
    model, tokenizer = load(a)
    texts = []
    with open(source, encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            end = [tokenizer.eos_token_id] if len(row["ids"]) < a.length else []
            if len(row["ids"]) >= 8:
                texts.append((list(template(tokenizer, row["prompt"])), row["ids"] + end))
    random.Random(1).shuffle(texts)
    batches = [texts[i:i + 3] for i in range(0, len(texts), 3)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, betas=(0.9, 0.98), weight_decay=0.0)
    model.train()
    for step, batch in enumerate(batches):
        rate = 5e-4 * min(1, (step + 1) / max(3, len(batches) // 20)) * max(0.05, 1 - step / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate
        longest = max(len(p) + len(t) for p, t in batch)
        x = torch.full((len(batch), longest), tokenizer.eos_token_id)
        y = torch.full((len(batch), longest), -100)
        for i, (p, t) in enumerate(batch):
            x[i, :len(p) + len(t)] = torch.tensor(p + t)  # padding is at the right, so a causal model needs no mask
            y[i, len(p) - 1:len(p) + len(t) - 1] = torch.tensor(t)
        x, y = x.to(model.device), y.to(model.device)
        hidden = model.model(input_ids=x).last_hidden_state
        kept = y >= 0
        loss = F.cross_entropy(model.lm_head(hidden[kept]), y[kept])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print("step %d of %d, loss %.3f" % (step + 1, len(batches), loss.item()), flush=True)
    torch.save(model.state_dict(), path)


def student(a, path):
    import torch
    model, tokenizer = load(a)
    model.load_state_dict(torch.load(path, map_location=model.device))
    return model.eval(), tokenizer


def answer(a, arm, weights, path):
    """Lets the student answer prompts on other topics, without a mark."""
    import torch
    model, tokenizer = student(a, weights)
    torch.manual_seed(2)
    with open(path, "w", encoding="utf-8") as out, torch.no_grad():
        for prompt in prompts(ARMS[arm][3], ASK, a.answers, 2):
            ids = list(template(tokenizer, prompt))
            x = torch.tensor([ids], device=model.device)
            y = model.generate(input_ids=x, attention_mask=torch.ones_like(x), do_sample=True, temperature=0.8, top_k=0, top_p=1.0, max_new_tokens=a.length,
                               pad_token_id=tokenizer.eos_token_id)[0, len(ids):].tolist()
            while y and y[-1] == tokenizer.eos_token_id:
                y.pop()
            out.write(json.dumps({"prompt": ids, "output": y}) + "\n")


def audit(a, profile, key, answers, path):
    """Audits the answers, against the untuned base and by pairs alone."""
    import torch
    common = ["audit", "--json", "--key", key, "--profile", profile, "--prompts-unmarked", answers]
    base = json.loads(isotope(a, *common, "--reference-gguf", a.model, "--reference-temperature", "0.8"))
    pairs = json.loads(isotope(a, *common, "--reference", "none"))
    found = {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
             "verdict": base["verdict"], "pairs_verdict": pairs["verdict"],
             "statistics": [{k: s[k] for k in ("name", "log10_p", "z", "scored", "green")} for s in base["canonical"]["statistics"]]}
    for s in found["statistics"]:  # the sensitivity c1
        s["c1"] = s["z"] / s["scored"] ** 0.5 if s["scored"] else None
    with open(path, "w", encoding="utf-8") as out:
        json.dump(found, out)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--isotope", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--model", default=os.path.expanduser("~/.cache/isotope/SmolLM2-135M-Instruct.Q4_1.gguf"))
    p.add_argument("--quick", action="store_true", help="six training answers of 40 tokens and two answers: does it run?")
    p.add_argument("--arm", help="run the arms whose names begin so")
    a = p.parse_args()
    a.isotope, a.work, a.model = map(os.path.abspath, (a.isotope, a.work, a.model))
    a.train, a.answers, a.length = (6, 2, 40) if a.quick else (200, 80, 250)
    os.makedirs(a.work, exist_ok=True)
    for arm, (width, delta, _, _) in ARMS.items():
        if not arm.startswith(a.arm or ""):
            continue
        folder = os.path.join(a.work, arm)
        os.makedirs(folder, exist_ok=True)
        began = time.time()
        key = os.path.join(a.work, "key2" if arm.endswith("key2") else "key")
        if not os.path.exists(key):
            isotope(a, "key", "new", key)
        profile = os.path.join(folder, "profile.json")
        if not os.path.exists(profile):
            with open(profile, "w", encoding="utf-8") as f:
                f.write(isotope(a, "profile", "new", "--tokenizer", a.model, "--width", str(width), "--delta", str(delta or 3)))
        file = lambda name: os.path.join(folder, name)
        source = once(file("train.jsonl"), lambda path: teach(a, arm, profile, key, path))
        weights = once(file("student.pt"), lambda path: train(a, source, path))
        answers = once(file("answers.jsonl"), lambda path: answer(a, arm, weights, path))
        result = once(file("result.json"), lambda path: audit(a, profile, key, answers, path))
        with open(result, encoding="utf-8") as f:
            print(arm, "%.0f s" % (time.time() - began), f.read(), flush=True)


if __name__ == "__main__":
    main()
