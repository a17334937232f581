//! Benchmarks; each is a program or a criterion target of this package.
