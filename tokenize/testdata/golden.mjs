// Writes golden.json.gz: texts, and the ids that OpenAI's tiktoken gives them
// (npm package tiktoken, "ordinary" encoding: special tokens are plain text).
//
// tiktoken 1.0.22 and Node 20 made the file in the repository. In this directory,
// run
//
//   npm install --prefix "$DIR" tiktoken@1.0.22
//   node golden.mjs "$DIR"/node_modules/tiktoken
//
// DIR is any empty directory outside the repository. Texts are below or come from
// a generator with a fixed seed, so another run gives the same cases.

import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { createRequire } from "node:module";

const home = path.resolve(process.argv[2]);
const require = createRequire(path.join(home, "package.json"));
const { get_encoding } = require(path.join(home, "tiktoken.cjs"));
const { version } = require(path.join(home, "package.json"));

const names = ["cl100k_base", "o200k_base", "p50k_base", "p50k_edit", "r50k_base"];
const encodings = names.map((name) => get_encoding(name));

const literal = {
  "english": `The lamp on the landing had been out for a week, and nobody would own to it. "It's the wiring," said Ruth; her brother, who'd read half a book on the subject, thought otherwise. They'll send someone on Monday - or so they've promised since March.\n\nMeanwhile we counted the stairs in the dark: thirteen going up, twelve coming down. I'm told that's usual. You're not to worry, she wrote, we'd manage; the cat didn't mind and I can't say the neighbours were any the wiser. At 7:45 a.m. on 3 October 2019 the bulb lit by itself (60 W, about 806 lm) and cost us £1,204.50 in candles.\n`,
  "markdown": `# Notes\n\n* first item\n    * nested, with \`code\` and **bold**\n* second [link](https://example.org/a_b?x=1&y=%20#frag)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n>\n> > twice\n\n---\n\n1. one\n2. two\n`,
  "go": `package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\ntype ring[T any] struct {\n\tbuf  []T\n\thead int\n}\n\nfunc (r *ring[T]) push(v T) {\n\tr.buf[r.head%len(r.buf)] = v\n\tr.head++\n}\n\nfunc main() {\n\tr := ring[int]{buf: make([]int, 8)}\n\tfor i := range 100 {\n\t\tr.push(i << 2 &^ 0x0f)\n\t}\n\tif _, err := fmt.Fprintf(os.Stdout, "%v\\t%d\\n", r.buf, r.head); err != nil {\n\t\tpanic(err)\n\t}\n}\n`,
  "python": `import re\n\nclass Counter(dict):\n    """Counts things; don't ask which."""\n\n    def add(self, *xs, weight=1.0):\n        for x in xs:\n            self[x] = self.get(x, 0) + weight\n        \n        return self\n\n\nif __name__ == '__main__':\n    c = Counter().add(*re.findall(r"\\w+", 'a b a'))\n    print(f"{c['a']:>8.3f}", end="\\n")\n`,
  "c": `#include <stdio.h>\n#define MAX(a,b) ((a)>(b)?(a):(b))\n\nstatic unsigned long long gcd(unsigned long long a, unsigned long long b)\n{\n        while (b) {\n                unsigned long long t = a % b;\n                a = b;\n                b = t;\n        }\n        return a;\n}\n\nint main(int argc, char **argv)\n{\n        printf("%llu\\n", gcd(1071ULL, 462ULL)); /* 21 */\n        return argc > 1 ? argv[1][0] != '-' : 0;\n}\n`,
  "javascript": `export const debounce = (fn, ms = 250) => {\n  let t;\n  return (...args) => {\n    clearTimeout(t);\n    t = setTimeout(() => fn?.(...args), ms);\n  };\n};\nconst s = \`\${1 + 1} is \${"two" ?? null}\`;\n// TODO: what's left?\n/*******************************/\n`,
  "rust": `impl<'a, T: Ord + 'a> Heap<'a, T> {\n    pub fn push(&mut self, item: &'a T) -> Result<(), Error> {\n        self.items.push(item);\n        let mut i = self.items.len() - 1;\n        while i > 0 && self.items[i] < self.items[(i - 1) / 2] {\n            self.items.swap(i, (i - 1) / 2);\n            i = (i - 1) / 2;\n        }\n        Ok(())\n    }\n}\n`,
  "html": `<!DOCTYPE html>\n<html lang="en">\n<head>\n\t<meta charset="utf-8"/>\n\t<title>It&#39;s a test &amp; nothing more</title>\n\t<style>body{margin:0 auto;max-width:42rem}</style>\n</head>\n<body onload="go()"><p class='x'>Hi</p></body>\n</html>\n`,
  "sql": `SELECT u.id, COUNT(*) AS n\nFROM users u LEFT JOIN orders o ON o.user_id = u.id\nWHERE u.name LIKE 'O''Reilly%' AND o.total >= 19.99\nGROUP BY u.id HAVING COUNT(*) > 3\nORDER BY n DESC LIMIT 10;\n-- done\n`,
  "json": `{"id": 4711, "tags": ["a", "b\\u00e9", null, true], "nested": {"x": -1.5e-10, "y": [[], {}]}}\n`,
  "shell": `#!/bin/sh\nset -eu\nfor f in "$HOME"/*.txt; do\n\t[ -s "$f" ] || continue\n\tsed -e 's/[[:space:]]*$//' "$f" | sort -u >"\${f%.txt}.out" 2>/dev/null\ndone\n`,
  "diff": `--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@\n line\n-old\n+new\n+\n \n`,
  "arabic": `في الصباح الباكر فتحَ الخبّازُ دكّانَه، ورأى القطَّ نائماً على العتبة. قال: "صباح الخير!" ولم يُجِب أحد؟ ثمنُ الرغيف ٣٫٥٠ دينار.`,
  "hebrew": `בַּבֹּקֶר ירד גשם קל, והילדים רצו אל הנחל. "מי בא?" שאל סבא. צה"ל, ארה״ב, 25 ש״ח.`,
  "hindi": `सुबह की धूप में बूढ़ा पेड़ चुपचाप खड़ा था। बच्चों ने पूछा, "क्या तुम थक गए हो?" क्‍षमा, क्षत्रिय, ज्ञान; कीमत ₹१२३४.५० है।`,
  "thai": `เช้าวันนี้ฝนตกเบาๆ แมวนอนอยู่ข้างหน้าต่าง แล้วน้ำชาก็เย็นหมดแล้ว ราคา ๑๒๕ บาท ฯลฯ`,
  "chinese": `清晨的巷子里只有卖豆浆的老人，他说：“今天比昨天冷。”我点点头，付了3.5元。繁體字：龍、鬱、臺灣。𠮷野家，㐂。`,
  "japanese": `朝の駅前で、パン屋の猫があくびをしていた。「おはよう！」ラーメンは８５０円ですー。カタカナ、ｶﾀｶﾅ、ひらがな、々〆ヶ。`,
  "korean": `아침 골목에는 두부 장수의 종소리만 들렸다. "오늘은 춥네요." 가격은 3,500원입니다. ㅋㅋㅋ 각`,
  "russian": `Утром во дворе было тихо; только дворник, ворча, сметал листья. «Кто тут?» — спросил он. Ёжик, подъезд, № 42, 15 °C.`,
  "ukrainian": `Об'єднані під'їзди, ґанок і їжак: п'ять м'ячів. З'ЇЗД.`,
  "greek": `Το πρωί η θάλασσα ήταν ήσυχη· «καλημέρα», είπε ο ψαράς. ΌΧΙ, ΣΊΣΥΦΟΣ, ᾳ ᾼ ᾈ ῷ, ὀξύς.`,
  "vietnamese": `Buổi sáng, bà cụ quét lá trước hiên nhà. "Chào cháu!" Giá là 25.000₫; được, nghĩa, ưỡn, Tiếng Việt.`,
  "turkish": `Işık ışığı, İSTANBUL'da iğde; DİYARBAKIR'IN ılık ğ'si. İ'LL, ı'll.`,
  "german": `Der Bäcker grüßt übermütig: „Straßenbahnhaltestellenüberdachung!“ Ihr's, STRAẞE, Maße.`,
  "french": `L'été dernier, j'ai vu qu'aujourd'hui n'était pas d'hier : «\u00a0c'est ça\u00a0!\u00a0» Œuvre, cœur, 1\u202f234,50\u00a0€.`,
  "georgian and armenian": `დილა მშვიდობისა, თბილისი ᲗᲑᲘᲚᲘᲡᲘ. Բարև, Երևան և ԵՐԵՎԱՆ։`,
  "tamil, bengali, burmese, khmer, tibetan": `காலை வணக்கம் கொ. সকালবেলা ক্ষেত। မင်္ဂလာပါ။ សួស្តី។ བཀྲ་ཤིས།`,
  "ethiopic, cherokee, deseret": `ሰላም ልዑል፡ ᏣᎳᎩ ꮳꮃꭹ 𐐔𐐯𐑅𐐨𐑉𐐯𐐻 𐐀𐐨`,
  "emoji": `👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣ #️⃣ 😀😀😀 👨‍💻's ☺︎`,
  "combining marks": `e\u0301 E\u0301 a\u0308\u0301 \u0301 \u0301\u0301ABC \u0301's A\u0301B\u0301c \u20dd1\u20dd !\u0301 \n\u0301x \u0903\u093f \u200d\u0301`,
  "numbers": `1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x7f 1e-9 ٠١٢٣٤٥ ०१२३ ⅷ Ⅷ ² ½ 1½2 𝟘𝟙𝟚𝟛 一二三 ①②③④ 12ab34 00000000000000`,
  "contractions": `I'm I'M I'll I'LL I'lL we've WE'VE we'Ve they're THEY'RE they'rE he'd HE'D it's IT'S it'ſ IT'ſ don't DON'T 's 'S 'ſ 'ſt 't 'T 're 'RE 'Re 'v 'r 'l 'll 'LL 've 'VE 'm 'M 'd 'D 'x 'sx 'Sx 'ſx 'reX x's's x'''s x'ſſ x'K x'ks`,
  "long s and kelvin": `ſ ſs sſ Kelvin K k Kk ſK 'K 'ſK Å Ω`,
  "titlecase": `ǅ ǆ Ǆ ǅa Aǅ aǅ ǅǅ ǈx Xǈ ᾈ ᾈα Αᾈ 'ǅ ǅ's`,
  "modifier letters": `ʰ xʰ Xʰ Xʰx XʰX ʰX ʰx Aʰ's ªº Aª ªA ー Aー ーA`,
  "camel case": `camelCase PascalCase HTTPServer XMLHttpRequest iOS eBay SCREAMING_SNAKE ABCdefGHI ABC's ABCs'LL aB AもB AもBc もA もa ßA Aß`,
  "blank lines": `\n \n \nx\n\n  \n\t\n x \n \n\n\n   \t \n`,
  "blank lines of tabs": `a\n\t\t\n\t\n\n\t \t\nb\t\t\nc \t \n\n\n`,
  "carriage returns": `a\r\nb\r\n\r\nc\r\r\n\n\rd\r \r\n \n\r x\r`,
  "spaces": ` a  b   c    d     e ! !!  !!!   1 12  123   \t1\t\t1 \t a\t a `,
  "trailing white space": `end  `,
  "trailing line end and spaces": `end\n\n   `,
  "trailing spaces and line end": `end   \n`,
  "one space": ` `,
  "white space of all kinds": ` \u0085\u00a0\u1680\u2000\u2001\u2009\u200a\u2028\u2029\u202f\u205f\u3000x\u0085x\u00a0x\u2028x\u2029 x\u3000 x\u000b\u000cx\u001c\u001d\u001e\u001fx`,
  "no white space": `\u180e\u200b\u2060\ufeff x\u180ex \u180e \u200b x\u200bx\ufeff`,
  "zero width joiner": `a\u200db \u200d \u200d1 \u200d\n क्\u200dष`,
  "private use and unassigned": `\ue000 \uf8ff\u{f0000}\u{10fffd} \u0378\u0379 \u{e0080} \u{1fffe}\uffff\ufdd0 x\ue000x \ue000\n`,
  "since Unicode 16": `\u{105c0}\u{105c1} \u1c89\u1c8a \u{10d40}\u{10d41}1 \u{10d50}\u{10d70}x \ua7cb \u0897`,
  "controls": `\u0000\u0001\u0002 \u0000\u007f\u0080\u009f x\u0000y \u0000\n`,
  "replacement character": `\ufffd \ufffd\ufffdx x\ufffd`,
  "special tokens": `<|endoftext|> <|fim_prefix|>a<|fim_middle|>b<|fim_suffix|>c <|endofprompt|>\n<|im_start|>user<|im_end|><|endoftext|`,
  "slashes": `// comment\n/// doc\r\n/* x *//\n/a/b//c !/\n//\n /\n/ !\n/\n`,
  "urls": `https://www.example.com/path/to/page.html?query=string&x=%E2%9C%93#top ftp://user:pw@host:21/ mailto:a.b+c@d.co.uk`,
  "symbols": `!!! ??? ... --- === *** ((( ))) [[]] {{}} <<>> @#$%^&*~\`|\\ ™®©§¶†‡•…‰′″‹›€£¥¢ ←↑→↓ ≤≥≠≈∞∑∏√ ─│┌┐`,
  "hexadecimal": `deadbeef 0xDEADBEEF 5f4dcc3b5aa765d61d8327deb882cf99 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`,
  "base64": `TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuIFRoaXMgaXMgbm90IGEgc2VjcmV0IGF0IGFsbC4=`,
};

