//! Tier arrows: a package depends only on packages of a lower tier.
//!
//! The tier stands in each manifest as `[package.metadata.tier] level`. Dev-dependencies may point
//! anywhere: a test may need a whole server.

use super::finding::{Finding, Rule};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use toml_edit::DocumentMut;

/// Packages of protocol code. They own no socket, and they know contracts instead of engines.
const PROTOCOL_PACKAGES: [&str; 5] =
    ["waypost-imap", "waypost-imap-wire", "waypost-lmtp", "waypost-mime", "waypost-pop3"];

/// What the packages of protocol code must not depend on, although its tier may be lower.
const DRIVER_PACKAGES: [&str; 8] =
    ["heed", "mio", "nix", "rustls", "socket2", "tokio", "tokio-rustls", "waypost-store-local"];

/// A package of the workspace as its manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    name: String,
    /// The manifest from the workspace's root.
    manifest: String,
    level: Option<u64>,
    /// Packages of the workspace or outside that it needs to be built.
    dependencies: Vec<String>,
}

/// Checks every package of the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let packages = packages(&metadata(root)?, root)?;
    let mut findings = Vec::new();
    for package in &packages {
        let manifest = root.join(&package.manifest);
        let text =
            fs::read_to_string(manifest).map_err(|e| format!("{}: {e}", package.manifest))?;
        findings.extend(check_manifest(package, &text));
        findings.extend(check_arrows(package, &levels(&packages), &text));
        findings.extend(check_protocol(package, &text));
    }
    Ok(findings)
}

fn metadata(root: &Path) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cannot run cargo metadata: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

fn packages(metadata: &Value, root: &Path) -> Result<Vec<Package>, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let read = |value: &Value| {
        package(value, root).ok_or_else(|| "cargo metadata names a package half".to_owned())
    };
    packages.iter().map(read).collect()
}

fn package(value: &Value, root: &Path) -> Option<Package> {
    let manifest = Path::new(value["manifest_path"].as_str()?);
    let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
    let dependencies = value["dependencies"].as_array()?;
    let built = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    Some(Package {
        name: value["name"].as_str()?.to_owned(),
        manifest: manifest.to_str()?.to_owned(),
        level: value["metadata"]["tier"]["level"].as_u64(),
        dependencies: built.filter_map(|d| d["name"].as_str().map(str::to_owned)).collect(),
    })
}

fn levels(packages: &[Package]) -> BTreeMap<&str, u64> {
    packages.iter().filter_map(|p| Some((p.name.as_str(), p.level?))).collect()
}

fn check_manifest(package: &Package, text: &str) -> Vec<Finding> {
    let fail = |message: &str| Finding::new(&package.manifest, 1, Rule::Manifest, message);
    let tier = "no tier: add `[package.metadata.tier]` with `level`, see docs/ARCHITECTURE.md";
    let lints = "add `[lints]` with `workspace = true`: one set of lints for every package";
    let tier = package.level.is_none().then(|| fail(tier));
    let lints = (!inherits_lints(text)).then(|| fail(lints));
    tier.into_iter().chain(lints).collect()
}

fn inherits_lints(text: &str) -> bool {
    let manifest = text.parse::<DocumentMut>().unwrap_or_default();
    manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true)
}

fn check_arrows(package: &Package, levels: &BTreeMap<&str, u64>, text: &str) -> Vec<Finding> {
    let Some(level) = package.level else { return Vec::new() };
    let upward = |name: &&String| levels.get(name.as_str()).is_some_and(|other| *other >= level);
    let fail = |name: &String| {
        let other = levels.get(name.as_str()).copied().unwrap_or_default();
        let message = format!(
            "tier {level} depends on {name} of tier {other}: arrows point down; move what is shared to a lower tier"
        );
        Finding::new(&package.manifest, line_of(text, name), Rule::Tier, message)
    };
    package.dependencies.iter().filter(upward).map(fail).collect()
}

fn check_protocol(package: &Package, text: &str) -> Vec<Finding> {
    if !PROTOCOL_PACKAGES.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let fail = |name: &String| {
        let message = format!(
            "protocol code depends on {name}: it knows no socket and no engine; use `net` and `store`"
        );
        Finding::new(&package.manifest, line_of(text, name), Rule::Tier, message)
    };
    let drivers = package.dependencies.iter().filter(|d| DRIVER_PACKAGES.contains(&d.as_str()));
    drivers.map(fail).collect()
}

/// The line of a manifest that names a dependency; 1 when it goes by another name there.
fn line_of(text: &str, name: &str) -> usize {
    text.lines().position(|line| line.starts_with(name)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use serde_json::json;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn package_at(name: &str, level: Option<u64>, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            level,
            dependencies: dependencies.iter().map(|&d| d.to_owned()).collect(),
        }
    }

    #[test]
    fn an_arrow_points_to_a_lower_tier_only() {
        let packages = [
            package_at("low", Some(0), &["serde"]),
            package_at("mid", Some(1), &["low"]),
            package_at("beside", Some(1), &["mid"]),
            package_at("wrong", Some(0), &["mid"]),
        ];
        let levels = levels(&packages);
        let found = |at: usize| check_arrows(&packages[at], &levels, "\nmid.workspace = true\n");
        assert_eq!((found(0), found(1)), (Vec::new(), Vec::new()));
        for at in [2, 3] {
            let findings = found(at);
            assert_eq!(findings.len(), 1);
            assert_eq!((findings[0].line, findings[0].rule), (2, Rule::Tier));
        }
    }

    #[test]
    fn a_manifest_declares_its_tier_and_inherits_the_lints() {
        assert_eq!(check_manifest(&package_at("a", Some(0), &[]), LINTS), []);
        assert_eq!(check_manifest(&package_at("a", None, &[]), LINTS).len(), 1);
        assert_eq!(check_manifest(&package_at("a", Some(0), &[]), "[package]\n").len(), 1);
        let own = "[lints]\nworkspace = false\n";
        assert_eq!(check_manifest(&package_at("a", Some(0), &[]), own).len(), 1);
    }

    #[test]
    fn protocol_code_depends_on_no_socket_and_no_engine() {
        let engine = "waypost-store-local";
        let protocol = package_at("waypost-imap", Some(4), &["bytes", "tokio", engine]);
        let text = "bytes = \"1\"\ntokio = \"1\"\n";
        let lines: Vec<_> = check_protocol(&protocol, text).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2, 1]);
        assert_eq!(check_protocol(&package_at("waypost-net", Some(3), &["tokio"]), text), []);
    }

    #[test]
    fn dev_dependencies_are_no_arrows() {
        let metadata = json!({"packages": [{
            "name": "a",
            "manifest_path": "/work/a/Cargo.toml",
            "metadata": {"tier": {"level": 2}},
            "dependencies": [
                {"name": "b", "kind": null},
                {"name": "c", "kind": "dev"},
                {"name": "d", "kind": "build"},
            ],
        }]});
        let packages = packages(&metadata, Path::new("/work")).unwrap();
        let expected = Package {
            manifest: "a/Cargo.toml".to_owned(),
            ..package_at("a", Some(2), &["b", "d"])
        };
        assert_eq!(packages, [expected]);
    }

    #[test]
    fn the_workspace_itself_is_read() {
        let metadata = metadata(&crate::root()).unwrap();
        let packages = packages(&metadata, &crate::root()).unwrap();
        let types = packages.iter().find(|package| package.name == "waypost-types").unwrap();
        assert_eq!((types.level, types.manifest.as_str()), (Some(0), "crates/types/Cargo.toml"));
    }
}
