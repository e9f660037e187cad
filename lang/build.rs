//! Generates the parser from `src/syntax/grammar.lalrpop`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    lalrpop::Configuration::new()
        .emit_rerun_directives(true)
        .set_in_dir("src/syntax")
        .set_out_dir(std::env::var("OUT_DIR")?)
        .process()
}