// The generator: mulberry32, from a fixed seed.
let state = 0x150709e;
function random(n) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (from) => from[random(from.length)];
const join = (n, from) => Array.from({ length: n }, () => pick(from)).join("");

const blank = [" ", " ", " ", "  ", "   ", "\n", "\n", "\n\n", "\r", "\r\n", "\t", "\t\t", "\u000b", "\u0085", "\u00a0", "\u2028", "\u3000"];
const apostrophe = ["'", "'", "'", "\u2019", "s", "S", "\u017f", "t", "T", "r", "e", "re", "RE", "rE", "v", "ve", "VE", "Ve", "m", "M", "l", "ll", "LL", "lL", "d", "D", "\u212a", "k", "x", " ", "'s", "'LL", "'\u017f", "\u0301"];
const words = ["A", "B", "XY", "a", "b", "xy", "\u01c5", "\u1f88", "\u02b0", "\u30fc", "\u3082", "\u6f22", "\u05d0", "\u0915", "\u0301", "\u0903", "\u20dd", "\u0416", "\u0436", "\u00df", "\u0130", "\u0131", "\u{10400}", "\u{10428}", "\u{1d400}", "\u00aa", "'s", "'T", " ", "!", "1"];
const anything = [...blank, ...apostrophe, ...words, "hello", " world", "The", " the", "ing", "1", "23", "456", "7890", "\u0663", "\u2167", "\u00b2", "\u{1d7d8}", "!", "?", "...", "/", "//", "_", "-", "<|endoftext|>", "<|fim_prefix|>", "\u200b", "\u200d", "\u180e", "\ufeff", "\u{1f600}", "\u{1f469}\u200d\u{1f467}", "\u{1f1e9}\u{1f1ea}", "\ue000", "\u0378", "\u{10ffff}", "\u0000", "\u001c", "\u{105c0}", "\u0e01", "\u0e33", "\ud55c"];

