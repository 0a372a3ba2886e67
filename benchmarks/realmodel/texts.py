#!/usr/bin/env python3
"""Measures marks on texts of a real model: power by kind, temperature, profile and length, and false
positives under other keys.

    python3 texts.py --isotope ISOTOPE --work DIR [--model FILE] [--quick] [--arm NAME]

ISOTOPE is the command, built with the tag llama. Each arm is a directory below DIR, and is left alone
once it has a result. So the program may be stopped, and continues where it was. The raw numbers are in
DIR/ARM/result.json, and DIR/results.jsonl has all of them.
"""

import argparse
import json
import math
import os
import subprocess

PROMPTS = {
    "chat": ["Describe the history of {}.", "Write a blog post about {} with a personal tone.", "Why do people care about {}?"],
    "reason": ["Reason carefully, step by step, about whether {} became more important in the last century.",
               "Think step by step: how many people in a city of 2 million could be involved in {}? Show every step."],
    "code": ["Write a Go program that reads a CSV file about {} and prints a summary.", "Write a Python class that keeps records about {}."],
    "french": ["Décris l'histoire de ce sujet : {}. Réponds en français.", "Écris un article de blog sur ce sujet : {}. Réponds en français."],
}
TOPICS = ["first aid", "lighthouses", "bread", "maps", "bicycles", "coal", "bridges", "gardens", "chess", "rivers", "clocks", "glass"]
PROFILES = {
    "none": None,
    "green-d1-k2": ["--delta", "1", "--width", "2"],
    "green-d2-k2": ["--delta", "2", "--width", "2"],
    "green-d2-k1": ["--delta", "2", "--width", "1"],
    "gumbelmax": ["--scheme", "gumbelmax"],
    "tournament": ["--scheme", "tournament"],
}


def isotope(a, *args):
    """Runs the command and returns what it prints."""
    r = subprocess.run([a.isotope, "-q", *args], capture_output=True, text=True)
    if r.returncode not in (0, 3, 4):
        raise SystemExit("isotope %s: %s" % (args[0], r.stderr))
    return r.stdout


def prompts(kind, count):
    """Returns prompts of a kind, each another pair of template and topic."""
    templates = PROMPTS[kind]
    pairs = [t.format(x) for x in TOPICS for t in templates]
    if count > len(pairs):
        raise SystemExit("there are %d prompts of the kind %s" % (len(pairs), kind))
    return pairs[:count]


def write(a, folder, arm):
    """Writes the texts of an arm as token ids, and returns their files."""
    files = []
    profile = os.path.join(folder, "profile.json")
    if PROFILES[arm["profile"]] and not os.path.exists(profile):
        with open(profile, "w", encoding="utf-8") as f:
            f.write(isotope(a, "profile", "new", "--tokenizer", a.model, *PROFILES[arm["profile"]]))
    for i, prompt in enumerate(prompts(arm["kind"], arm["texts"])):
        file = os.path.join(folder, "%03d.ids" % i)
        files.append(file)
        if os.path.exists(file):
            continue
        mark = ["--unmarked"] if arm["profile"] == "none" else ["--key", a.key, "--profile", profile]
        ids = isotope(a, "generate", "--gguf", a.model, *mark, "--chat", "--prompt", prompt, "--length", str(arm["length"]),
                      "--temperature", str(arm["temperature"]), "--top-k", "50", "--min-p", "0", "--seed", str(i), "--print-ids")
        with open(file + ".tmp", "w", encoding="utf-8") as f:
            f.write(ids)
        os.rename(file + ".tmp", file)
    return files


def quantile(values, q):
    values = sorted(values)
    return values[min(int(q * len(values)), len(values) - 1)]


def detect(a, profile, file, *more):
    return json.loads(isotope(a, "detect", "--json", "--key", a.key, "--profile", profile, "--tokenizer", a.model, *more, "--ids", file))


