// The nets of tests/support/nets.hpp, their layers compiled once for all tests of this folder.
#pragma once

#include "compiled_once.hpp"
#include "support/nets.hpp"
