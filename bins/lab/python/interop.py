"""Loads folders that iopo-model wrote with transformers and PEFT, and compares logits.

    python3 xtask/python/interop.py DIR

DIR/cases.json lists the cases; each has a model folder, maybe an adapter folder, token rows, and a
safetensors file with the logits that iopo-model computed. Prints one JSON list, an entry per case.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file

# PEFT only warns where an adapter lacks matrices that its configuration promises.
warnings.filterwarnings("error", message=".*missing adapter keys.*")


def load(case: dict) -> tuple[torch.nn.Module, list[str]]:
    """The model, and what its files had too little or too much of."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        case["model"], output_loading_info=True, attn_implementation="eager"
    )
    problems = [f"{what}: {sorted(map(str, info[what]))}" for what in info if info[what]]
    if case["dtype"] != str(model.dtype).removeprefix("torch."):
        problems.append(f"loaded as {model.dtype}, written as {case['dtype']}")
    model = model.float()
    if case["adapter"]:
        model = peft.PeftModel.from_pretrained(model, case["adapter"])
    return model.eval(), problems


def compare(case: dict) -> dict:
    model, problems = load(case)
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor(case["rows"])).logits.double()
    ours = load_file(case["logits"])["logits"].double()
    if ours.shape != theirs.shape:
        problems.append(f"shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
        return {"case": case["name"], "problems": problems, "max_difference": None, "max_logit": None}
    difference = (ours - theirs).abs().max().item()
    return {
        "case": case["name"],
        "problems": problems,
        "max_difference": difference if math.isfinite(difference) else None,
        "max_logit": theirs.abs().max().item(),
    }


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    cases = json.loads((Path(sys.argv[1]) / "cases.json").read_text())
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    print(json.dumps({"versions": versions, "results": [compare(case) for case in cases]}))


if __name__ == "__main__":
    main()
