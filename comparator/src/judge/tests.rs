//! The judge as a whole, on windows written by hand.

mod decisions;
mod example;
mod laws;
mod simulations;

use super::testing::*;
use super::*;
use crate::rows::{Row, Signs};
use crate::run::ControlMode;
use crate::slice::Slice;
use parallax_config::Policy;
