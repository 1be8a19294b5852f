#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pictures of the documents are drawn by bench/report from the measurements that lie beside them.

    pictures.py ROOT

* each says its date, kernel and revision, and is shown on a page;
* bench/report draws these, no others, from docs/pictures/*.json; 77: no gnuplot here, so that nothing can be drawn;
* measurements that do not say where they come from are refused, and without any nothing is drawn.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def report(root, source, out):
    done = subprocess.run([root / "bench/report", "-i", source, "-o", out], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def shown(root):
    return "".join(page.read_text() for page in [*root.glob("*.md"), *root.glob("docs/**/*.md")])


def check(root):
    pictures = root / "docs/pictures"
    pages = shown(root)
    for picture in pictures.glob("*.svg"):
        if f"pictures/{picture.name}" not in pages:
            yield f"docs/pictures/{picture.name}: no page shows it"
    with tempfile.TemporaryDirectory(prefix="xbond-pictures-") as work:
        out = pathlib.Path(work)
        code, said = report(root, pictures, out / "all")
        if code:
            yield f"bench/report: {said}"
            return
        committed, drawn = ({p.name for p in d.glob("*.svg")} for d in (pictures, out / "all"))
        for name in committed ^ drawn:
            yield f"{name}: {'committed, but not drawn' if name in committed else 'drawn, but not committed'} (bench/report -i docs/pictures)"
        texts = {name: (pictures / name).read_text() for name in committed}
        for path in pictures.glob("*.json"):
            data = json.loads(path.read_text())
            said = [data["date"][:10], f"kernel {data['kernel']}", f"revision {data['revision']}"]
            if not any(all(fact in text for fact in said) for text in texts.values()):
                yield f"docs/pictures/{path.name}: no picture says {', '.join(said)}"
            for fact in ("date", "kernel", "revision", "rows"):
                poor = out / f"without-{fact}"
                poor.mkdir(exist_ok=True)
                (poor / path.name).write_text(json.dumps({k: v for k, v in data.items() if k != fact}))
                code, said_of_it = report(root, poor, poor)
                if code == 0 or fact not in said_of_it or list(poor.glob("*.svg")):
                    yield f"bench/report draws {path.name} without its {fact}"
        code, said = report(root, out / "nothing", out / "nothing")
        if code == 0:
            yield "bench/report is content with nothing"


def main(root):
    if not shutil.which("gnuplot"):
        print("SKIPPED: gnuplot is not installed")
        return 77
    problems = list(check(root))
    print("\n".join(problems + [f"pictures: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
