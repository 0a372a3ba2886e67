"""Profiles: the public description of a mark, read from the JSON that `isotope profile` writes."""

import hashlib
import json
import re
from dataclasses import dataclass, field

from .errors import ProfileError

MAX_ID = (1 << 24) - 1  # ids are below; this number means absent
_MAX_FILE = 1 << 20


@dataclass(frozen=True)
class Profile:
    """A profile with its defaults filled in. Fields are those of docs/spec.md."""

    scheme: str
    width: int
    vocab: int
    tokenizer: str
    gamma: float = 0.0
    delta: float = 0.0
    dual: float = 0.0
    depth: int = 0
    candidates: int = 2
    variants: int = 1
    tokenizer_digest: str = ""
    band: tuple = (0, 65536)
    selector: str = ""
    mask: str = "none"
    prompt_context: bool = True
    dedup: str = "pair"
    group: int = 0
    lane: int = 0
    payload: int = 0
    exempt: tuple = field(default=())
    marked: str = "all"
    gate: float = 0.0

    @property
    def bits(self):
        """The number of bits that a token owns."""
        return {"gumbelmax": 8, "tournament": 32}.get(self.scheme) or _share(self.gamma)[1]

    def canonical(self):
        """The canonical JSON (RFC 8785)."""
        values = {"isotope": 1}
        for name in _COMMON + _OWN[self.scheme]:
            value = getattr(self, name)
            absent = name in ("tokenizer_digest", "selector") and value == "" or name == "marked" and value == "all" or name == "gate" and not value
            if not absent:
                values[name] = list(value) if isinstance(value, tuple) else value
        return _canonical(values)

    @property
    def id(self):
        """The identity, "sha256:" and hex digits."""
        return "sha256:" + hashlib.sha256(self.canonical().encode()).hexdigest()


_COMMON = ["scheme", "width", "vocab", "tokenizer", "tokenizer_digest", "band", "selector", "mask", "prompt_context", "dedup", "group", "lane", "payload", "exempt", "marked"]
_OWN = {"greenlist": ["gamma", "delta", "gate"], "gumbelmax": ["dual", "variants"], "tournament": ["depth", "candidates", "variants"]}
_NEEDED = {"greenlist": ["gamma", "delta"], "gumbelmax": [], "tournament": ["depth"]}


