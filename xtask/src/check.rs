//! What must hold before anything lands, the cheapest first.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::fixtures;
use crate::{root, say};

/// One command and why it is run.
struct Check {
    name: &'static str,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

const CHECKS: &[Check] = &[
    Check { name: "format", args: &["fmt", "--all", "--check"], env: &[] },
    Check {
        name: "lints",
        args: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        env: &[],
    },
    Check {
        name: "documentation",
        args: &["doc", "--workspace", "--no-deps"],
        env: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Check { name: "tests and doctests", args: &["test", "--workspace"], env: &[] },
    // Its other half is in the workspace's own lints; this is the program for those who have an endpoint.
    Check {
        name: "lints of trace-eval without local models",
        args: &[
            "clippy",
            "-p",
            "trace-eval",
            "--no-default-features",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        env: &[],
    },
    // cubecl's build scripts download LLVM for `cuda`; under DOCS_RS they return early, which is
    // enough to type-check where nothing can be downloaded.
    Check {
        name: "lints with cuda and wgpu",
        args: &[
            "clippy",
            "-p",
            "trace-train",
            "-p",
            "trace-eval",
            "--all-targets",
            "--features",
            "cuda,wgpu",
            "--",
            "-D",
            "warnings",
        ],
        env: &[("DOCS_RS", "1")],
    },
];

/// Log-probs and losses on a WGPU device; needs a Vulkan driver, of which a software one will do.
const WGPU: Check = Check {
    name: "log-probs and losses on wgpu",
    args: &[
        "test",
        "--release",
        "-p",
        "trace-train",
        "--features",
        "wgpu",
        "--test",
        "wgpu",
        "--",
        "--nocapture",
    ],
    env: &[],
};

/// Runs all checks, or those on a WGPU device alone; true if all passed.
pub fn run(wgpu: bool) -> Result<bool> {
    if wgpu {
        return pass(&WGPU);
    }
    if !fixtures::check()? {
        return Ok(false);
    }
    for check in CHECKS {
        if !pass(check)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn pass(check: &Check) -> Result<bool> {
    let command = format!("cargo {}", check.args.join(" "));
    say(format_args!("== {}: {command}", check.name))?;
    let started = Instant::now();
    let status = Command::new("cargo")
        .args(check.args)
        .envs(check.env.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot run {command}"))?;
    let verdict = if status.success() { "passed" } else { "FAILED" };
    say(format_args!("== {} {verdict} after {:.0} s", check.name, started.elapsed().as_secs_f64()))?;
    Ok(status.success())
}
