//! Steps that work with Git repositories, on real ones in folders of this machine.

use crate::sandbox::Sandbox;
use std::path::Path;
use std::process::Command;

/// Runs git and gives what it prints; `None` where there is none.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(dir).args(args).output().ok()?;
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn app(step: &str, image: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  components:\n  \
         - {{name: web, type: webservice, properties: {{image: '{image}', ports: [{{port: 80, expose: true}}]}}}}\n  \
         - {{name: db, type: worker, properties: {{image: 'db:1'}}}}\n  workflow:\n    steps:\n    \
         - {{name: out, type: git-push, properties: {step}}}\n"
    )
}

#[test]
fn rendered_components_are_pushed_to_a_repository_when_they_have_changed() {
    let dir = Sandbox::new();
    let bare = dir.path().join("config.git");
    if git(dir.path(), &["init", "-q", "--bare", "-b", "main", "config.git"]).is_none() {
        eprintln!("skipped: there is no git");
        return;
    }
    let step = format!("{{url: 'file://{}', path: apps/shop}}", bare.display());
    let run = |image: &str, step: &str| {
        dir.file("app.yaml", &app(step, image));
        dir.run(&["run", "app.yaml"])
    };
    let ran = run("web:1", &step);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("pushed 2 files to main: "), "{}", ran.stdout);
    let files = || git(&bare, &["ls-tree", "-r", "--name-only", "main"]).unwrap();
    assert_eq!(files(), "apps/shop/db.yaml\napps/shop/web.yaml");
    let web = git(&bare, &["show", "main:apps/shop/web.yaml"]).unwrap();
    let kinds: Vec<&str> = web.lines().filter(|l| l.starts_with("kind: ")).collect();
    assert_eq!(kinds, ["kind: Deployment", "kind: Service"]);
    assert!(web.contains("image: web:1"), "{web}");
    // Nothing is on the cluster, and nothing is pushed twice.
    assert!(!dir.run(&["get", "deployments"]).stdout.contains("web"));
    let again = run("web:1", &step);
    assert!(
        again.stdout.contains("nothing to push: main has it all, at "),
        "{}{}",
        again.stdout,
        again.stderr
    );
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]).unwrap(), "1");
    // What is no longer asked for goes.
    let ran = run("web:2", &step.replace('}', ", components: [web], message: 'web: 2'}"));
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(files(), "apps/shop/web.yaml");
    assert_eq!(git(&bare, &["log", "-1", "--format=%an: %s"]).unwrap(), "stepwell: web: 2");
}

#[test]
fn a_repository_that_cannot_be_pushed_to_fails_the_step() {
    let dir = Sandbox::new();
    dir.file("app.yaml", &app("{url: 'https://ann:HIDDEN@example.com/x'}", "web:1"));
    let ran = dir.run(&["run", "app.yaml"]);
    let told = "`https://example.com/x` has a password in it; give it by a Secret";
    assert!(ran.status == 1 && ran.stderr.contains(told), "{}{}", ran.stdout, ran.stderr);
}
