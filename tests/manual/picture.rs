//! The picture at the head of the README: what its examples show, as a terminal
//! would. The README's own test runs those examples and compares what they print,
//! so the picture is of a real run as well.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// The examples in it, by the words that they begin with.
const EXAMPLES: [&str; 4] = ["**A sensor", "**Records for jq", "**A cron job", "**A smoke test"];

/// How wide a letter is, how high a line, and how far both are from the edge, in
/// pixels of the picture.
const LETTER: f64 = 7.8;
const LINE: usize = 19;
const MARGIN: usize = 16;

/// The terminal text of an example of the README.
fn example<'a>(readme: &'a str, begin: &str) -> &'a str {
    let from = readme
        .find(begin)
        .unwrap_or_else(|| panic!("{begin} is not in the README"));
    let (_, block) = readme[from..].split_once("```console\n").expect("a block");
    block.split_once("```").expect("the end of a block").0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The picture, in SVG.
pub(super) fn generate() -> (PathBuf, String) {
    let readme = fs::read_to_string(super::root().join("README.md")).unwrap();
    let text = EXAMPLES.map(|begin| example(&readme, begin)).join("\n");
    let lines: Vec<String> = text.lines().map(|line| line.replace('\t', "  ")).collect();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few hundred pixels"
    )]
    let width = (longest as f64 * LETTER).ceil() as usize + 2 * MARGIN;
    let height = lines.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-size=\"13\"\n     \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" xml:space=\"preserve\">\n\
         <title>mqpub and mqsub in a terminal</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#14191f\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN + (number + 1) * LINE - 5;
        let (colour, weight) = if line.starts_with("$ ") {
            ("#e8eef4", " font-weight=\"bold\"")
        } else if line.contains("error: ") {
            ("#f2a29b", "")
        } else {
            ("#9fb3c4", "")
        };
        if !line.is_empty() {
            writeln!(
                svg,
                "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{colour}\"{weight}>{}</text>",
                escaped(line)
            )
            .unwrap();
        }
    }
    svg.push_str("</svg>\n");
    (PathBuf::from("man/terminal.svg"), svg)
}
