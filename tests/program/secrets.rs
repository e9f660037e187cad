//! Secrets are nowhere to be found: a run that reads and uses one is searched whole, all that it printed, wrote and kept.

use crate::sandbox::Sandbox;
use std::fs;
use std::path::Path;

/// The secret as it is written, and as it is in a Secret's data.
const FORMS: [&str; 2] = ["hidden-value-4711", "aGlkZGVuLXZhbHVlLTQ3MTE"];

/// Every file below a folder in which a form of the secret stands.
fn found(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found(&path, into);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            let hides = |form: &&str| bytes.windows(form.len()).any(|w| w == form.as_bytes());
            into.extend(FORMS.iter().filter(|f| hides(f)).map(|f| format!("{f} in {}", path.display())));
        }
    }
}

#[test]
fn a_secret_is_nowhere_in_the_clear() {
    let dir = Sandbox::new();
    dir.file(
        "run.yaml",
        &format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: hook, namespace: default}}\n\
             stringData: {{url: 'http://u:{0}@127.0.0.1:1/{0}?token={0}', password: {0}}}\n---\n\
             apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: shy, namespace: default}}\nspec:\n  workflowSpec:\n    steps:\n    \
             - {{name: look, type: read-object, properties: {{apiVersion: v1, kind: Secret, name: hook}}}}\n    \
             - {{name: call, type: webhook, timeout: 1s, properties: {{url: {{secretRef: {{name: hook, key: url}}}}, data: {{a: 1}}}}}}\n    \
             - name: mail\n      type: notification\n      if: always\n      timeout: 1s\n      properties:\n        email:\n          \
             from: {{address: a@example.com, password: {{secretRef: {{name: hook, key: password}}}}, host: 127.0.0.1, port: 1}}\n          \
             to: [b@example.com]\n          content: {{subject: s, body: b}}\n",
            FORMS[0]
        ),
    );
    let ran = dir.run(&["run", "run.yaml"]);
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let mut told = vec![ran];
    for args in [
        &["workflow", "logs", "shy"][..],
        &["workflow", "status", "shy", "-o", "yaml"],
        &["workflow", "debug", "shy", "--step", "look"],
        &["workflow", "list"],
        &["get", "workflowrun", "shy", "-o", "json"],
        &["get", "configmaps", "-o", "yaml"],
        &["get", "events", "-o", "yaml"],
    ] {
        told.push(dir.run(args));
    }
    for (i, ended) in told.iter().enumerate() {
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!FORMS.iter().any(|f| text.contains(f)), "output {i}: {text}");
        assert!(i == 0 || ended.status == 0, "output {i}: {text}");
    }
    // What the user wrote is the user's; everything else is the program's.
    let mut kept = Vec::new();
    found(&dir.path().join("state"), &mut kept);
    assert_eq!(kept, [""; 0]);
    // It was there to be read all along.
    let secret = dir.run(&["get", "secret", "hook", "-o", "yaml"]);
    assert!(secret.stdout.contains(FORMS[1]), "{}{}", secret.stdout, secret.stderr);
}
