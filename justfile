# The same commands as CI, by the same names; `just` alone lists them.

[private]
default:
    @just --list

# Every test; installs what they need.
test *arguments:
    ./test {{arguments}}

# Formatting, as CI checks it.
fmt:
    .ci/run fmt

# Lints, as CI checks them.
clippy:
    .ci/run clippy

# The documentation, without broken links.
doc:
    .ci/run doc

# Licences, banned crates, sources.
deny:
    .ci/run deny

# A few seconds of each fuzz target.
fuzz:
    .ci/run fuzz

# Everything that must hold before a change lands.
ci:
    .ci/run

# Servers, browsers and peers for tests and benchmarks.
setup *parts:
    tests/setup.sh {{parts}}

# The commented reference configuration, after a key was added or reworded.
reference:
    UPDATE_REFERENCE=1 cargo test --package parallax-config --test config the_reference_file

# The whole loop in one process.
demo *arguments:
    cargo run --release -- demo {{arguments}}