def _canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(f'"{k}":{_canonical(value[k])}' for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        text = repr(value)  # the shortest digits, as in RFC 8785
        mantissa, mark, exponent = text.partition("e")
        if mark and value < 1e-6:
            return f"{mantissa}e{int(exponent)}"
        if mark:
            from decimal import Decimal
            return format(Decimal(text), "f")
        return text
    return json.dumps(value)


def _share(gamma):
    """(m, w) with gamma = m / 2^w, or None."""
    for w in (1, 2, 4, 8):
        m = gamma * 2**w
        if m == int(m):
            return int(m), w
    return None


def _whole(name, value, low, high):
    # JSON has one kind of number, but an integer is written without fraction and exponent.
    if type(value) is not int or not low <= value <= high:
        raise ProfileError(f"{name} is not a whole number from {low} to {high}")
    return value


def _number(name, value):
    if type(value) not in (int, float):
        raise ProfileError(f"{name} is not a number")
    return float(value)


def _text(name, value, pattern):
    if type(value) is not str or not re.fullmatch(pattern, value):
        raise ProfileError(f"{name} has a wrong value")
    return value


def parse_profile(text):
    """Returns the profile of its JSON form. Unknown and repeated fields are errors."""
    def unique(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise ProfileError("a field occurs twice")
        return dict(pairs)

    def constant(_):
        raise ProfileError("not valid JSON")

    try:
        given = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ProfileError("not valid JSON") from None
    if type(given) is not dict:
        raise ProfileError("not a JSON object")
    scheme = given.get("scheme")
    if type(scheme) is not str or scheme not in _OWN:
        raise ProfileError("scheme is missing or is none of greenlist, gumbelmax and tournament; marks of other engines are not written here")
    needed = ["isotope", "scheme", "width", "vocab", "tokenizer"] + _NEEDED[scheme]
    for name in needed:
        if name not in given:
            raise ProfileError(f"{name} is missing")
    for name in given:
        if name not in ["isotope"] + _COMMON + _OWN[scheme]:
            raise ProfileError(f"field {name!r} is unknown to scheme {scheme}")
    p = dict(given)
    _whole("isotope", p.pop("isotope"), 1, 1)
    _whole("width", p["width"], 0 if scheme == "greenlist" else 1, 16)
    _whole("vocab", p["vocab"], 1, MAX_ID)
    _text("tokenizer", p["tokenizer"], r"[!#-\[\]-~]+")
    if (p["tokenizer"] == "none") == ("tokenizer_digest" in p):
        raise ProfileError("tokenizer_digest is needed for a tokenizer, and for no other name than none")
    if "tokenizer_digest" in p:
        _text("tokenizer_digest", p["tokenizer_digest"], "sha256:[0-9a-f]{64}")
    if scheme == "greenlist":
        p["gamma"], p["delta"] = _number("gamma", p["gamma"]), _number("delta", p["delta"])
        if not 0 < p["gamma"] < 1 or _share(p["gamma"]) is None:
            raise ProfileError("gamma is not m/256 between 0 and 1")
        import numpy as np
        if not 0 < p["delta"] <= 100 or np.float32(p["delta"]) == 0:
            raise ProfileError("delta is outside (0, 100]")
    if "gate" in p:
        p["gate"] = _number("gate", p["gate"])
        if not 0 < p["gate"] <= 16:
            raise ProfileError("gate is outside (0, 16]")
    if "marked" in p:
        _text("marked", p["marked"], "all|scored")
    if "dual" in p:
        p["dual"] = _number("dual", p["dual"])
        if not 0 <= p["dual"] < 1 or p["dual"] * 256 != int(p["dual"] * 256):
            raise ProfileError("dual is not m/256 below 1")
    for name, low, high in [("depth", 1, 32), ("candidates", 2, 16), ("variants", 1, 1024), ("payload", 0, 20), ("group", 0, 2**32 - 1), ("lane", 0, 127)]:
        if name in p:
            _whole(name, p[name], low, high)
    band = p.get("band", [0, 65536])
    if type(band) is not list or len(band) != 2:
        raise ProfileError("band is not two numbers")
    _whole("band", band[0], 0, 65535)
    _whole("band", band[1], band[0] + 1, 65536)
    p["band"] = tuple(band)
    if (p["band"] == (0, 65536)) == ("selector" in p):
        raise ProfileError("selector is needed for a band that is a part, and for no other")
    if "selector" in p:
        _text("selector", p["selector"], "[0-9a-f]{16}")
    p.setdefault("mask", "none" if scheme == "greenlist" else "context")
    if _text("mask", p["mask"], "none|context") == "context" and p["width"] == 0:
        raise ProfileError("mask context needs a width above 0")
    if "prompt_context" in p and type(p["prompt_context"]) is not bool:
        raise ProfileError("prompt_context is not true or false")
    if "dedup" in p:
        _text("dedup", p["dedup"], "pair|context")
    exempt = p.get("exempt", [])
    if type(exempt) is not list:
        raise ProfileError("exempt is not a list")
    for i, v in enumerate(exempt):
        _whole("exempt", v, exempt[i - 1] + 1 if i else 0, p["vocab"] - 1)
    p["exempt"] = tuple(exempt)
    result = Profile(**p)
    if result.lane >= 128 // result.bits:
        raise ProfileError("lane is too large")
    if result.payload and result.gamma != 0.5:
        raise ProfileError("payload needs a greenlist with gamma 0.5")
    return result


def read_profile(path):
    """Reads a profile from a JSON file of at most 1 MiB."""
    with open(path, "rb") as f:
        data = f.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise ProfileError(f"profile {path}: too large (maximum {_MAX_FILE} bytes)")
    try:
        return parse_profile(data.decode())
    except UnicodeDecodeError:
        raise ProfileError(f"profile {path}: not text") from None
    except ProfileError as e:
        raise ProfileError(f"profile {path}: {e}") from None
