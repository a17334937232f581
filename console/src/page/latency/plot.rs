//! The percentile plot: one line a role, as SVG that needs no script and no style attribute.

use super::scale::{Log, rarity, round};
use crate::page::format;
use maud::{Markup, html};
use parallax_comparator::report::RoleLatency;

const WIDTH: f64 = 540.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 82.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 268.0;

/// Draws roles that have latencies; nothing where none has.
pub(crate) fn plot(roles: &[RoleLatency]) -> Markup {
    let roles: Vec<_> = roles.iter().filter(|role| role.quantiles.iter().any(|(_, ns)| *ns > 0)).collect();
    let Some(axes) = Axes::over(&roles) else {
        return html! {};
    };
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby="plot-title plot-text" {
            title id="plot-title" { "Latency by percentile and role" }
            desc id="plot-text" { (describe(&roles)) }
            (grid(&axes))
            @for role in &roles {
                g class={ "role-" (role.role) } {
                    path.line d=(line(role, &axes)) {}
                    @for (x, y) in marks(role, &axes) { (mark(role.role, x, y)) }
                }
            }
        }
    }
}

/// The sign of a role: its dash and its mark, for the legend.
pub(crate) fn sign(role: &str) -> Markup {
    html! {
        svg.sign viewBox="0 0 34 12" width="34" height="12" aria-hidden="true" {
            g class={ "role-" (role) } {
                path.line d="M1 6H33" {}
                (mark(role, 17.0, 6.0))
            }
        }
    }
}

struct Axes {
    across: Log,
    up: Log,
    /// The largest rarity that is drawn.
    rarest: f64,
}

impl Axes {
    fn over(roles: &[&RoleLatency]) -> Option<Self> {
        let points = || roles.iter().flat_map(|role| role.quantiles.iter().filter(|(_, ns)| *ns > 0));
        let lowest = points().map(|(_, ns)| *ns).min()? as f64;
        let highest = points().map(|(_, ns)| *ns).max()? as f64;
        let rarest = points().filter(|(q, _)| *q < 1.0).map(|(q, _)| rarity(*q)).fold(10.0, f64::max);
        let up = Log::new(round(lowest, false), round(highest, true), BOTTOM, TOP);
        Some(Self { across: Log::new(1.0, rarest, LEFT, RIGHT), up, rarest })
    }
}

fn grid(axes: &Axes) -> Markup {
    let named = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
    let quantiles = named.into_iter().filter(|q| rarity(*q) <= axes.rarest * 1.001);
    html! {
        g.grid {
            @for tick in axes.up.ticks() {
                @let y = place(axes.up.at(tick));
                line x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                text x=(LEFT - 8.0) y=(y) dy="0.35em" text-anchor="end" { (format::nanoseconds(tick as u64)) }
            }
            @for quantile in quantiles {
                @let x = place(axes.across.at(rarity(quantile)));
                line x1=(x) x2=(x) y1=(TOP) y2=(BOTTOM) {}
                text x=(x) y=(BOTTOM + 18.0) text-anchor="middle" { (format::quantile(quantile)) }
            }
            text.axis transform={ "translate(14 " ((TOP + BOTTOM) / 2.0) ") rotate(-90)" } text-anchor="middle" {
                "latency (logarithmic)"
            }
            text.axis x=((LEFT + RIGHT) / 2.0) y=(HEIGHT - 8.0) text-anchor="middle" {
                "percentile (logarithmic towards the tail)"
            }
        }
    }
}

fn line(role: &RoleLatency, axes: &Axes) -> String {
    let mut path = String::new();
    for (quantile, ns) in role.quantiles.iter().filter(|(q, ns)| *q < 1.0 && *ns > 0) {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let (x, y) = (axes.across.at(rarity(*quantile)), axes.up.at(*ns as f64));
        path.push_str(&format!("{command}{x:.1} {y:.1}"));
    }
    path
}

/// Where the line passes p50, p90, p99 and p99.9, as far as those were reported.
fn marks(role: &RoleLatency, axes: &Axes) -> Vec<(f64, f64)> {
    let marked = [0.5, 0.9, 0.99, 0.999];
    let near = |q: f64| marked.iter().any(|mark| (mark - q).abs() < 1e-9);
    let points = role.quantiles.iter().filter(|(q, ns)| near(*q) && *ns > 0);
    points.map(|(q, ns)| (axes.across.at(rarity(*q)), axes.up.at(*ns as f64))).collect()
}

/// A circle, a triangle or a square: roles differ in shape, not in colour alone.
fn mark(role: &str, x: f64, y: f64) -> Markup {
    let (x, y) = ((x * 10.0).round() / 10.0, (y * 10.0).round() / 10.0);
    html! {
        @match role {
            "candidate" => path.mark d={ "M" (x) " " (y - 5.0) "l5 9h-10z" } {},
            "control" => rect.mark x=(x - 3.5) y=(y - 3.5) width="7" height="7" {},
            _ => circle.mark cx=(x) cy=(y) r="4" {},
        }
    }
}

fn place(position: f64) -> String {
    format!("{position:.1}")
}

/// The plot in words.
fn describe(roles: &[&RoleLatency]) -> String {
    let describe = |role: &&RoleLatency| {
        let named = |wanted: f64| {
            let found = role.quantiles.iter().find(|(q, _)| (q - wanted).abs() < 1e-9);
            found.map(|(q, ns)| format!("{} {}", format::quantile(*q), format::nanoseconds(*ns)))
        };
        let figures: Vec<_> = [0.5, 0.9, 0.99, 0.999].into_iter().filter_map(named).collect();
        format!("{}: {}.", role.role, figures.join(", "))
    };
    roles.iter().map(describe).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(role: &'static str, quantiles: &[(f64, u64)]) -> RoleLatency {
        RoleLatency { role, quantiles: quantiles.to_vec(), ..RoleLatency::default() }
    }

    #[test]
    fn a_plot_says_in_words_what_it_shows() {
        let roles = [
            role("primary", &[(0.0, 80_000), (0.5, 1_200_000), (0.99, 9_000_000), (1.0, 20_000_000)]),
            role("candidate", &[(0.5, 2_400_000)]),
        ];
        let svg = plot(&roles).into_string();
        assert!(svg.contains("primary: p50 1.2 ms, p99 9 ms. candidate: p50 2.4 ms."), "{svg}");
        assert!(svg.contains(r#"class="role-candidate""#) && svg.contains(">p99<") && svg.contains(">5 ms<"));
        assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("style="));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(plot(&[role("primary", &[]), role("control", &[(0.5, 0)])]).into_string(), "");
    }

    #[test]
    fn one_point_makes_a_plot_without_infinities() {
        let svg = plot(&[role("primary", &[(0.5, 1)])]).into_string();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
