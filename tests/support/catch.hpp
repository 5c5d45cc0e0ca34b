// One include for Catch2, whichever major version is installed: v3's split headers, or the single
// header of v2 (Debian's package `catch2`), which puts Approx at file scope by itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
