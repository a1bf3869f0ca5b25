"""Loads exported files with Hugging Face datasets and compares their rows with the JSONL of the same rows.

Usage: datasets_interop.py DIR, where DIR/cases.json lists {"name", "file", "lines"}. Prints one JSON document.
"""

import json
import sys
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet


def load(path):
    """The rows as datasets reads them, read anew and cached beside the file."""
    kind = "parquet" if path.suffix == ".parquet" else "json"
    cache = path.with_suffix(path.suffix + ".cache")
    return datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache)).to_list()


def present(value):
    """Without keys whose value is null: JSONL leaves them out."""
    if isinstance(value, dict):
        return {key: present(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [present(one) for one in value]
    return value


def compare(case, folder):
    path = folder / case["file"]
    with open(folder / case["lines"], encoding="utf-8") as lines:
        expected = [present(json.loads(line)) for line in lines]
    problems = []
    rows = [present(row) for row in load(path)]
    if rows != expected:
        problems.append(f"datasets: {len(rows)} rows differ from the {len(expected)} that were written")
    if path.suffix == ".parquet":
        table = [present(row) for row in pyarrow.parquet.read_table(path).to_pylist()]
        if table != expected:
            problems.append("pyarrow: the rows differ from those that were written")
    return {"case": case["name"], "rows": len(expected), "problems": problems}


def main():
    folder = Path(sys.argv[1])
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    datasets.disable_progress_bars()
    results = [compare(case, folder) for case in cases]
    versions = f"datasets {datasets.__version__}, pyarrow {pyarrow.__version__}"
    print(json.dumps({"versions": versions, "results": results}))


if __name__ == "__main__":
    main()