function scalar(low, high) {
  for (;;) {
    const c = low + random(high - low);
    if (c < 0xd800 || c > 0xdfff) return String.fromCodePoint(c);
  }
}
const ranges = [[0, 0x80], [0x80, 0x250], [0x250, 0x700], [0x700, 0x2000], [0x2000, 0x3100], [0x3100, 0x10000], [0x10000, 0x20000], [0x20000, 0x110000]];

const kinds = {
  "blank": () => join(1 + random(24), random(3) ? blank : [...blank, "x", "1", "!", "Y"]),
  "apostrophe": () => join(1 + random(24), apostrophe),
  "words": () => join(1 + random(24), words),
  "anything": () => join(1 + random(32), anything),
  "ascii": () => Array.from({ length: 1 + random(60) }, () => scalar(0, 0x80)).join(""),
  "scalars": () => Array.from({ length: 1 + random(16) }, () => scalar(...pick(ranges))).join(""),
  "letters": () => Array.from({ length: 1 + random(150) }, () => scalar(0x61, 0x7b)).join(""),
};

const cases = Object.entries(literal).map(([name, text]) => ({ name, text }));
for (const [kind, make] of Object.entries(kinds)) {
  for (let i = 0; i < 350; i++) cases.push({ name: `fuzz ${kind} ${i}`, text: make() });
}

