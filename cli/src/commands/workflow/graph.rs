//! `stepwell workflow graph NAME`: the steps of a run, what waits for what, and how each stands; as text or as a picture.

use super::Which;
use crate::error::Error;
use crate::output::{Output, printable};
use crate::progress::step_text;
use clap::{Args, ValueEnum};
use std::fmt::Write;
use stepwell_runtime::engine::Plan;
use stepwell_runtime::model::run::{RunStatus, StepPhase};
use stepwell_runtime::model::workflow::Mode;

/// Draw the steps of a run and what each waits for
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The form of the picture
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

/// The forms of the picture.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// Lines
    #[default]
    Text,
    /// An SVG picture
    Svg,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let (plan, status) = drive.driver.plan(&drive.reference).await?;
        let graph = Graph::of(&plan);
        out.result(match args.output {
            Form::Text => graph.text(&plan, &status),
            Form::Svg => graph.svg(&plan, &status),
        })
    })
}

/// Steps in columns, each behind everything that it waits for.
struct Graph {
    /// What each step waits for.
    before: Vec<Vec<usize>>,
    columns: Vec<usize>,
}

impl Graph {
    fn of(plan: &Plan) -> Graph {
        let mut before: Vec<Vec<usize>> = plan.nodes.iter().map(|n| n.depends_on.clone()).collect();
        let groups = plan.nodes.iter().enumerate().filter(|(_, n)| !n.children.is_empty());
        let levels = std::iter::once(&plan.top).chain(groups.map(|(_, n)| &n.children));
        for level in levels.filter(|l| !l.is_empty()) {
            if plan.mode_around(level[0]) == Mode::StepByStep {
                level.windows(2).for_each(|pair| before[pair[1]].push(pair[0]));
            }
        }
        for list in &mut before {
            list.sort_unstable();
            list.dedup();
        }
        let mut graph = Graph { columns: vec![0; before.len()], before };
        // The longest way from the beginning; a workflow has no circles, and at most as many columns as steps.
        for _ in 0..plan.nodes.len() {
            let mut moved = false;
            for n in 0..plan.nodes.len() {
                let first = match plan.nodes[n].parent {
                    Some(group) => graph.columns[group],
                    None => 0,
                };
                let end = |d: usize| {
                    plan.nodes[d]
                        .children
                        .iter()
                        .map(|c| graph.columns[*c])
                        .max()
                        .unwrap_or(0)
                        .max(graph.columns[d])
                };
                let column = graph.before[n].iter().map(|d| end(*d) + 1).max().unwrap_or(0).max(first);
                moved |= column != graph.columns[n];
                graph.columns[n] = column;
            }
            if !moved {
                break;
            }
        }
        graph
    }

    fn text(&self, plan: &Plan, status: &RunStatus) -> String {
        let mut text = String::new();
        for (n, node) in plan.nodes.iter().enumerate() {
            let indent = if node.parent.is_some() { "    " } else { "" };
            let state = status.step(&node.step.name).map_or_else(|| "not started".to_owned(), step_text);
            let names: Vec<&str> = self.before[n].iter().map(|d| plan.nodes[*d].step.name.as_str()).collect();
            let after = if names.is_empty() { String::new() } else { format!("  <- {}", names.join(", ")) };
            let condition = node.step.condition.as_ref().map(|c| format!("  if {c}")).unwrap_or_default();
            let line = format!(
                "{indent}{} {} ({}){after}{condition}: {state}",
                mark(status, &node.step.name),
                node.step.name,
                node.step.kind
            );
            let _ = writeln!(text, "{}", printable(&line));
        }
        text
    }

    fn svg(&self, plan: &Plan, status: &RunStatus) -> String {
        const WIDTH: usize = 180;
        const HEIGHT: usize = 44;
        const GAP: usize = 60;
        const LINE: usize = 20;
        let mut rows = vec![0; plan.nodes.len()];
        let mut used = vec![0usize; plan.nodes.len() + 1];
        for n in 0..plan.nodes.len() {
            rows[n] = used[self.columns[n]];
            used[self.columns[n]] += 1;
        }
        let at = |n: usize| (LINE + self.columns[n] * (WIDTH + GAP), LINE + rows[n] * (HEIGHT + LINE));
        let width = self.columns.iter().max().map_or(0, |c| c + 1) * (WIDTH + GAP) + LINE;
        let height = used.iter().max().copied().unwrap_or(0) * (HEIGHT + LINE) + LINE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n"
        );
        for (n, before) in self.before.iter().enumerate() {
            let (x, y) = at(n);
            for d in before {
                let (from_x, from_y) = at(*d);
                let (x1, y1, y2) = (from_x + WIDTH, from_y + HEIGHT / 2, y + HEIGHT / 2);
                let half = (x1 + x) / 2;
                let _ = writeln!(
                    svg,
                    "<path d=\"M{x1} {y1} C{half} {y1} {half} {y2} {x} {y2}\" fill=\"none\" stroke=\"#888\"/>"
                );
            }
        }
        for (n, node) in plan.nodes.iter().enumerate() {
            let (x, y) = at(n);
            let colour = match status.step(&node.step.name).map(|s| s.phase) {
                Some(StepPhase::Succeeded) => "#c8e6c9",
                Some(StepPhase::Failed) => "#ffcdd2",
                Some(StepPhase::Running) => "#bbdefb",
                Some(StepPhase::Suspending) => "#fff9c4",
                _ => "#eeeeee",
            };
            let state = status.step(&node.step.name).map_or_else(|| "not started".to_owned(), step_text);
            let name: String = node.step.name.chars().take(24).collect();
            let _ = writeln!(
                svg,
                "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"{colour}\" stroke=\"#555\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#555\">{}</text></g>",
                escaped(&state),
                x + 10,
                y + 18,
                escaped(&name),
                x + 10,
                y + 35,
                escaped(&node.step.kind.chars().take(24).collect::<String>()),
            );
        }
        svg + "</svg>\n"
    }
}

fn mark(status: &RunStatus, name: &str) -> &'static str {
    match status.step(name).map(|s| s.phase) {
        Some(StepPhase::Succeeded) => "✓",
        Some(StepPhase::Failed) => "✗",
        Some(StepPhase::Running) => "▸",
        Some(StepPhase::Suspending) => "⏸",
        Some(StepPhase::Skipped) => "-",
        Some(StepPhase::Pending) | None => "·",
    }
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