def measure(a, folder, arm):
    """Tests the texts of an arm at growing lengths, and with the model's probabilities at the full one."""
    files = write(a, folder, arm)
    profile = os.path.join(folder, "profile.json")
    out = dict(arm, lengths=[])
    for length in [n for n in (100, 200, 300, 400, 800) if n <= arm["length"]]:
        results = []
        for file in files:
            with open(file, encoding="utf-8") as f:
                ids = f.read().split()
            if len(ids) < length:
                continue  # the model ended the text
            part = os.path.join(folder, "part.ids")
            with open(part, "w", encoding="utf-8") as f:
                f.write(" ".join(ids[:length]) + "\n")
            results.append(detect(a, profile, part))
        if results:
            p = [r["log10_p"] for r in results]
            out["lengths"].append({
                "tokens": length, "texts": len(results), "detected": sum(r["verdict"] == "detected" for r in results),
                "median_log10_p": quantile(p, 0.5), "scored": sum(r["scored"] for r in results), "green": sum(r["green"] for r in results),
                "log10_p": p})
    out["informed"] = [detect(a, profile, f, "--reference-gguf", a.model, "--reference-temperature", str(arm["temperature"] or 1))["informed"]["log10_p"]
                       for f in files[:arm["informed"]]]
    return out


def nulls(a, folder, arm):
    """Tests unmarked texts under other keys, one after the other."""
    files = write(a, folder, arm)
    out = dict(arm, tests=[])
    for name, flags in PROFILES.items():
        if not flags:
            continue
        profile = os.path.join(folder, name + ".json")
        with open(profile, "w", encoding="utf-8") as f:
            f.write(isotope(a, "profile", "new", "--tokenizer", a.model, *flags))
        ring = os.path.join(folder, "ring.txt")
        with open(ring, "w", encoding="utf-8") as f:
            f.writelines("null/%d\n" % i for i in range(arm["keys"]))
        p = []
        for file in files:
            r = json.loads(isotope(a, "detect", "--json", "--keyring", ring, "--key", a.key, "--profile", profile, "--tokenizer", a.model, "--ids", file))
            p += [k["log10_p"] for k in r["keys"]]
        out["tests"].append({"profile": name, "tests": len(p), "mean_p": sum(10 ** x for x in p) / len(p), "smallest_log10_p": min(p),
                             "at_most": {t: sum(x <= math.log10(float(t)) for x in p) / len(p) for t in ("0.1", "0.01", "0.001", "0.0001")}})
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--isotope", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--model", default=os.path.expanduser("~/.cache/isotope/SmolLM2-135M-Instruct.Q4_1.gguf"))
    p.add_argument("--quick", action="store_true", help="three texts of 200 tokens an arm, chat and code, one temperature")
    p.add_argument("--arm", help="run the arms whose names begin so")
    a = p.parse_args()
    a.isotope, a.work, a.model = map(os.path.abspath, (a.isotope, a.work, a.model))
    os.makedirs(a.work, exist_ok=True)
    a.key = os.path.join(a.work, "key")
    if not os.path.exists(a.key):
        isotope(a, "key", "new", a.key)
    texts, length, informed, keys = (3, 200, 1, 99) if a.quick else (20, 800, 20, 999)
    arms = [{"test": "nulls", "profile": "none", "kind": kind, "temperature": t, "texts": texts, "length": length, "keys": keys}
            for t in ([0.7] if a.quick else [0.7, 1]) for kind in (["chat"] if a.quick else PROMPTS)]
    arms += [{"test": "power", "profile": profile, "kind": kind, "temperature": t, "texts": texts, "length": length, "informed": informed}
             for t in ([0.7] if a.quick else [0, 0.7, 1]) for kind in (["chat", "code"] if a.quick else PROMPTS)
             for profile in PROFILES if profile != "none" and (t > 0 or profile.startswith("green"))]
    for arm in arms:
        name = "%s-%s-%s-t%g" % (arm["test"], arm["profile"], arm["kind"], arm["temperature"])
        if not name.startswith(a.arm or ""):
            continue
        folder = os.path.join(a.work, name)
        result = os.path.join(folder, "result.json")
        if not os.path.exists(result):
            os.makedirs(folder, exist_ok=True)
            out = nulls(a, folder, arm) if arm["test"] == "nulls" else measure(a, folder, arm)
            with open(result + ".tmp", "w", encoding="utf-8") as f:
                json.dump(out, f)
            os.rename(result + ".tmp", result)
            with open(os.path.join(a.work, "results.jsonl"), "a", encoding="utf-8") as f:
                f.write(json.dumps(out) + "\n")
        print(name, "done", flush=True)


if __name__ == "__main__":
    main()
