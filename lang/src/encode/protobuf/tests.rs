//! What `.proto` files become. `shop.proto` is ours, `shop.cue` what the reference makes of it, with its
//! imports sorted; spaces and empty lines are not compared.

use super::{Enums, ProtoFile, definitions};
use std::collections::BTreeMap;

fn convert(files: &[(&str, &str)]) -> String {
    convert_with(files, Enums::Numbers)
}

fn convert_with(files: &[(&str, &str)], enums: Enums) -> String {
    let mut read = BTreeMap::new();
    for (name, text) in files {
        match ProtoFile::read(text) {
            Ok(file) => read.insert((*name).to_owned(), file),
            Err(e) => return e.to_string(),
        };
    }
    let (name, package) = (files[0].0, read[files[0].0].package());
    match definitions(name, &read, enums) {
        Ok(file) => file.text(package.as_deref()),
        Err(mistakes) => mistakes.iter().map(|m| format!("{m}\n")).collect(),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn a_file_becomes_what_the_reference_makes_of_it() {
    let made = convert(&[("shop.proto", include_str!("shop.proto"))]);
    assert_eq!(words(&made), words(include_str!("shop.cue")), "\n{made}");
}

#[test]
fn packages_are_imported() {
    let main =
        "syntax = \"proto3\"; package a.v1; import \"b.proto\"; import \"c.proto\"; import \"d.proto\";
        message M { b.v1.N n = 1; x.v1.N x = 2; D d = 3; }";
    let b = "syntax = \"proto3\"; package b.v1; message N { string s = 1; }";
    let c = "syntax = \"proto3\"; package x.v1; option go_package = \"ex.test/c;other\"; message N {}";
    let d = "syntax = \"proto3\"; package a.v1; message D {}";
    let made = convert(&[("a.proto", main), ("b.proto", b), ("c.proto", c), ("d.proto", d)]);
    insta::assert_snapshot!(made, @r###"
    package v1

    import (
    	"ex.test/c:other"
    	"googleapis.com/b/v1"
    )

    #M: {
    	n?: v1.#N    @protobuf(1,b.v1.N)
    	x?: other.#N @protobuf(2,x.v1.N)
    	d?: #D       @protobuf(3,D)
    }
    "###);
}

#[test]
fn nothing_hides_what_is_meant() {
    let text = "syntax = \"proto3\"; package p; import \"google/protobuf/timestamp.proto\";
        message A {
          message A { string x = 1; }
          .p.A outer = 1; A inner = 2; A.A same = 3; p.A.A full = 4;
          int32 string = 5; google.protobuf.Timestamp time = 6; string label = 7; bool _a = 8; bytes len = 9;
          optional int32 message = 10; repeated bool option = 11; string reserved = 12; string oneof = 13;
        }";
    insta::assert_snapshot!(convert(&[("p.proto", text)]), @r###"
    package p

    import "time"

    #A: {

    	#A: {
    		x?: string @protobuf(1,string)
    	}

    	outer?:    Root_A    @protobuf(1,.p.A)
    	inner?:    #A        @protobuf(2,A)
    	same?:     Root_A.#A @protobuf(3,A.A)
    	full?:     Root_A.#A @protobuf(4,p.A.A)
    	"string"?: int32     @protobuf(5,int32)
    	"time"?:   time.Time @protobuf(6,google.protobuf.Timestamp)
    	label?:    string    @protobuf(7,string)
    	A?:        bool      @protobuf(8,bool,name=_a)
    	len?:      bytes     @protobuf(9,bytes)
    	message?:  int32     @protobuf(10,int32)
    	option?: [...bool] @protobuf(11,bool)
    	reserved?: string @protobuf(12,string)
    	oneof?:    string @protobuf(13,string)
    }

    let Root_A = #A
    "###);
}

#[test]
fn a_group_is_a_message_and_a_field() {
    let text = "syntax = \"proto2\"; package p;
        message M {
          // what came out
          repeated group Result = 3 [deprecated = true] { // of it
            required string url = 1;
          }
          oneof one { group Inner = 4 { optional bool b = 1; } int32 n = 5; }
        }";
    insta::assert_snapshot!(convert(&[("p.proto", text)]), @r###"
    package p

    #M: {

    	#Result: {
    		url?: string @protobuf(1,string)
    	}

    	// what came out
    	result?: [...#Result] @protobuf(3,Result,deprecated,group) // of it

    	#Inner: {
    		b?: bool @protobuf(1,bool)
    	}

    	{} | {
    		inner: #Inner @protobuf(4,Inner,group)
    	} | {
    		n: int32 @protobuf(5,int32)
    	}
    }
    "###);
}

#[test]
fn enums_may_be_names() {
    let text = "syntax = \"proto3\"; package p;
        // Kind of thing.
        enum Kind {
          // none
          NONE = 0;
          A = 1; // the a
          NEG = -3;
        }
        message M { enum Inner { I0 = 0; I1 = 1; } Inner inner = 1; }";
    insta::assert_snapshot!(convert_with(&[("p.proto", text)], Enums::Names), @r###"
    package p

    // Kind of thing.
    #Kind: {
    	// none
    	"NONE"
    	#enumValue: 0
    } | {
    	"A" // the a
    	#enumValue: 1
    } | {"NEG", #enumValue: -3}

    #Kind_value: {
    	NONE: 0
    	A:    1
    	NEG:  -3
    }

    #M: {

    	#Inner: {"I0", #enumValue: 0} |
    		{"I1", #enumValue: 1}

    	#Inner_value: {
    		I0: 0
    		I1: 1
    	}

    	inner?: #Inner @protobuf(1,Inner)
    }
    "###);
}

