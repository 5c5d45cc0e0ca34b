// The SHA-256 of numbers, byte by byte.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/io/sha256.hpp"

#include <string>

class Digest {
public:
  template <class T>
  void add(sgq::View<const T> numbers) {
    sum_.update({reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::size_t>(numbers.size()) * sizeof(T)});
  }
  std::string hex() { return sum_.hex(); }

private:
  sgq::io::Sha256 sum_;
};
