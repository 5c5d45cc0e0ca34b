// sgq/version.hpp -- the one place that states the version.
#pragma once

#define SGQ_VERSION_MAJOR 0
#define SGQ_VERSION_MINOR 1
#define SGQ_VERSION_PATCH 0

namespace sgq {

inline constexpr const char* version = "0.1.0";

} // namespace sgq
