//! The judge as a whole, on windows written by hand.

mod decisions;
mod example;

use super::testing::*;
use super::*;
use crate::rows::Signs;
use crate::slice::Slice;