// A long text keeps only a hash of its ids: SHA-256 of little-endian 32-bit
// integers.
const size = 8192;
const long = {
  "a": "a".repeat(size),
  "spaces": " ".repeat(size) + "x",
  "tabs": "\t".repeat(size),
  "line ends": "\n".repeat(size),
  "blank lines": "\n ".repeat(size / 2),
  "blank lines then text": " \n\t".repeat(size / 2) + "x",
  "carriage returns": "\r\n".repeat(size / 2),
  "equals signs": "=".repeat(size),
  "slashes": "/\n".repeat(size / 2),
  "digits": "0".repeat(size),
  "upper case": "AB".repeat(size / 2),
  "upper and other letters": "A\u3082".repeat(size / 4),
  "marks": "\u0301".repeat(size / 2),
  "apostrophes": "'s".repeat(size / 2),
  "ideographs": "\u6f22\u5b57".repeat(size / 4),
  "emoji": "\u{1f600}".repeat(size / 4),
  "random letters": Array.from({ length: size }, () => scalar(0x61, 0x7b)).join(""),
  "random upper and lower case": Array.from({ length: size }, () => pick("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")).join(""),
  "anything": join(4 * size, anything),
  "all of Unicode to U+2FFFF": Array.from({ length: 0x30000 - 0x800 }, (_, i) => String.fromCodePoint(i < 0xd800 ? i : i + 0x800)).join(""),
  "all of Unicode with spaces to U+2FFFF": Array.from({ length: 0x30000 - 0x800 }, (_, i) => "x " + String.fromCodePoint(i < 0xd800 ? i : i + 0x800)).join(""),
};

function same(a, b) {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

const golden = { oracle: `npm tiktoken ${version}`, encodings: names.filter((n) => n !== "p50k_edit"), cases: [], long: [] };
function encode(text) {
  const ids = new Map(names.map((name, i) => [name, encodings[i].encode(text, [], [])]));
  // One set of ids serves both, because they differ only in special tokens.
  if (!same(ids.get("p50k_base"), ids.get("p50k_edit"))) throw new Error("p50k_base and p50k_edit differ");
  return golden.encodings.map((name) => ids.get(name));
}
for (const { name, text } of cases) {
  golden.cases.push({ name, text, ids: encode(text).map((ids) => [...ids]) });
}
for (const [name, text] of Object.entries(long)) {
  const ids = encode(text);
  golden.long.push({
    name,
    text,
    count: ids.map((ids) => ids.length),
    sha256: ids.map((ids) => crypto.createHash("sha256").update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)).digest("hex")),
  });
}
fs.writeFileSync(new URL("golden.json.gz", import.meta.url), zlib.gzipSync(JSON.stringify(golden), { level: 9 }));
console.log(golden.cases.length, "cases,", golden.long.length, "long texts");
