//! `stepwell def ...`: the definitions of components, traits, policies and workflow steps.

mod list;
mod render;
mod show;
mod vet;

use crate::error::Error;
use crate::output::Output;
use clap::Subcommand;

/// Definitions: list, show, check and render them
#[derive(Debug, Subcommand)]
pub(super) enum Def {
    List(list::Arguments),
    Render(render::Arguments),
    Show(show::Arguments),
    Vet(vet::Arguments),
}

pub(super) fn run(command: &Def, out: &Output) -> Result<(), Error> {
    match command {
        Def::List(args) => list::run(args, out),
        Def::Render(args) => render::run(args, out),
        Def::Show(args) => show::run(args, out),
        Def::Vet(args) => vet::run(args, out),
    }
}
