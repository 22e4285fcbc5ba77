"""What the tests saw of the bugs that mutmut put in, with a reason for each one that they did not.

uv run --group mutation mutmut run ['gan_lightning.losses*' ...]
uv run --group mutation python -m benchmarks.mutation [--out results.json]

mutmut keeps its verdicts under ``mutants/``. This adds them up by module. Reasons are written by
hand into the results; they stay with a survivor for as long as function and change are the same.
A mutant that was not tried is counted apart: it is neither seen nor a survivor. A module of which
none was tried this time keeps the verdicts of before, as long as its text is the same.

Goal: at least 95 % of the mutants tried are seen.
"""

from __future__ import annotations

import argparse
import json
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from benchmarks.timing import RESULTS

SEEN = {"killed", "timeout", "segfault", "suspicious"}
UNTRIED = {"not checked", "check was interrupted by user"}
OPEN = "unseen: not looked at yet"


def change(mutant: str) -> str:
    """The lines that the mutant takes out and puts in."""
    lines = get_diff_for_mutant(mutant).splitlines()
    marked = [f"{line[0]} {line[1:].strip()}" for line in lines if line[:1] in ("-", "+")]
    return "\n".join(line for line in marked if not line.startswith(("- --", "+ ++")))


def function(mutant: str) -> str:
    """``Class.method`` or ``function``, from mutmut's mangled name."""
    mangled = mutant.rpartition(".")[2].rpartition("__mutmut_")[0]
    return mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def module(path: Path, before: dict[str, Any]) -> dict[str, Any]:
    """The verdicts on one module, with the reasons that were given before."""
    text = sha256(path.read_bytes()).hexdigest()[:12]
    reasons = {
        (s["function"], "\n".join(s["change"])): s["reason"] for s in before.get("survivors", [])
    }
    data = SourceFileMutationData(path=path)
    data.load()
    verdicts = {m: status_by_exit_code[code] for m, code in data.exit_code_by_key.items()}
    tried = {m: verdict for m, verdict in verdicts.items() if verdict not in UNTRIED}
    if not tried and before.get("text") == text:
        return before
    missed = [(function(m), change(m)) for m, verdict in tried.items() if verdict not in SEEN]
    return {
        "text": text,
        "mutants": len(verdicts),
        "tried": len(tried),
        "seen": len(tried) - len(missed),
        "survivors": [
            {"function": f, "change": c.splitlines(), "reason": reasons.get((f, c), OPEN)}
            for f, c in missed
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "mutation.json")
    out: Path = parser.parse_args().out
    before = json.loads(out.read_text())["modules"] if out.exists() else {}
    paths = [p for p in sorted(Path("gan_lightning").rglob("*.py")) if config().should_mutate(p)]
    modules = {str(path): module(path, before.get(str(path), {})) for path in paths}
    tried, seen = (sum(m[key] for m in modules.values()) for key in ("tried", "seen"))
    result = {
        "command": "uv run --group mutation mutmut run",
        "versions": {name: version(name) for name in ("mutmut", "pytest", "torch")},
        "mutants": sum(m["mutants"] for m in modules.values()),
        "tried": tried,
        "seen": seen,
        "share": round(seen / max(tried, 1), 4),
        "modules": modules,
    }
    out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    share = f"{100 * result['share']:.1f} %"
    print(f"{seen} of the {tried} mutants tried are seen, {share}; there are {result['mutants']}")


if __name__ == "__main__":
    main()
