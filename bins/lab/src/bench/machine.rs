//! The machine and the software versions.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use super::runner::Python;
use crate::golden::root;

/// Names and values, in the order of the table; values that cannot be read are left out.
pub fn describe(python: Option<&Python>) -> Vec<(String, String)> {
    let named = |name: &str, value: Option<String>| value.map(|value| (name.to_owned(), value));
    let cores = available_parallelism().ok().map(|cores| cores.to_string());
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    let known = [
        named("date", output_of("date", &["-u", "+%Y-%m-%d"])),
        named("commit", output_of("git", &["describe", "--always", "--dirty", "--abbrev=12"])),
        named("processor", field("/proc/cpuinfo", "model name", ':')),
        named("cores", cores),
        named("memory", field("/proc/meminfo", "MemTotal", ':').and_then(|text| gigabytes(&text))),
        named("system", field("/etc/os-release", "PRETTY_NAME", '=')),
        named("kernel", output_of("uname", &["-sr"])),
        named("rustc", output_of("rustc", &["--version"])),
        named("burn", locked_version(&lock, "burn")),
    ];
    let packages = python.map(|python| python.versions.clone()).unwrap_or_default();
    known.into_iter().flatten().chain(packages).collect()
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The first line `name SEPARATOR value` of a file.
fn field(path: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// `16384 kB` as `16 GiB`.
fn gigabytes(text: &str) -> Option<String> {
    let kilobytes: f64 = text.strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{:.0} GiB", kilobytes / f64::from(1 << 20)))
}

fn locked_version(lock: &str, name: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_compiler_and_a_burn() {
        let machine = describe(None);
        let get = |name: &str| machine.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert!(get("rustc").unwrap().starts_with("rustc 1."));
        assert!(get("burn").unwrap().starts_with("0.22"));
        assert_eq!(get("torch"), None);
    }

    #[test]
    fn kilobytes_become_gigabytes() {
        assert_eq!(gigabytes("24683776 kB").unwrap(), "24 GiB");
        assert_eq!(gigabytes("many"), None);
    }
}
