//! `encoding/openapi`.

use crate::pkg::Package;
use crate::pkg::args::functions;

/// What a document says beside its schemas.
const SOURCE: &str = r#"
#Config: {
	// The version of OpenAPI.
	version!: "3.0.0"

	// What the document says of itself.
	info?: {
		title!:          string
		version!:        string
		summary?:        string
		description?:    string
		termsOfService?: string
		contact?: {
			name?:  string
			url?:   string
			email?: string
		}
		license?: {
			name!: string
			url?:  string
		}
	}

	// Whether what is referred to outside of the schema becomes part of the document.
	selfContained: *false | bool

	// Whether references are replaced by what they refer to.
	expandReferences: *false | bool
}
"#;

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/openapi",
    functions: functions! {
        /// The definitions of `schema` as an OpenAPI document, in JSON.
        MarshalSchema(config: STRUCT, schema: STRUCT) -> STRING;
    },
    constants: &[],
    source: SOURCE,
};
