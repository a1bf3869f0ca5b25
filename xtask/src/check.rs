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

/// Cheapest first: format and the rules about the repository take seconds, since xtask links no engine.
///
/// Lints and documentation share one set of features, with every device in it, so that burn's metadata is compiled
/// once for both; tests compile burn a second time, to run it.
const CHECKS: &[Check] = &[
    Check { name: "format", args: &["fmt", "--all", "--check"], env: &[] },
    Check { name: "rules about the repository", args: &["test", "--quiet", "--package", "xtask"], env: &[] },
    Check {
        name: "lints, with cuda and wgpu",
        args: &["clippy", "--workspace", "--all-targets", "--features", DEVICES, "--", "-D", "warnings"],
        env: &[NO_DOWNLOAD],
    },
    Check {
        name: "documentation",
        args: &["doc", "--workspace", "--no-deps", "--features", DEVICES],
        env: &[NO_DOWNLOAD, ("RUSTDOCFLAGS", "-D warnings")],
    },
    Check { name: "tests and doctests", args: &["test", "--workspace"], env: &[] },
    // The program for those who have an endpoint; its other half is in the workspace's own lints.
    Check {
        name: "trace-eval without local models",
        args: &["check", "-p", "trace-eval", "--no-default-features"],
        env: &[],
    },
];

/// The features of the programs that add devices.
const DEVICES: &str = "trace-train/cuda,trace-train/wgpu,trace-eval/cuda,trace-eval/wgpu";

/// cubecl's build scripts download LLVM for `cuda`; under DOCS_RS they return early, which is enough to type-check
/// where nothing can be downloaded.
const NO_DOWNLOAD: (&str, &str) = ("DOCS_RS", "1");

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
