// Keeps runs of the grid, or of its shards, out of each other's way in one folder.
#pragma once

#include "../tools/lock.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

namespace examples {

/// Keeps a second run out of a folder: the whole grid alone, or the shards of one division, each
/// once.
class Lock {
public:
  /// `shard` as in Results. Throws io_error where another run is at work.
  Lock(const std::string& out, const std::string& shard)
      : folder_(out + "/cells/.lock", O_RDWR | O_CREAT),
        own_(out + "/cells/.lock." + (shard.empty() ? "whole" : shard), O_RDWR | O_CREAT),
        division_(out + "/cells/" + division_of(shard), O_RDWR | O_CREAT) {
    const sgq::Descriptor door(out + "/cells/.lock.door", O_RDWR | O_CREAT);
    while (door && ::flock(door.get(), LOCK_EX) != 0 && errno == EINTR) { // one looks at a time
    }
    take_lock(folder_, shard.empty() ? LOCK_EX : LOCK_SH, out);
    take_lock(own_, LOCK_EX, out);
    take_lock(division_, LOCK_SH, out);
    for (const auto& entry : std::filesystem::directory_iterator(out + "/cells")) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(division_of("")) && name != division_of(shard))
        take_lock(sgq::Descriptor(entry.path().string(), O_RDWR), LOCK_EX, out); // for a moment
    }
  }

private:
  /// Shards of 2 and of 3 overlap.
  static std::string division_of(const std::string& shard) {
    return ".lock-of-" + shard.substr(std::min(shard.size(), shard.rfind('-') + 1));
  }

  sgq::Descriptor folder_, own_, division_;
};

} // namespace examples
