//! mqsub: hands the arguments to the library, nothing else.

#![no_main]

mqtools::program!(mqtools::subscribe::main);
