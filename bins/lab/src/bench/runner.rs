//! One process for each run, of this program or of the baseline.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use iopo_cli::say;
use serde_json::Value;
use tempfile::TempDir;

use super::case::{Case, Purpose, Side};
use super::measure::{RETURN_FREED_MEMORY, RETURN_FREED_MEMORY_GLIBC};
use super::random_model;
use crate::golden::root;

/// Steps of a run for memory: the first allocates the optimizer's state, the peak follows.
const MEMORY_STEPS: usize = 3;

/// Idle threads must sleep. If they spin, PyTorch is ten times slower on cores that other processes use as well.
const PASSIVE_THREADS: [(&str, &str); 2] = [("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0")];

/// Which group files are run, and how often.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Folder of the group files and of torch_baseline.py.
    #[arg(long, default_value_os_t = root().join("../shared/bench"))]
    pub inputs: PathBuf,
    /// How often each configuration is measured.
    #[arg(long, default_value_t = 2)]
    pub rounds: usize,
    /// Measured steps of each run.
    #[arg(long, default_value_t = 4)]
    pub steps: usize,
}

/// A Python interpreter with the packages of the baseline.
#[derive(Debug)]
pub struct Python {
    program: PathBuf,
    script: PathBuf,
    /// Names and versions of its packages.
    pub versions: Vec<(String, String)>,
}

impl Python {
    /// The given interpreter, else `IOPO_PYTHON`, else `python3`; `None`, with a printed reason, if it cannot run the
    /// baseline in `inputs`.
    pub fn find(given: Option<&Path>, inputs: &Path) -> Result<Option<Self>> {
        let named = || env::var_os("IOPO_PYTHON").map(PathBuf::from);
        let program = given.map(Path::to_owned).or_else(named).unwrap_or_else(|| "python3".into());
        let script = inputs.join("torch_baseline.py");
        if !script.is_file() {
            say(format_args!("SKIPPED PyTorch: there is no {}", script.display()))?;
            return Ok(None);
        }
        let Some(versions) = versions(&program) else {
            say(format_args!(
                "SKIPPED PyTorch: {} does not import torch, transformers and peft; --python or IOPO_PYTHON names another",
                program.display()
            ))?;
            return Ok(None);
        };
        Ok(Some(Self { program, script, versions }))
    }
}

fn versions(program: &Path) -> Option<Vec<(String, String)>> {
    const PRINT: &str = "import platform, torch, transformers, peft\n\
        print('python', platform.python_version())\n\
        for m in (torch, transformers, peft): print(m.__name__, m.__version__)";
    let output = Command::new(program).args(["-c", PRINT]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    text.lines().map(pair).collect()
}

/// The folders of models and groups, and the length of a run.
pub struct Runner {
    work: TempDir,
    inputs: PathBuf,
    python: Option<Python>,
    steps: usize,
}

impl Runner {
    /// Writes the models.
    pub fn new(args: &RunArgs, python: Option<Python>) -> Result<Self> {
        let RunArgs { inputs, rounds, steps } = args.clone();
        ensure!(rounds > 0, "there must be a round: --rounds is 0");
        ensure!(steps > 0, "there must be a step to measure: --steps is 0");
        let work = tempfile::tempdir().context("cannot make a temporary folder")?;
        for size in &random_model::SIZES {
            random_model::write(size, &work.path().join(size.name))?;
        }
        Ok(Self { work, inputs, python, steps })
    }

    /// The baseline's interpreter, if there is one.
    pub fn python(&self) -> Option<&Python> {
        self.python.as_ref()
    }

    /// A temporary folder, where group files can be written.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// Runs a case and returns what it printed.
    pub fn run(&self, case: &Case) -> Result<Value> {
        match case.side {
            Side::Ours => self.ours(&case.data, case.purpose, &case.our_arguments()),
            _ => self.torch(case),
        }
    }

    /// Runs `cargo xtask bench one` with these arguments beside files and steps.
    pub fn ours(&self, data: &str, purpose: Purpose, arguments: &[String]) -> Result<Value> {
        let mut command = Command::new(env::current_exe().context("this program has no path")?);
        command.args(["bench", "one", "--model"]).arg(self.model(data)?);
        command.arg("--quads").arg(self.quads(data)?).args(arguments);
        command.args(["--steps", &self.steps.to_string()]);
        match purpose {
            Purpose::Time => command.arg("--no-memory"),
            Purpose::Memory => command
                .args(["--memory-only", "--memory-steps", &MEMORY_STEPS.to_string()])
                .envs(RETURN_FREED_MEMORY),
        };
        last_line(command)
    }

    fn torch(&self, case: &Case) -> Result<Value> {
        let python = self.python.as_ref().context("there is no PyTorch to run")?;
        let mut command = Command::new(&python.program);
        command.arg(&python.script).arg("--model").arg(self.model(&case.data)?);
        command.arg("--data").arg(self.quads(&case.data)?).args(case.torch_arguments());
        let steps = match case.purpose {
            Purpose::Time => self.steps,
            Purpose::Memory => MEMORY_STEPS - 1,
        };
        command.args(["--warm", "1", "--steps", &steps.to_string()]).envs(PASSIVE_THREADS);
        if case.purpose == Purpose::Memory {
            command.envs(RETURN_FREED_MEMORY_GLIBC);
        }
        last_line(command)
    }

    /// The folder of a group file's model: `q_small_256_128` is for the model `small`.
    fn model(&self, data: &str) -> Result<PathBuf> {
        let mut sizes = random_model::SIZES.iter();
        let size = data.split('_').nth(1).and_then(|name| sizes.find(|size| size.name == name));
        let size = size.with_context(|| format!("{data} does not say for which model it is"))?;
        Ok(self.work.path().join(size.name))
    }

    fn quads(&self, data: &str) -> Result<PathBuf> {
        let folders = [self.work.path(), &self.inputs];
        let mut places = folders.iter().map(|folder| folder.join(data).with_extension("jsonl"));
        places.find(|path| path.is_file()).with_context(|| {
            format!("no {data}.jsonl in {}; --inputs names another folder", self.inputs.display())
        })
    }
}

fn last_line(mut command: Command) -> Result<Value> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.trim().lines().collect();
        bail!("{command:?} failed: {}", lines[lines.len().saturating_sub(4)..].join(" | "));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim().lines().last().unwrap_or_default())
        .with_context(|| format!("{command:?} printed no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_name_and_missing_ones_are_named() {
        let inputs = tempfile::tempdir().unwrap();
        let args = RunArgs { inputs: inputs.path().to_owned(), rounds: 1, steps: 1 };
        let runner = Runner::new(&args, None).unwrap();
        std::fs::write(inputs.path().join("q_base_1.jsonl"), "").unwrap();
        assert_eq!(runner.quads("q_base_1").unwrap(), inputs.path().join("q_base_1.jsonl"));
        assert!(runner.quads("q_base_2").unwrap_err().to_string().contains("q_base_2.jsonl"));
        assert!(runner.model("q_base_1").unwrap().join("config.json").is_file());
        assert!(runner.model("q_huge_1").is_err());
    }

    #[test]
    fn an_interpreter_that_is_missing_is_skipped() {
        let inputs = tempfile::tempdir().unwrap();
        assert!(Python::find(None, inputs.path()).unwrap().is_none());
        std::fs::write(inputs.path().join("torch_baseline.py"), "").unwrap();
        assert!(Python::find(Some(Path::new("no-such-python")), inputs.path()).unwrap().is_none());
    }

    #[test]
    fn a_process_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo reason >&2; exit 3"]);
        assert!(last_line(command).unwrap_err().to_string().contains("reason"));
    }
}