#[test]
fn options_may_be_on_several_lines() {
    let text = "syntax = \"proto2\"; package p;
        message A { optional string a = 1 [(my.own). // of us
          opt = { x: 1
          }, default = \"x\"
          \"y\", n = -5]; }";
    let made = convert(&[("p.proto", text)]);
    let want = r###"@protobuf(1,string,"(my.own).opt={ x: 1 }",#"default="x" "y""#,"n=-5")"###;
    assert!(made.contains(want), "{made}");
}

#[test]
fn options_are_kept() {
    let text = "syntax = \"proto2\"; package p;
        message A {
          required int32 a_b = 1 [default = -5, (my.own).opt = true];
          optional string s = 2 [default = \"a\\n\\\"b\\\"#\", json_name = \"S-1\", (x) = { y: [1, 2] }];
          map<string, int32> m_m = 3 [deprecated = true];
          extensions 100 to max; reserved 4, 5 to 7; reserved \"x\";
          option (o) = \"x\";
        }
        extend A { optional int32 more = 100; }
        service S { rpc Get (A) returns (stream A) { option (http) = { get: \"/\" }; } }";
    insta::assert_snapshot!(convert(&[("p.proto", text)]), @r###"
    package p

    #A: {
    	aB?:    int32  @protobuf(1,int32,name=a_b,"default=-5","(my.own).opt")
    	"S-1"?: string @protobuf(2,string,name=s,##"default="a\n\"b\"#""##,"(x)={ y: [1, 2] }")
    	mM?: {
    		[string]: int32
    	} @protobuf(3,map[string]int32,m_m,deprecated)
    }
    "###);
}

/// What stands in quotes is no name for an attribute, whatever characters it has.
#[test]
fn odd_options_can_be_read_back() {
    let text = "syntax = \"proto3\"; package p; message A { string a = 1 [de4.444ellprecated0 = true, b.c = true]; }";
    let made = convert(&[("p.proto", text)]);
    assert!(made.contains(r#"@protobuf(1,string,"de4.444ellprecated0",b.c)"#), "{made}");
    assert!(crate::syntax::parse(crate::source::FileId(0), &made).1.is_empty(), "{made}");
}

#[test]
fn options_of_the_language_are_constraints() {
    let text = r##"syntax = "proto3"; package p;
        message A {
          string a_b = 1 [(cue.val) = '=~"^a\\"b"', deprecated = true];
          int32 c = 2 [(cue.val) = ">5" " | *7", (cue.opt).required = true];
          int32 d = 3 [(cue.opt).required = false];
          oneof x { int32 z = 4 [(cue.val) = "<5"]; }
          map<string, string> m = 5 [(cue.val) = "{a: \"x\"}"];
        }"##;
    insta::assert_snapshot!(convert(&[("p.proto", text)]), @r###"
    package p

    #A: {
    	aB?: string @protobuf(1,string,name=a_b,deprecated)
    	aB?: =~"^a\"b"
    	c:   int32 @protobuf(2,int32)
    	c?:  >5 | *7
    	d?:  int32 @protobuf(3,int32)
    	{} | {
    		z:  int32 @protobuf(4,int32)
    		z?: <5
    	}
    	m?: {
    		[string]: string
    	} @protobuf(5,map[string]string)
    	m?: {a: "x"}
    }
    "###);
    for (value, why) in [
        (">", "expected a value"),
        ("1\\nb: 2", "there is more than one field in it"),
        ("1 @a()", "there is more than one field in it"),
    ] {
        let text = format!(
            "syntax = \"proto3\"; package p; message A {{ string a = 1 [(cue.val) = \"{value}\"]; }}"
        );
        let told = convert(&[("p.proto", &text)]);
        assert!(told.starts_with("1:43: (cue.val) of a is no expression: "), "{told}");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn mistakes_are_told_where_they_are() {
    let one = |text: &str| convert(&[("p.proto", &format!("syntax = \"proto3\"; package p;\n{text}"))]);
    let table = [
        ("message M { Mesage m = 1; }", "2:13: the type Mesage is not declared\n"),
        (
            "message Message { Mesage m = 1; }",
            "2:19: the type Mesage is not declared; did you mean Message?\n",
        ),
        ("message M { optional group G = 1 { } message G {} }", "2:46: G is declared twice\n"),
        ("message M { optional group G = 1; }", "2:22: the type group is not declared\n"),
        ("message M {}\nmessage M {}", "3:9: M is declared twice\n"),
        ("message M { string a_b = 1; string aB = 2; }", "2:29: aB is called aB in JSON, as a_b is\n"),
        ("message M { string a = x; }", "2:24: expected the number of the field, found `x`"),
        ("message M { string a = 1 }", "2:26: expected `;`, found `}`"),
        (
            "message M { string a = 1;",
            "2:26: expected a field, with its type in front, found the end of the file",
        ),
        (
            "mesage M {}",
            "2:1: expected `message`, `enum`, `service`, `extend`, `import`, `option` or `package`, found `mesage`",
        ),
        ("/* open", "2:1: this comment has no end"),
        ("message M { string a = 1 [default = \"x]; }", "2:37: this text has no end"),
        ("message M { string ü = 1; }", "2:20: 'ü' stands for nothing here"),
        ("service S {", "2:11: this brace is not closed"),
    ];
    for (text, want) in table {
        assert_eq!(one(text), want, "{text}");
    }
    assert!(convert(&[("p.proto", "syntax = \"proto9\";")]).contains("there are proto2 and proto3"));
    let deep = "message M { ".repeat(100_000);
    assert!(one(&deep).contains("nested more than 64 deep"));
    assert!(one(&format!("option x = {}", "{".repeat(100_000))).contains("not closed"));
}
