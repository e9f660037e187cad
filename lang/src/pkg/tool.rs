//! `tool/...`: the schemas of tasks. They are values like others; nothing here carries a task out.

use super::Package;

const fn schemas(path: &'static str, source: &'static str) -> Package {
    Package { path, functions: &[], constants: &[], source }
}

/// `tool/cli`: asking and telling.
pub(super) static CLI: Package = schemas(
    "tool/cli",
    r#"
// Prints a text.
Print: {
	$id:  "tool/cli.Print"
	text: string
}

// Asks for a text, or for yes or no.
Ask: {
	$id:      "tool/cli.Ask"
	prompt:   string
	response: string | bool
}
"#,
);

/// `tool/exec`: other programs.
pub(super) static EXEC: Package = schemas(
    "tool/exec",
    r#"
// Runs a program with its arguments.
Run: {
	$id: "tool/exec.Run"
	cmd: string | [string, ...string]
	dir?: string
	env: *{[string]: string} | [...=~"="]
	stdout:      *null | string | bytes
	stderr:      *null | string | bytes
	stdin:       *null | string | bytes
	success:     bool
	mustSucceed: bool | *true
}
"#,
);

/// `tool/file`: files and folders.
pub(super) static FILE: Package = schemas(
    "tool/file",
    r#"
// Reads a file.
Read: {
	$id:      "tool/file.Read"
	filename: !=""
	contents: *bytes | string
}

// Writes to the end of a file.
Append: {
	$id:         "tool/file.Append"
	filename:    !=""
	permissions: int | *0o666
	contents:    bytes | string
}

// Writes a file anew.
Create: {
	$id:         "tool/file.Create"
	filename:    !=""
	permissions: int | *0o666
	contents:    bytes | string
}

// Makes a symbolic link.
Symlink: {
	$id:      "tool/file.Symlink"
	filename: !=""
	target:   !=""
}

// The files whose names match a pattern.
Glob: {
	$id:  "tool/file.Glob"
	glob: !=""
	files: [...string]
}

// Makes a folder.
Mkdir: {
	$id:           "tool/file.Mkdir"
	path:          string
	createParents: bool | *false
	permissions:   int | *0o777
}

// Makes a folder, and those above it.
MkdirAll: Mkdir & {createParents: true}

// Makes a folder with a name of its own.
MkdirTemp: {
	$id:     "tool/file.MkdirTemp"
	dir:     string | *""
	pattern: string | *""
	path:    string
}

// Removes a file, or a folder with all that is in it.
RemoveAll: {
	$id:     "tool/file.RemoveAll"
	path:    string
	success: bool
}
"#,
);

/// `tool/http`: requests.
pub(super) static HTTP: Package = schemas(
    "tool/http",
    r#"
Get: Do & {method: "GET"}
Post: Do & {method: "POST"}
Put: Do & {method: "PUT"}
Delete: Do & {method: "DELETE"}

// Sends a request.
Do: {
	$id:             "tool/http.Do"
	method:          string
	url:             string
	followRedirects: *true | bool
	tls: {
		verify:  *true | bool
		caCert?: bytes | string
	}
	request: {
		body?: bytes | string
		header: [string]:  string | [...string]
		trailer: [string]: string | [...string]
	}
	response: {
		status:     string
		statusCode: int
		body:       *bytes | string
		header: [string]:  string | [...string]
		trailer: [string]: string | [...string]
	}
}

// Answers requests.
Serve: {
	$id:         "tool/http.Serve"
	listenAddr!: string
	routing: {
		path:    string | *"/"
		method?: string
	}
	request: {
		method: string
		url:    string
		body:   *bytes | string
		value?: _
		pathValues: [string]: string
		form: [string]:       [string, ...string]
		header: [string]:     [string, ...string]
		trailer: [string]:    [string, ...string]
	}
	response: {
		statusCode?: int
		body?:       *bytes | string
		header?: [string]:  string | [...string]
		trailer?: [string]: string | [...string]
	}
}
"#,
);

/// `tool/os`: the environment.
pub(super) static OS: Package = schemas(
    "tool/os",
    r#"
// The value of a variable.
Value: bool | number | *string | null

// The name of a variable.
Name: !="" & !~"^[$]"

// Sets variables; null unsets one.
Setenv: {
	$id: "tool/os.Setenv"
	{[Name]: Value}
}

// Reads variables.
Getenv: {
	$id: "tool/os.Getenv"
	{[Name]: Value}
}

// Reads all variables.
Environ: {
	$id: "tool/os.Environ"
	{[Name]: Value}
}

// Unsets all variables.
Clearenv: $id: "tool/os.Clearenv"
"#,
);
